"""How good are the networks, and which heatmaps of them can be trusted?"""
