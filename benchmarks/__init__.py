"""How fast the analysis is, side by side with the plain way: ``python -m benchmarks``."""
