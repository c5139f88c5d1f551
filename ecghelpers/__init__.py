"""Measure ECGs with a neural network, draw heatmaps of what it looks at, and judge the heatmaps.

The house, from the roof down; a room imports only from its own floor or one below (a test checks):

run/          what ./run_all.sh does: steps, checks, Snakemake, slurm (time limits), one notebook
views/        what people look at: figures, explorer, offline page, web app
study/        the blinded reading study

judging/      which heatmaps can be believed: every test of them, and the review of all

data/         records from every source to one medians.h5
training      a StevenNet from median beats; evaluation: its errors; attribution_maps: all its maps

attribution   nine methods and random: which samples mattered; perturbation: noise in their place
truth/        edits, masks and scores: is a map right? and maps that are wrong on purpose
measurement/  from an ECG to its median beat, fiducials and targets

model         the network; prediction, and speed/: the same numbers faster
files, config, ecg: whole files, where results lie, what an ECG is; statistics: paired tests;
checkpoints: files of weights; selection: records that stay in their file; written: numbers in words

The package imports nothing on its own: import the modules (``from ecghelpers import attribution``).
"""

__version__ = "0.1.0"
