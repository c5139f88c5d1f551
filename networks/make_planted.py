"""Makes the networks that read what is planted into beats: python networks/make_planted.py FOLDER

FOLDER takes the generated ECGs and the states; a stopped run is continued by the same command. The
plants are those of the profile reference: another seed plants elsewhere, and its networks are
trained by the run itself.
"""

import argparse
import platform
from pathlib import Path

import torch
from make import collected, write_between

from ecghelpers import config, files, pretrained, training
from ecghelpers.data.medians import Medians
from ecghelpers.evaluation import performance
from ecghelpers.judging.planted_networks import planted_parts
from ecghelpers.prediction import predict
from ecghelpers.training import Trainer, TrainingConfig
from ecghelpers.truth.plants import PLANTS, Planted, fingerprint

DATA = {"records": 10_000, "seed": 103}  # of the generator; three in five train
PLANT_SEED = 7  # of parameters/reference.yaml
EPOCHS, BATCH_SIZE = 6, 32
COMMAND = "python networks/make_planted.py FOLDER"


def card(name: str, trainer: Trainer, data: Medians, parts: dict) -> dict[str, object]:
    """What is to be known of a network, but for its errors."""
    return {
        "target": f"{pretrained.PLANTED}/{name}",
        "unit": PLANTS[name].unit,
        "model": 1,
        "mean": trainer.mean,
        "sd": trainer.std,
        "plant_seed": PLANT_SEED,
        "fingerprint": fingerprint(name, PLANT_SEED),
        "data": {
            "generator": data.attributes["generator"],
            "seed": DATA["seed"],
            "training": len(parts["train"].values),
            "validation": len(parts["validation"].values),
        },
        "training": [
            {
                "what": "alone",
                "epochs": trainer.config.epochs,
                "highest_learning_rate": trainer.recipe.learning_rate,
                "batch_size": BATCH_SIZE,
            }
        ],
        "history": trainer.history,
        "hours": round(sum(row["seconds"] for row in trainer.history) / 3600, 2),
        "machine": f"{torch.get_num_threads()} cores, {platform.machine()}, torch",
        "version": files.provenance(),
        "made_by": COMMAND,
    }


def errors(name: str, test: Planted) -> dict[str, float]:
    """n, MAE, RMSE and R² of the network as it is read again."""
    network = pretrained.network_of(
        pretrained.planted_card(name, fingerprint(name, PLANT_SEED)), device="cpu"
    )
    found = performance.model_errors(test.values, predict(network, test.beats))
    return {"n": int(found.pop("n"))} | {key: round(float(v), 6) for key, v in found.items()}


def make(name: str, data: Medians, given: argparse.Namespace) -> None:
    """Train the network of one plant, and write it with its card."""
    most = len(data.record_id)
    parts = {
        split: planted
        for split, (_, planted) in planted_parts(data, name, PLANT_SEED, most).items()
    }
    train, validation = ((parts[s].beats, parts[s].values) for s in ("train", "validation"))
    how = {"epochs": given.epochs, "batch_size": BATCH_SIZE, "seed": PLANT_SEED}
    settings = TrainingConfig(f"planted {name}", **how)
    trainer = Trainer(settings, train, validation, config.resolve_device())
    network = training.fit(trainer, given.folder / f"planted {name}.state")
    content = card(name, trainer, data, parts)
    pretrained.write_network(network, content, given.networks)
    content |= {"test": errors(name, parts["test"])}
    pretrained.write_network(network, content, given.networks)
    print(name, content["test"], flush=True)


def write_errors(place: Path) -> None:
    """Put the errors of all cards into the README beside them."""
    lines = ["| plant | label | unit | n | MAE | R² |", "| --- " * 6 + "|"]
    for name, plant in PLANTS.items():
        test = pretrained.planted_card(name, fingerprint(name, PLANT_SEED))["test"]
        errors = f"{test['n']} | {test['mae']:.3g} | {test['r2']:.3f}"
        lines.append(f"| {name} | {plant.label} | {plant.unit} | {errors} |")
    write_between(place / "README.md", "planted", lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="takes the ECGs and the states")
    options.add_argument("--records", type=int, default=DATA["records"])
    options.add_argument("--epochs", type=int, default=EPOCHS)
    options.add_argument("--plant", nargs="*", default=list(PLANTS), choices=list(PLANTS))
    options.add_argument("--networks", type=Path, default=Path(__file__).parent)
    given = options.parse_args()
    pretrained.BESIDE = given.networks.resolve()
    data = collected(given.folder / "planted", "gan", records=given.records, seed=DATA["seed"])
    for name in given.plant:
        make(name, data, given)
    if all(map(pretrained.models, (f"{pretrained.PLANTED}/{name}" for name in PLANTS))):
        write_errors(given.networks)


if __name__ == "__main__":
    main()
