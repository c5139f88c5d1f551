"""The command ./run_all.sh: its flags, Snakemake, progress, Slurm, and one executed notebook."""
