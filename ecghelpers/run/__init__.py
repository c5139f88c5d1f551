"""What ./run_all.sh does: check a run, start Snakemake, tell what comes out."""
