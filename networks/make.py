"""Makes the reference networks: python networks/make.py FOLDER

FOLDER takes the generated ECGs and the states; a stopped run is continued by the same command.
First one StevenNet with seven outputs learns all targets together, which teaches its layers more
than one target does in the same time. It is then split into seven networks of one output each;
those that need it go on alone, towards a small absolute error of their own target.
"""

import argparse
import copy
import json
import platform
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ecghelpers import config, files, shipped, training
from ecghelpers.data import build
from ecghelpers.data.medians import Medians, read_medians
from ecghelpers.ecg import TARGETS
from ecghelpers.evaluation import performance
from ecghelpers.measurement import LABELS_VERSION
from ecghelpers.model import StevenNet, fold_scaling
from ecghelpers.prediction import predict
from ecghelpers.training import Settings, Trainer

TRAINING = {"records": 42_000, "seed": 101}
TEST = {"records": 5_000, "seed": 102}
FIRST = 200  # test records whose errors the card gives apart, to be found again quickly
VALIDATION_RECORDS = 2_000
JOINT_EPOCHS, JOINT_RATE = 10, 3e-3
ALONE_EPOCHS, ALONE_RATE = 2, 1e-3
ALONE = ("VentRate",)  # the targets that need it
# Further trainings of one target, to see how much maps differ between them; smaller, for cost.
FURTHER = {"target": "qt", "models": (2, 3), "records": 12_000, "epochs": 8}
COMMAND = "python networks/make.py FOLDER"
SMOOTH = 0.1  # standard deviations of the target below which an error counts as its square
Data = tuple[np.ndarray, np.ndarray]


class Joint(Trainer):
    """One StevenNet with an output for every target; values: (record, 7), NaN = not measured."""

    def __init__(self, settings: Settings, training: Data, validation: Data, device: torch.device):
        beats, values = training
        none_missing = [(part[0], np.zeros(len(part[0]))) for part in (training, validation)]
        super().__init__(settings, *none_missing, device)
        self.validation, self.data = validation, (*training, *validation)
        self.means, self.sds = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
        self.values = torch.from_numpy(values.astype(np.float32)).to(device)
        self.mean = torch.from_numpy(self.means.astype(np.float32)).to(device)
        self.std = torch.from_numpy(self.sds.astype(np.float32)).to(device)

    def untrained(self) -> StevenNet:
        network = StevenNet()
        network.fc1 = nn.Linear(network.fc1.in_features, len(TARGETS))
        return network

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        known = wanted.isfinite()
        return (outputs[known] - wanted[known]).square().mean()

    def finish_epoch(self, seconds: float) -> None:
        beats, truth = self.validation
        networks = self.model().values()
        found = np.stack([predict(network, beats) for network in networks], axis=1)
        mae = np.nanmean(np.abs(found - truth), axis=0)
        mean = float((mae / self.sds).mean())
        row = {"epoch": self.epoch + 1, "train_loss": float(self.loss_sum) / self.batches}
        row |= {"validation_mae": dict(zip(TARGETS, map(float, mae), strict=True))}
        self.history.append(row | {"seconds": seconds})
        print(json.dumps(row), flush=True)
        if mean < self.best[0]:
            self.best = (mean, copy.deepcopy(self.network.state_dict()))
        self.epoch, self.batch = self.epoch + 1, 0
        self.loss_sum = torch.zeros_like(self.loss_sum)

    def model(self, weights: dict | None = None) -> dict[str, StevenNet]:
        """One network for each target, all with the same layers but the last."""
        weights = weights or self.network.state_dict()
        networks = {}
        for row, target in enumerate(TARGETS):
            own = {"fc1.weight": weights["fc1.weight"][row : row + 1]}
            own |= {"fc1.bias": weights["fc1.bias"][row : row + 1]}
            network = StevenNet().to(self.device)
            network.load_state_dict(weights | own)
            scale = (self.input_scale, float(self.means[row]), float(self.sds[row]))
            networks[target] = fold_scaling(network.eval(), *scale)
        return networks


