"""Which heatmaps can be believed: every test of the maps, with networks where it needs them."""
