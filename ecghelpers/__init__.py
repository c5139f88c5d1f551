"""Measure ECGs with a neural network, draw heatmaps of its predictions, and evaluate the heatmaps.

docs/architecture.md describes the packages and their layers.

Import the modules that you need: ``from ecghelpers import attribution``.
"""

__version__ = "0.1.0"
