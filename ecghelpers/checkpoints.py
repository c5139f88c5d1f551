"""Files of weights: read, and refused in one line where they are none of this network."""

import hashlib
import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor


def read_weights(path: Path, architecture: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights from safetensors, or from an original .pt state dict: those wanted, in name and kind.

    Raises ValueError, naming the file and what is allowed, for a file that is missing or
    truncated, holds anything but tensors, belongs to another architecture or precision, or has a
    weight that is not finite.
    """
    is_pt = path.suffix in (".pt", ".pth")
    weights = _read_pt(path) if is_pt else read_safetensors(path)[0]
    _check_architecture(path, weights, architecture)
    _check_values(path, weights, architecture)
    return weights


def weights_digest(weights: dict[str, Tensor]) -> str:
    """The SHA-256 of the names and values of all weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        # Seen as bytes, because NumPy does not know all types that a file may hold.
        values = weights[name].detach().cpu().reshape(-1).view(torch.uint8)
        digest.update(name.encode() + values.numpy().tobytes())
    return digest.hexdigest()


def read_safetensors(path: Path, weights: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Weights and metadata of a file, or its metadata alone."""
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys() if weights else ()
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None


def _read_pt(path: Path) -> dict[str, Tensor]:
    try:
        # weights_only: tensors alone, a pickle that would run code is refused.
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _unreadable(path, error.strerror or error) from None
    except pickle.UnpicklingError:
        raise _unreadable(path, "it holds something else than tensors") from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(weights, dict) or not all(map(_holds_values, weights.values())):
        raise _unreadable(path, "it holds something else than tensors by name")
    return weights


def _holds_values(weight: object) -> bool:
    """Whether this is an ordinary tensor: not a sparse one, nor a shape without values."""
    return isinstance(weight, Tensor) and weight.layout is torch.strided and not weight.is_meta


def _unreadable(path: Path, reason: object) -> ValueError:
    lines = str(reason).strip().splitlines() or [type(reason).__name__]
    return ValueError(
        f"cannot read a model from {path}: {lines[0][:150]}; "
        "allowed: a whole .safetensors written by save_model, or a .pt state dict of a StevenNet"
    )


def _check_architecture(
    path: Path, weights: dict[str, Tensor], architecture: dict[str, Tensor]
) -> None:
    """Raise ValueError naming a few of the weights that differ in name or shape."""
    problems = [f"{name} is missing" for name in architecture if name not in weights]
    problems += [f"{name} is not StevenNet's" for name in weights if name not in architecture]
    problems += [
        f"{name} is {tuple(weights[name].shape)}, not {tuple(value.shape)}"
        for name, value in architecture.items()
        if name in weights and weights[name].shape != value.shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ValueError(
            f"{path} holds another architecture: {', '.join(problems[:3])}{more}; "
            "allowed: the weights of one StevenNet"
        )


def _check_values(path: Path, weights: dict[str, Tensor], architecture: dict[str, Tensor]) -> None:
    """Raise ValueError naming a weight of another type, or one that cannot be one.

    That is NaN, infinity, and a variance below zero, whose root the network would take.
    """
    for name, value in architecture.items():
        got, allowed = weights[name].dtype, value.dtype
        if got != allowed:
            raise ValueError(f"{path}: {name} is {_plain(got)}; allowed: {_plain(allowed)}")
        # The sum is a quick answer: it is finite only if all values are.
        if not weights[name].sum().isfinite() and not weights[name].isfinite().all():
            raise ValueError(f"{path}: {name} holds NaN or infinity; allowed: finite weights")
        if name.endswith("running_var") and (weights[name] < 0).any():
            raise ValueError(f"{path}: {name} is below zero; allowed: a variance of 0 or more")


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
