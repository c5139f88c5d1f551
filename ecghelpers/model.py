"""StevenNet under the name that programs outside this package rely on."""

from .network.model import FusedStevenNet, StevenNet, fuse, load_model, read_metadata, save_model

__all__ = ["FusedStevenNet", "StevenNet", "fuse", "load_model", "read_metadata", "save_model"]
