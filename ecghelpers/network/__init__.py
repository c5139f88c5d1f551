"""StevenNet: architecture, training, inference, checkpoints and pretrained networks."""
