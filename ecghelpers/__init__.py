"""Measure ECGs with a neural network, draw heatmaps of what it looks at, and judge the heatmaps.

Import the modules themselves (``from ecghelpers import attribution``): the package imports nothing
on its own, so that reading its version costs no time.
"""

__version__ = "0.1.0"
