"""Train the pretrained networks, or recompute the errors in their cards.

    python networks/make.py FOLDER --target qt --model 2    train one (--fine-tune: further)
    python networks/make.py FOLDER                          train all planned networks
    python networks/make.py FOLDER --cards                  recompute the errors in the cards

FOLDER holds the generated ECGs and the states of the trainings: the same command resumes an
interrupted run. Every network has its own initialisation and learns one target. Half of the
training beats are variations of the other half (augmentation.py).
"""

import argparse
import copy
import platform
from dataclasses import dataclass
from pathlib import Path

import augmentation
import numpy as np
import torch
from torch import nn

from ecghelpers import files, runtime
from ecghelpers.data import build
from ecghelpers.data.medians import Medians, read_medians
from ecghelpers.ecg import TARGETS
from ecghelpers.evaluation.effects import SLOPE, effects_table
from ecghelpers.evaluation.performance import model_errors
from ecghelpers.measurement import LABELS_VERSION, measure_medians
from ecghelpers.network import pretrained, training
from ecghelpers.network.model import StevenNet, fold_scaling, fuse
from ecghelpers.network.prediction import predict

PLAN = [(target, 1) for target in ("qt", "VentRate", "pr", "R_PeakAmpl_v5")]
PLAN += [(target, 1) for target in ("qrs", "T_PeakAmpl_v5", "STJ_v5")]
PLAN += [("qt", 2), ("qt", 3), ("pr", 2), ("R_PeakAmpl_v5", 2)]  # agreement between trainings
SEEDS = {"train": 101, "test": 102}  # of the generator
VALIDATION_RECORDS = 2_000  # the last of the training ECGs
REFIT_RECORDS = 2_000  # of the training ECGs, for the 33 numbers of a last layer
FIRST = 200  # test records whose errors the card repeats, so that a test can measure them quickly
RECIPE, EPOCHS, BATCH_SIZE = "default", 10, 32
FINE_TUNING_RATE = 1e-3
BLOCK = 512  # beats that are augmented before they are stored
RR_MS = 330, 1900
TRAINED = {"apart": "alone", "together": "jointly"}  # a card's "trunk", in the table
HERE = Path(__file__).parent
DOCUMENT = HERE.parent / "docs" / "networks.md"


@dataclass(frozen=True)
class Workshop:
    """The folder and the amount of the training data, and the folder of the networks."""

    folder: Path
    networks: Path = HERE
    ludb: Path | None = None
    records: int = 22_000
    test_records: int = 5_000

    @property
    def data(self) -> Path:
        """The folder of everything that depends on the labels."""
        return self.folder / f"labels{LABELS_VERSION}"

    def generated(self, name: str) -> Medians:
        """Generated ECGs with the current labels; name: ``train`` or ``test``."""
        records = self.records if name == "train" else self.test_records
        return collected(self.data / name, "gan", records=records, seed=SEEDS[name])

    def real(self) -> Medians:
        """The ECGs of LUDB with this project's labels."""
        return collected(self.data / "ludb", "wfdb", self.ludb)

    def augmented(self, records: int) -> tuple[np.ndarray, np.ndarray]:
        """Variations of the first beats, (record, 12, 600) int16 µV, and their targets."""
        data, parts = self.generated("train"), []
        for first in range(0, records, BLOCK):
            path = self.data / "augmented" / f"{first:06d}.npz"
            if not path.exists():
                rows = np.arange(first, min(first + BLOCK, len(data.record_id)))
                with files.atomic_write(path) as temporary, open(temporary, "wb") as file:
                    np.savez(file, **vary(data, rows))
            with np.load(path) as stored:
                used = stored["rows"] < records
                parts.append((stored["beats"][used], stored["targets"][used]))
        beats, targets = zip(*parts, strict=True)
        return np.concatenate(beats), np.concatenate(targets)


def collected(folder: Path, *source, **options) -> Medians:
    """Records of a source, measured; from the folder if they are there."""
    path = folder / "medians.h5"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        build.collect(build.open_source(*source, **options), path)
        files.remove_resume_cache(path)
    return read_medians(path, mapped=True)


