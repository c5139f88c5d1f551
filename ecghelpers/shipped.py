"""The reference networks that come with the project, and the card that each of them has.

``networks/<target>/model<k>.safetensors`` holds the weights, ``model<k>.json`` the card: what it
was trained on, how, and how well it measures ECGs that it never saw. networks/make.py makes both.
``networks/planted/<plant>/`` holds the same of networks that read what is planted into beats.
"""

import json
from importlib import resources
from pathlib import Path

from .config import check_number, check_target
from .ecg import TARGETS
from .files import sha256, whole_file, write_json

BESIDE = Path(__file__).resolve().parent.parent / "networks"  # in a clone; else in the package
MOST = 1e6  # of a target's unit
PLANTED = "planted"
INPUT_SCALE = 1e-3  # the stored weights take mV, of which 16-bit numbers hold enough
GET_BOTH = "take both from one version of the project (git checkout -- networks, or install again)"


def folder() -> Path:
    """Where the networks are."""
    return BESIDE if BESIDE.is_dir() else Path(str(resources.files(__package__) / "networks"))


def models(target: str) -> list[int]:
    """The numbers of the networks that come with the project for one target."""
    names = (path.stem.removeprefix("model") for path in (folder() / target).glob("model*.json"))
    return sorted(int(name) for name in names if name.isdigit())


def read_card(target: str, model: int = 1) -> dict:
    """The card of a network that belongs to its weights.

    Raises ValueError for an unknown target or model, and where card or weights are missing, damaged
    or not each other's.
    """
    if model not in models(check_target(target)):
        there = ", ".join(map(str, models(target))) or "none"
        raise ValueError(
            f"{target} model {model} does not come with the project (of {target} there is: "
            f"{there}); lower models, or set network to trained"
        )
    return _card(target, model)


def planted_card(plant: str, fingerprint: str) -> dict | None:
    """The card of the network that reads a plant; None if none comes along that reads it as it is.

    fingerprint: of truth.plants, for the plant and its seed. Raises ValueError as read_card does.
    """
    name = f"{PLANTED}/{plant}"
    card = _card(name) if 1 in models(name) else {}
    return card if card.get("fingerprint") == fingerprint else None


def _card(name: str, model: int = 1) -> dict:
    """The card of a network by its folder's name, if it belongs to the weights beside it."""
    weights = _weights(name, model)
    path = weights.with_suffix(".json")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        checksum = card["sha256"]
        check_number("mean", card["mean"], -MOST, MOST)
        check_number("sd", card["sd"], 1 / MOST, MOST)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not the card of a network: {error!r}; {GET_BOTH}") from None
    if not weights.is_file():
        raise ValueError(f"{weights} is missing, though {path.name} is there; {GET_BOTH}")
    if (card.get("target"), card.get("model")) != (name, model) or sha256(weights) != checksum:
        raise ValueError(
            f"{weights} is damaged or not the network that {path.name} describes; {GET_BOTH}"
        )
    return card


def load_network(target: str, model: int = 1, device: str = "auto"):
    """A StevenNet that takes µV and gives the target's unit, in evaluation mode.

    Raises ValueError as read_card does, and for a device that there is not.
    """
    return network_of(read_card(target, model), device)


def network_of(card: dict, device: str = "auto"):
    """The network that a card of read_card or planted_card describes, as load_network gives it."""
    from safetensors.torch import load_file  # torch, which reading cards does without

    from .config import resolve_device
    from .model import StevenNet, fold_scaling

    weights, network = _weights(card["target"], card["model"]), StevenNet()
    try:
        # copies, and thereby widens, what has 16 bits
        network.load_state_dict(load_file(weights))
    except Exception as error:  # a checksum that fits does not make a network
        reason = " ".join(str(error).split())[:100]
        raise ValueError(f"{weights} is no network ({reason}); {GET_BOTH}") from None
    folded = fold_scaling(network, INPUT_SCALE, card["mean"], card["sd"])
    return folded.to(resolve_device(device)).eval()


def write_network(network, card: dict, place: Path) -> None:
    """Write a network of fold_scaling, with 16 bits a weight of its convolutions, and its card.

    card: with target, model, mean and sd, the scaling that is taken out of the weights again.
    place: the folder of all targets.
    """
    import torch
    from safetensors.torch import save_file

    weights = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
    weights["init_block.conv1.weight"] /= INPUT_SCALE
    weights["fc1.weight"] /= card["sd"]
    weights["fc1.bias"] = (weights["fc1.bias"] - card["mean"]) / card["sd"]
    packed = {
        name: value.to(torch.float16).contiguous() if value.ndim > 1 else value
        for name, value in weights.items()
    }
    path = place / card["target"] / f"model{card['model']}.safetensors"
    with whole_file(path) as temporary:
        save_file(packed, temporary)
    write_json(path.with_suffix(".json"), card | {"sha256": sha256(path)})


def describe(card: dict) -> dict[str, str]:
    """A card as text by heading, for a table."""
    unit, data, test = TARGETS[card["target"]].unit, card["data"], card["test"]
    original = TARGETS[card["target"]].original_error[0]
    epochs = " + ".join(f"{part['epochs']} {part['what']}" for part in card["training"])
    return {
        "Trained on": f"{data['training']} ECGs of {data['generator']}, seed {data['seed']}",
        "Epochs": epochs,
        "Took": f"{card['hours']:.1f} h on {card['machine']}",
        "Tested on": f"{test['n']} ECGs of seed {data['test_seed']}, measured in the same way",
        "Test MAE": f"{test['mae']:.3g} {unit} (the original's network: {original:.3g} {unit})",
        "Test RMSE, R²": f"{test['rmse']:.3g} {unit}, {test['r2']:.3f}",
        "Made by": card["made_by"],
    }


def other_data(card: dict, attributes: dict) -> str:
    """In which way records differ from those that a network learnt from; "" if in none.

    attributes: those of ``medians.h5``.
    """
    from .measurement import LABELS_VERSION  # torch, which reading cards does without

    source = attributes.get("source", "an unknown source")
    if source != "gan":
        return (
            f"it learnt from generated ECGs with our own labels, and these are from {source}: "
            "errors may be those of other patients, other devices or other labels"
        )
    if card["data"]["labels_version"] != LABELS_VERSION:
        return (
            f"it was trained on labels of version {card['data']['labels_version']}, "
            f"and these are of version {LABELS_VERSION}"
        )
    return ""


def _weights(name: str, model: int) -> Path:
    return folder() / name / f"model{model}.safetensors"
