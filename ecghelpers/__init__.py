"""Measure ECGs with a neural network, draw heatmaps of its predictions, and evaluate the heatmaps.

Each package imports only from its own layer or from those below (a test checks):

run/          ./run_all.sh: the command line, progress, Slurm, one executed notebook
views/        figures, the interactive view, offline page, web app
study/        the blinded reading study

evaluation/   errors of the networks, and which heatmaps can be trusted: experiments, metrics,
              control maps, known readouts, the review

data/         records from every source to one medians.h5
training      fitting a StevenNet to median beats (trainer: one step, one epoch)
              pretrained: networks with cards; attribution_maps: all maps of some records

attribution   how much every sample mattered (attribution_methods: the methods)
perturbation  curves while points are perturbed (perturbation_operators: what a point becomes)
intervention  effects of replacing segments
measurement/  from an ECG to its median beat, fiducials and targets

model         the network; prediction, and speed/: the same numbers faster
ecg           leads and targets; paths: files of a results folder; parameters: their schema;
              validation: checks of arguments; runtime: device, cores, random generators;
              files: atomic writes, digests, resume caches; checkpoints: files of weights;
              lazy_rows: rows that stay in their file; formatting: numbers as text;
              fingerprint: the code behind a result

The package imports nothing on its own: import the modules (``from ecghelpers import attribution``).
"""

__version__ = "0.1.0"
