"""Pretrained networks, each with a card.

``networks/<target>/model<k>.safetensors`` holds a plain StevenNet, µV in and target unit out;
``model<k>.json``, its card, says what it was trained on, how, and how well it measures ECGs that it
never saw. networks/make.py writes both. ``networks/planted/<kind>/`` holds the same for networks
whose label is a known function of the voltages.
"""

import json
from importlib import resources
from pathlib import Path

from ..files import atomic_write, sha256, write_json
from ..paths import ROOT
from ..runtime import resolve_device
from ..validation import check_target

BESIDE = ROOT / "networks"  # in a clone; else in the package
PLANTED = "planted"
HALF_FROM_TAPS = 50  # convolutions of at least this many taps are stored with 16 bits
GET_BOTH = "take both from one version of the project (git checkout -- networks, or install again)"


def folder() -> Path:
    """Where the pretrained networks are."""
    return BESIDE if BESIDE.is_dir() else Path(str(resources.files("ecghelpers") / "networks"))


def models(name: str, place: Path | None = None) -> list[int]:
    """The numbers of the pretrained networks of one target, or of ``planted/<kind>``.

    place: the folder of all networks, here and below; by default ``folder()``.
    """
    cards = ((place or folder()) / name).glob("model*.json")
    numbers = (path.stem.removeprefix("model") for path in cards)
    return sorted(int(number) for number in numbers if number.isdigit())


def read_card(name: str, model: int = 1, place: Path | None = None) -> dict:
    """Read the card of a network, whose weights must be the ones it describes.

    name: a target, or ``planted/<kind>``. Raises ValueError for an unknown target or model, and
    where card or weights are missing, damaged or do not belong together.
    """
    if not name.startswith(f"{PLANTED}/"):
        check_target(name)
    available = models(name, place)
    if model not in available:
        raise ValueError(
            f"there is no pretrained {name} model {model} (available for {name}: "
            f"{', '.join(map(str, available)) or 'none'}); lower models, or set network to trained"
        )
    weights = _weights(name, model, place)
    path = weights.with_suffix(".json")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        described = card["target"], card["model"], card["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the card of a network: {error!r}; {GET_BOTH}") from None
    if not weights.is_file():
        raise ValueError(f"{weights} is missing, though {path.name} is there; {GET_BOTH}")
    if described != (name, model, sha256(weights)):
        raise ValueError(
            f"{weights} is damaged or not the network that {path.name} describes; {GET_BOTH}"
        )
    return card


def load_network(name: str, model: int = 1, device: str = "auto", place: Path | None = None):
    """Load a pretrained StevenNet, in evaluation mode: µV in, target unit out.

    Raises ValueError as read_card does, and for a device that is not available.
    """
    return network_of(read_card(name, model, place), device, place)


def network_of(card: dict, device: str = "auto", place: Path | None = None):
    """Load the network that a card describes."""
    from .model import load_model  # imports torch, which reading cards does without

    weights = _weights(card["target"], card["model"], place)
    try:
        return load_model(weights, resolve_device(device))
    except ValueError as error:
        raise ValueError(f"{error}; {GET_BOTH}") from None


def write_network(network, card: dict, place: Path) -> None:
    """Write a network and its card, long convolutions with 16 bits per weight.

    network: a StevenNet that takes µV. card: with its target and model. place: the folder of all
    networks.
    """
    import torch
    from safetensors.torch import save_file

    stored = {}
    for name, value in network.state_dict().items():
        long = value.ndim == 3 and value.shape[2] >= HALF_FROM_TAPS
        stored[name] = value.detach().cpu().to(torch.float16 if long else value.dtype).contiguous()
    path = _weights(card["target"], card["model"], place)
    with atomic_write(path) as temporary:
        save_file(stored, temporary)
    write_json(path.with_suffix(".json"), card | {"sha256": sha256(path)})


def other_data(card: dict, attributes: dict) -> str:
    """How records differ from those that a network was trained on; "" if they do not.

    attributes: those of ``medians.h5``.
    """
    from ..measurement import LABELS_VERSION  # imports torch, which reading cards does without

    source, version = attributes.get("source", "an unknown source"), card["data"]["labels_version"]
    if source != "gan":
        return (
            f"it was trained on generated ECGs with this project's labels, and these are from "
            f"{source}: patients, devices or labels may differ"
        )
    if version != LABELS_VERSION:
        return (
            f"it was trained on labels of version {version}, "
            f"and these are of version {LABELS_VERSION}"
        )
    return ""


def _weights(name: str, model: int, place: Path | None) -> Path:
    return (place or folder()) / name / f"model{model}.safetensors"
