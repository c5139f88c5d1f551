"""Figures, the explorer, the offline page and the web app."""
