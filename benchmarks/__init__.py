"""The speed of the analysis, compared with plain implementations: ``python -m benchmarks``."""
