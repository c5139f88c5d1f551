"""Makes the reference networks: python networks/make.py FOLDER, then once more with --publish.

FOLDER takes the generated ECGs and the states; a stopped run is continued by the same command.
First one StevenNet with seven outputs learns all targets together, which teaches its layers more
than one target does in the same time. It is then split into seven networks of one output each,
and every one of them goes on alone, towards a small absolute error of its own target.
"""

import argparse
import copy
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ecghelpers import config, evaluation, training
from ecghelpers.data import build, store
from ecghelpers.ecg import TARGETS
from ecghelpers.model import StevenNet, fold_scaling
from ecghelpers.prediction import predict
from ecghelpers.training import Settings, Trainer

TRAINING = {"records": 42_000, "seed": 101}
TEST = {"records": 5_000, "seed": 102}
VALIDATION_RECORDS = 2_000
JOINT_EPOCHS, JOINT_RATE = 10, 3e-3
ALONE_EPOCHS, ALONE_RATE = 2, 1e-3
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


def collected(folder: Path, name: str, records: int, seed: int) -> store.Medians:
    """Generated ECGs, measured; from the folder if they are there."""
    path = folder / name / "medians.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        build.collect(build.open_source("gan", records=records, seed=seed), path)
    return store.read_medians(path)


def parts(data: store.Medians) -> tuple[store.Medians, store.Medians]:
    """Records to learn from and, at the end, those to choose by. The test records are others."""
    count = len(data.record_id)
    last = min(VALIDATION_RECORDS, count // 5)
    return data.subset(np.arange(count - last)), data.subset(np.arange(count - last, count))


def train_joint(folder: Path, data: store.Medians, epochs: int) -> tuple[dict, list]:
    """Target → network, and the history, of the network that learnt all targets together."""
    settings = Settings("qt", epochs=epochs, learning_rate=JOINT_RATE, seed=TRAINING["seed"])
    learn, choose = ((part.medians, part.targets) for part in parts(data))
    trainer = Joint(settings, learn, choose, config.resolve_device())
    training.fit(trainer, folder / "joint.state")
    return trainer.model(trainer.best[1]), trainer.history


def train_alone(
    folder: Path, data: store.Medians, start: StevenNet, target: str, epochs: int
) -> tuple[StevenNet, list]:
    """The network of one target, gone on alone, and its history."""
    known = data.subset(np.isfinite(data.target(target)))
    learn, choose = ((part.medians, part.target(target)) for part in parts(known))
    settings = Settings(target, epochs=epochs, learning_rate=ALONE_RATE, seed=TRAINING["seed"])
    trainer = Alone(start, settings, learn, choose, config.resolve_device())
    network = training.fit(trainer, folder / f"{target}.state")
    print(target, json.dumps(trainer.history), flush=True)
    return network, trainer.history


def errors(network: StevenNet, data: store.Medians, target: str) -> dict[str, float]:
    """MAE, RMSE, R² and their n on the records whose target is known."""
    known = data.subset(np.isfinite(data.target(target)))
    found = evaluation.model_errors(known.target(target), predict(network, known.medians))
    return {name: round(float(value), 6) for name, value in found.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="takes the ECGs and the states")
    options.add_argument("--records", type=int, default=TRAINING["records"])
    options.add_argument("--epochs", type=int, default=JOINT_EPOCHS)
    options.add_argument("--alone", type=int, default=ALONE_EPOCHS, help="epochs of each target")
    options.add_argument("--only", nargs="+", default=list(TARGETS), choices=TARGETS)
    given = options.parse_args()
    data = collected(given.folder, "train", given.records, TRAINING["seed"])
    test = collected(given.folder, "test", **TEST)
    networks, joint = train_joint(given.folder, data, given.epochs)
    for target in given.only:
        network, alone = networks[target], []
        if given.alone:
            network, alone = train_alone(given.folder, data, network, target, given.alone)
        print(target, errors(networks[target], test, target), errors(network, test, target))


if __name__ == "__main__":
    main()