def vary(data: Medians, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Augment the beats of some rows whose fiducials are known, and measure the results."""
    varied, limits = {}, np.iinfo(np.int16)
    for row in rows:
        fiducials, rate = data.fiducials[row], data.target("VentRate")[row]
        if np.isfinite([rate, *fiducials[:4], fiducials[5]]).all():
            rng = runtime.generator(SEEDS["train"], "augment", str(data.record_id[row]))
            beat, rr_ms = augmentation.augment(data.medians[row], fiducials, 60000 / rate, rng)
            if RR_MS[0] < rr_ms < RR_MS[1]:
                varied[row] = beat, rr_ms
    measured = measure_medians(*zip(*varied.values(), strict=True))
    beats = np.rint([beat for beat, *_ in measured]).clip(limits.min, limits.max)
    targets = [[values[name] for name in TARGETS] for _, values, *_ in measured]
    return {
        "beats": beats.astype(np.int16),
        "targets": np.array(targets, np.float32),
        "rows": np.array(list(varied)),
    }


def config_for(
    target: str,
    epochs: int = EPOCHS,
    recipe: str = RECIPE,
    batch_size: int = BATCH_SIZE,
    learning_rate: float = 0.0,
    model: int = 1,
) -> training.TrainingConfig:
    """The configuration of a training."""
    seed = SEEDS["train"]
    return training.TrainingConfig(target, model, recipe, epochs, batch_size, learning_rate, seed)


def trainer_for(
    shop: Workshop, training_config: training.TrainingConfig, records: int, augment: bool = True
) -> training.Trainer:
    """A training on the first records and a variation of each; validation on unchanged beats."""
    data, target = shop.generated("train"), training_config.target
    first_of_last = len(data.record_id) - min(VALIDATION_RECORDS, len(data.record_id) // 5)
    last = data.subset(np.arange(first_of_last, len(data.record_id)))
    last = last.subset(np.isfinite(last.target(target)))
    records = min(records, first_of_last)
    beats, targets = data.medians[:records], data.targets[:records]
    if augment:
        more = shop.augmented(records)
        beats, targets = (np.concatenate(p) for p in zip((beats, targets), more, strict=True))
    values = targets[:, list(TARGETS).index(target)]
    known = np.isfinite(values)
    return training.Trainer(
        training_config,
        (beats[known], values[known]),
        (last.medians, last.target(target)),
        runtime.resolve_device(),
    )


def errors(network: StevenNet, data: Medians, target: str) -> dict[str, float]:
    """n, MAE with its 95 % interval, RMSE, R², mean error and calibration slope.

    Records whose target is unknown do not count.
    """
    known = data.subset(np.isfinite(data.target(target)))
    truth, prediction = known.target(target), predict(network, known.medians)
    found, error = model_errors(truth, prediction), prediction - truth
    half = 1.96 * np.abs(error).std(ddof=1) / len(error) ** 0.5
    found |= {"mae_low": found["mae"] - half, "mae_high": found["mae"] + half}
    found |= {"bias": error.mean(), "slope": np.polyfit(truth, prediction, 1)[0]}
    return {"n": int(found.pop("n"))} | {name: round(float(v), 6) for name, v in found.items()}


def edit_slope(network: StevenNet, data: Medians, target: str) -> dict[str, float]:
    """The response of the prediction to edits of the target: slope, 95 % interval, n ECGs."""
    table = effects_table(
        network, data.medians, data.fiducials, target, rate=data.target("VentRate")
    )
    slope = table[table["edit"] == SLOPE].iloc[0]
    names = {"slope": "predicted", "low": "predicted_low", "high": "predicted_high"}
    return {"n": int(slope["n"])} | {k: round(float(slope[v]), 4) for k, v in names.items()}


def card(trainer: training.Trainer, records: int) -> dict[str, object]:
    """A card's description of the training; records: of the generator."""
    c, history = trainer.config, trainer.history
    return {
        "target": c.target,
        "unit": TARGETS[c.target].unit,
        "model": c.model,
        "trunk": "apart",
        "data": {
            "generator": f"deepfake-ecg {files.provenance()['deepfake-ecg']}",
            "seed": SEEDS["train"],
            "training": len(trainer.values),
            "augmented": "half: gain, P and T size, cycle, axis, wander, noise",
            "validation": len(trainer.validation[1]),
            "labels_version": LABELS_VERSION,
        },
        "training": [
            {
                "what": "alone",
                "epochs": c.epochs,
                "highest_learning_rate": trainer.recipe.learning_rate,
                "batch_size": c.batch_size,
            }
        ],
        "history": history,
        "hours": round(sum(row["seconds"] for row in history) / 3600, 2),
        "machine": f"{torch.get_num_threads()} cores, {platform.machine()}, torch",
        "version": files.provenance(),
        "made_by": f"python networks/make.py FOLDER --target {c.target} --model {c.model} "
        f"--records {records} --epochs {c.epochs}",
    }


def publish(shop: Workshop, network: StevenNet, content: dict) -> None:
    """Write a network and its card, with the errors of the network as it is stored."""
    target, model = content["target"], content["model"]
    pretrained.write_network(network, content, shop.networks)
    stored = pretrained.load_network(target, model, "cpu", shop.networks)
    test = shop.generated("test")
    content.pop("test_32_bit", None)  # of older cards
    content["data"].pop("first_tested_with_labels_version", None)
    content["data"] |= {"test_seed": SEEDS["test"], "test_labels_version": LABELS_VERSION}
    content["test"] = errors(stored, test, target)
    first = test.subset(np.arange(len(test.record_id))[:FIRST])
    content["first_test"] = errors(stored, first, target)
    content["edits"] = edit_slope(stored, first, target)
    if shop.ludb:
        content["ludb"] = errors(stored, shop.real(), target)
    pretrained.write_network(network, content, shop.networks)
    print(target, model, content["test"], content.get("ludb", ""), flush=True)


def measure_again(shop: Workshop, refit: bool) -> None:
    """Recompute the errors in the cards of all networks.

    refit: fit the last layer of networks that were trained on other labels to the current ones.
    """
    for target in TARGETS:
        for model in pretrained.models(target, shop.networks):
            content = pretrained.read_card(target, model, shop.networks)
            network, data = pretrained.network_of(content, "cpu", shop.networks), content["data"]
            if refit and data["labels_version"] != LABELS_VERSION:
                train = shop.generated("train")
                few = train.subset(np.arange(min(REFIT_RECORDS, len(train.record_id))))
                used = refit_last_layer(network, few, target)
                what = f"last layer, on {used} ECGs with labels of version {LABELS_VERSION}"
                content["training"].append({"what": what, "epochs": 0})
                data.setdefault("trunk_labels_version", data["labels_version"])
                data["labels_version"] = LABELS_VERSION
            publish(shop, network, content)


def refit_last_layer(network: StevenNet, data: Medians, target: str) -> int:
    """Fit the last layer to the labels by robust least squares; return the number of records.

    Residuals beyond 1.345 robust standard deviations count linearly (Huber, Ann Stat 1:799, 1973).
    """
    rows = np.flatnonzero(np.isfinite(data.target(target)))
    values, features = data.target(target)[rows].astype(np.float64), []
    body = copy.deepcopy(fuse(network))
    body.fc1 = nn.Identity()
    with torch.inference_mode():
        for some in np.split(rows, range(128, len(rows), 128)):
            features.append(body(torch.from_numpy(data.medians[some]).float()).double().numpy())
    design = np.column_stack((*np.concatenate(features).T, np.ones(len(rows))))
    weight = np.ones(len(rows))
    for _ in range(10):
        root = np.sqrt(weight)
        solution = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        residual = np.abs(values - design @ solution)
        limit = 1.345 * 1.4826 * np.median(residual)
        weight = np.minimum(1, limit / np.maximum(residual, 1e-9))
    with torch.no_grad():
        network.fc1.weight.copy_(torch.from_numpy(solution[None, :-1]))
        network.fc1.bias.copy_(torch.from_numpy(solution[-1:]))
    return len(rows)


def train(shop: Workshop, target: str, model: int, epochs: int) -> None:
    """Train one network, from its state if there is one, and publish it."""
    trainer = trainer_for(shop, config_for(target, epochs, model=model), shop.records)
    network = training.fit(trainer, shop.data / "states" / f"{target}.{model}.state")
    publish(shop, network, card(trainer, shop.records))


def start_from(trainer: training.Trainer, network: StevenNet) -> None:
    """Begin a training with a network that takes µV and gives the target's unit."""
    scaling = 1 / trainer.input_scale, -trainer.mean / trainer.std, 1 / trainer.std
    trainer.network.load_state_dict(fold_scaling(network, *scaling).state_dict())


def fine_tune(shop: Workshop, target: str, model: int, epochs: int) -> None:
    """Train a published network further, on the current labels, and publish it."""
    content = pretrained.read_card(target, model, shop.networks)
    config = config_for(target, epochs, learning_rate=FINE_TUNING_RATE, model=model)
    trainer = trainer_for(shop, config, shop.records)
    start_from(trainer, pretrained.network_of(content, str(trainer.device), shop.networks))
    network = training.fit(trainer, shop.data / "states" / f"{target}.{model}.fine.state")
    new = card(trainer, shop.records)
    what = f"alone, on {len(trainer.values)} beats with labels of version {LABELS_VERSION}"
    settings = {"highest_learning_rate": FINE_TUNING_RATE, "augmented": new["data"]["augmented"]}
    content["training"].append(new["training"][0] | {"what": what} | settings)
    content["history"] += new["history"]
    content["hours"] = round(content["hours"] + new["hours"], 2)
    content["data"].setdefault("trunk_labels_version", content["data"]["labels_version"])
    content["data"]["labels_version"] = LABELS_VERSION
    content["version"], content["made_by"] = new["version"], f"{new['made_by']} --fine-tune"
    publish(shop, network, content)


def is_published(shop: Workshop, target: str, model: int) -> bool:
    """Whether a network of its own, trained on the current labels, exists already."""
    if model not in pretrained.models(target, shop.networks):
        return False
    content = pretrained.read_card(target, model, shop.networks)
    return content["trunk"] == "apart" and content["data"]["labels_version"] == LABELS_VERSION


def write_tables(place: Path) -> None:
    """Put the errors of all cards into docs/networks.md."""
    names = [(target, model) for target in TARGETS for model in pretrained.models(target, place)]
    lines = [
        "| network | trained | unit | MAE (95 % interval) | original's MAE | RMSE | R² "
        "| calibration slope | slope for edited ECGs | LUDB: MAE | LUDB: bias | LUDB: R² |",
        "| --- " * 12 + "|",
    ]
    for target, model in names:
        about, content = TARGETS[target], pretrained.read_card(target, model, place)
        test, ludb = content["test"], content.get("ludb")
        cells = [f"{about.label}, model {model}", TRAINED[content["trunk"]], about.unit]
        cells += [f"{test['mae']:.3g} ({test['mae_low']:.3g} to {test['mae_high']:.3g})"]
        cells += [f"{about.original_error[0]:.3g}", f"{test['rmse']:.3g}", f"{test['r2']:.3f}"]
        cells += [f"{test['slope']:.2f}", f"{content['edits']['slope']:.2f}"]
        columns = {"mae": ".3g", "bias": "+.3g", "r2": ".2f"}
        cells += [format(ludb[name], form) if ludb else "" for name, form in columns.items()]
        lines.append(f"| {' | '.join(cells)} |")
    write_between(DOCUMENT, "errors", lines)


def write_between(document: Path, name: str, lines: list[str]) -> None:
    """Put lines between the two markers of that name in a document."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, rest = document.read_text(encoding="utf-8").split(begin)
    content = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    document.write_text(content, encoding="utf-8")


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("folder", type=Path, help="for generated ECGs and states")
    options.add_argument("--target", choices=TARGETS, help="train this one")
    options.add_argument("--model", type=int, default=1, help="number of the training (its seed)")
    options.add_argument(
        "--fine-tune",
        action="store_true",
        help="with --target: train the published network further",
    )
    options.add_argument("--cards", action="store_true", help="only recompute the errors")
    options.add_argument(
        "--refit", action="store_true", help="with --cards: first fit last layers to current labels"
    )
    options.add_argument("--ludb", type=Path, help="folder of WFDB records of LUDB")
    options.add_argument("--networks", type=Path, default=HERE, help="where networks are written")
    options.add_argument("--records", type=int, default=Workshop.records, help="of the generator")
    options.add_argument("--test-records", type=int, default=Workshop.test_records)
    options.add_argument("--epochs", type=int, default=EPOCHS)
    given = options.parse_args()
    shop = Workshop(given.folder, given.networks, given.ludb, given.records, given.test_records)
    if given.cards:
        measure_again(shop, given.refit)
    elif given.target:
        (fine_tune if given.fine_tune else train)(shop, given.target, given.model, given.epochs)
    else:
        for target, model in PLAN:
            if not is_published(shop, target, model):
                train(shop, target, model, given.epochs)
    if given.networks == HERE:
        write_tables(HERE)


if __name__ == "__main__":
    main()
