"""Reading weights from files, with every reason for refusing one in a single line."""

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from ..files import remedy


def load_weights(path: Path, model: nn.Module) -> None:
    """Load float32 weights from safetensors, or from a .pt state dict of the original analysis.

    Weights stored with 16 bits are widened. Raises ValueError, naming the file and what is allowed,
    for a file that is missing or truncated, holds anything but tensors, belongs to another
    architecture or precision, or has impossible values.
    """
    weights = _read_pt(path) if path.suffix in (".pt", ".pth") else read_safetensors(path)[0]
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        problems = "; ".join(line.strip() for line in str(error).splitlines()[1:])
        raise ValueError(
            f"{path} holds another architecture: {problems[:200]} …; "
            "allowed: the weights of one StevenNet"
        ) from None
    for name, value in model.state_dict().items():
        if weights[name].dtype not in (value.dtype, torch.float16):
            got, allowed = (str(t.dtype).removeprefix("torch.") for t in (weights[name], value))
            raise ValueError(f"{path}: {name} is {got}; allowed: {allowed}")
    check_values(weights, f"{path}: ")


def check_values(weights: Mapping[str, Tensor], source: str = "") -> None:
    """Raise ValueError for a weight that is NaN or infinite, or a variance below zero.

    source: where the weights are from, put before the message.
    """
    for name, value in weights.items():
        # A finite sum is a quick proof that all values are finite.
        if value.is_floating_point() and not value.sum().isfinite() and not value.isfinite().all():
            raise ValueError(f"{source}{name} holds NaN or infinity; allowed: finite weights")
        if name.endswith("running_var") and (value < 0).any():
            raise ValueError(f"{source}{name} is below zero; allowed: a variance of 0 or more")


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """The SHA-256 of the names and values of all weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        # Viewed as bytes, because NumPy does not support every dtype that a file may hold.
        values = weights[name].detach().cpu().reshape(-1).view(torch.uint8)
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()


def read_safetensors(path: Path, weights: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read weights and metadata of a file, or its metadata alone."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys() if weights else ()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None


def _read_pt(path: Path) -> dict[str, Tensor]:
    try:
        # weights_only refuses a pickle that would run code.
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise _unreadable(path, "it holds something else than tensors") from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _unreadable(path, getattr(error, "strerror", None) or error) from None
    if not isinstance(weights, dict) or not all(isinstance(w, Tensor) for w in weights.values()):
        raise _unreadable(path, "it holds something else than tensors by name")
    return weights


def _unreadable(path: Path, reason: object) -> ValueError:
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return ValueError(
        f"cannot read a model from {path}: {lines[0][:150]}; "
        "allowed: a complete .safetensors or .pt state dict of a StevenNet"
        + (f"; {remedy(path)}" if path.name == "model.safetensors" else "")
    )
