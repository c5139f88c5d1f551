"""Measure ECGs with a neural network, draw heatmaps of what it looks at, and judge the heatmaps.

The house, from the roof down; a room imports only from its own floor or one below (a test checks):

run/          what ./run_all.sh does: steps, checks, Snakemake, slurm (time limits), one notebook
views/        what people look at: figures, explorer, offline page, web app
study/        the blinded reading study

evaluation/   errors of the networks, and which heatmaps can be trusted: tests, controls, review

data/         records from every source to one medians.h5
training      fitting a StevenNet to median beats (trainer: one step, one epoch)
              pretrained: networks with cards; attribution_maps: all maps

attribution   nine methods and random (attribution_methods): which samples mattered
perturbation  curves while they are perturbed; perturbation_operators: what a point becomes
intervention  what the prediction does when a segment is replaced
measurement/  from an ECG to its median beat, fiducials and targets

model         the network; prediction, and speed/: the same numbers faster
files, config, ecg: whole files, where results lie, what an ECG is; statistics: paired tests;
checkpoints: files of weights; selection: records that stay in their file; written: numbers in
words; fingerprint: the code that a result was made by

The package imports nothing on its own: import the modules (``from ecghelpers import attribution``).
"""

__version__ = "0.1.0"