class Alone(Trainer):
    """A network that already measures its target, towards a small absolute error.

    The loss is Huber's: squares would let the few large errors decide.
    """

    def __init__(self, start: StevenNet, *given):
        self.start = start
        super().__init__(*given)

    def untrained(self) -> StevenNet:
        network = copy.deepcopy(self.start).train()
        with torch.no_grad():  # the saved scaling is taken out again
            network.init_block.conv1.weight.div_(self.input_scale)
            network.fc1.bias.sub_(self.mean).div_(self.std)
            network.fc1.weight.div_(self.std)
        return network

    def loss(self, outputs: Tensor, wanted: Tensor) -> Tensor:
        return nn.functional.smooth_l1_loss(outputs.flatten(), wanted, beta=SMOOTH)


def collected(folder: Path, name: str, records: int, seed: int) -> Medians:
    """Generated ECGs, measured; from the folder if they are there."""
    path = folder / name / "medians.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        build.collect(build.open_source("gan", records=records, seed=seed), path)
        files.remove_pieces(path)
    return read_medians(path)


def parts(data: Medians) -> tuple[Medians, Medians]:
    """Records to learn from and, at the end, those to choose by. The test records are others."""
    count = len(data.record_id)
    last = min(VALIDATION_RECORDS, count // 5)
    return data.subset(np.arange(count - last)), data.subset(np.arange(count - last, count))


def last(data: Medians, records: int) -> Medians:
    """The last so many records."""
    count = len(data.record_id)
    return data.subset(np.arange(max(0, count - records), count))


def train_joint(folder: Path, data: Medians, epochs: int, model: int = 1) -> tuple[dict, list]:
    """Target → network, and the history, of the network that learnt all targets together."""
    seed = TRAINING["seed"]
    settings = Settings("qt", model, epochs=epochs, learning_rate=JOINT_RATE, seed=seed)
    learn, choose = ((part.medians, part.targets) for part in parts(data))
    trainer = Joint(settings, learn, choose, config.resolve_device())
    training.fit(trainer, folder / f"joint{model}.state")
    return trainer.model(trainer.best[1]), trainer.history


def train_alone(
    folder: Path, data: Medians, start: StevenNet, target: str, epochs: int
) -> tuple[StevenNet, list]:
    """The network of one target, gone on alone, and its history."""
    known = data.subset(np.isfinite(data.target(target)))
    learn, choose = ((part.medians, part.target(target)) for part in parts(known))
    settings = Settings(target, epochs=epochs, learning_rate=ALONE_RATE, seed=TRAINING["seed"])
    trainer = Alone(start, settings, learn, choose, config.resolve_device())
    network = training.fit(trainer, folder / f"{target}.state")
    print(target, json.dumps(trainer.history), flush=True)
    return network, trainer.history


def errors(network: StevenNet, data: Medians, target: str) -> dict[str, float]:
    """n, MAE, RMSE and R² on the records whose target is known."""
    known = data.subset(np.isfinite(data.target(target)))
    found = performance.model_errors(known.target(target), predict(network, known.medians))
    return {"n": int(found.pop("n"))} | {name: round(float(v), 6) for name, v in found.items()}


def card(target: str, data: Medians, joint: list, alone: list, model: int = 1) -> dict[str, object]:
    """What is to be known of a network, but for its errors."""
    learn = parts(data)[0]
    known = learn.target(target)[np.isfinite(learn.target(target))].astype(np.float64)
    together = [row | {"validation_mae": row["validation_mae"][target]} for row in joint]
    further = [
        {"epoch": len(joint) + row["epoch"]}
        | {key: row[key] for key in ("validation_mae", "seconds")}
        for row in alone  # another loss: not to be drawn in one line with the first
    ]
    stages = [("together", JOINT_RATE, joint), ("alone", ALONE_RATE, alone)]
    return {
        "target": target,
        "unit": TARGETS[target].unit,
        "model": model,
        "mean": float(known.mean()),
        "sd": float(known.std()),
        "data": {
            "generator": data.attributes["generator"],
            "seed": TRAINING["seed"],
            "training": len(known),
            "validation": len(data.record_id) - len(learn.record_id),
            "test_seed": TEST["seed"],
            "labels_version": LABELS_VERSION,
        },
        "training": [
            {"what": what, "epochs": len(rows), "highest_learning_rate": rate, "batch_size": 32}
            for what, rate, rows in stages
            if rows
        ],
        "history": together + further,
        "hours": round(sum(row["seconds"] for row in [*joint, *alone]) / 3600, 2),
        "machine": f"{torch.get_num_threads()} cores, {platform.machine()}, torch",
        "version": files.provenance(),
        "made_by": COMMAND,
    }


def publish(place: Path, network: StevenNet, test: Medians, content: dict) -> None:
    """Write network and card; the errors are those of the network as it is read again."""
    target = content["target"]
    shipped.write_network(network, content, place)
    again = shipped.load_network(target, content["model"], device="cpu")
    content |= {"test": errors(again, test, target), "test_32_bit": errors(network, test, target)}
    first = test.subset(np.arange(min(FIRST, len(test.record_id))))
    content["first_test"] = errors(again, first, target)
    shipped.write_network(network, content, place)
    print(target, content["test"], content["test_32_bit"], flush=True)


def make_first(given: argparse.Namespace, data: Medians, test: Medians) -> None:
    """The network of every target."""
    networks, joint = train_joint(given.folder, data, given.epochs)
    for target, network in networks.items():
        alone = []
        if target in given.alone:
            network, alone = train_alone(given.folder, data, network, target, ALONE_EPOCHS)
        publish(given.networks, network, test, card(target, data, joint, alone))


def make_further(given: argparse.Namespace, data: Medians, test: Medians) -> None:
    """Further trainings of one target."""
    target, few = FURTHER["target"], last(data, FURTHER["records"])
    for model in FURTHER["models"]:
        networks, joint = train_joint(given.folder, few, FURTHER["epochs"], model)
        publish(given.networks, networks[target], test, card(target, few, joint, [], model))


def write_errors(place: Path) -> None:
    """Put the errors of all cards into the README beside them."""
    lines = ["| network | unit | n | MAE | RMSE | R² | original: MAE | RMSE |", "| --- " * 8 + "|"]
    for target, about in TARGETS.items():
        for model in shipped.models(target):
            test = shipped.read_card(target, model)["test"]
            errors = f"{test['mae']:.3g} | {test['rmse']:.3g} | {test['r2']:.3f}"
            original = " | ".join(f"{error:.3g}" for error in about.original_error)
            name = f"{about.label}, model {model}"
            lines.append(f"| {name} | {about.unit} | {test['n']} | {errors} | {original} |")
    write_between(place / "README.md", "errors", lines)


def write_between(document: Path, name: str, lines: list[str]) -> None:
    """Put lines between the two markers of that name in a document."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = document.read_text(encoding="utf-8").split(begin)
    content = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    document.write_text(content, encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="takes the ECGs and the states")
    options.add_argument("--records", type=int, default=TRAINING["records"])
    options.add_argument("--epochs", type=int, default=JOINT_EPOCHS)
    options.add_argument("--alone", nargs="*", default=ALONE, choices=TARGETS)
    options.add_argument("--networks", type=Path, default=Path(__file__).parent)
    given = options.parse_args()
    shipped.BESIDE = given.networks.resolve()
    data = collected(given.folder, "train", given.records, TRAINING["seed"])
    test = collected(given.folder, "test", **TEST)
    make_first(given, data, test)
    make_further(given, data, test)
    write_errors(given.networks)


if __name__ == "__main__":
    main()
