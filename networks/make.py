"""Train the pretrained networks, or measure them again.

    python networks/make.py FOLDER --target qt --model 2    train one
    python networks/make.py FOLDER                          train all that are planned
    python networks/make.py FOLDER --cards                  measure the errors in the cards again

FOLDER takes the generated ECGs and the states of the trainings: an interrupted run continues with
the same command. Every network has its own initialisation and learns one target. Half of the
training beats are variations of the other half (augmentation.py).
"""

import argparse
import platform
from pathlib import Path

import augmentation
import numpy as np
import torch

from ecghelpers import config, files, pretrained, training
from ecghelpers.data import build
from ecghelpers.data.medians import Medians, read_medians
from ecghelpers.ecg import TARGETS
from ecghelpers.evaluation.performance import model_errors
from ecghelpers.measurement import LABELS_VERSION, measure_median
from ecghelpers.model import StevenNet
from ecghelpers.prediction import predict

PLAN = [(target, 1) for target in ("qt", "VentRate", "pr", "R_PeakAmpl_v5")]
PLAN += [(target, 1) for target in ("qrs", "T_PeakAmpl_v5", "STJ_v5")]
PLAN += [("qt", 2), ("qt", 3), ("pr", 2), ("R_PeakAmpl_v5", 2)]  # agreement between trainings
TRAINING = {"records": 22_000, "seed": 101}
TEST = {"records": 5_000, "seed": 102}
VALIDATION_RECORDS = 2_000  # the last of the training ECGs
FIRST = 200  # test records whose errors the card repeats, so that a test can measure them quickly
RECIPE, EPOCHS, BATCH_SIZE = "default", 10, 32
BLOCK = 512  # beats that are augmented before they are stored
RR_MS = 330, 1900
HERE = Path(__file__).parent


def generated(folder: Path, name: str, records: int, seed: int) -> Medians:
    """Generated ECGs with today's labels, from the folder if they are there."""
    path = folder / f"labels{LABELS_VERSION}" / name / "medians.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        build.collect(build.open_source("gan", records=records, seed=seed), path)
        files.remove_pieces(path)
    return read_medians(path, mapped=True)


def augmented(folder: Path, data: Medians) -> tuple[np.ndarray, np.ndarray]:
    """A variation of every beat, (record, 12, 600) int16 µV, and its targets, measured again."""
    place, parts = folder / f"labels{LABELS_VERSION}" / "augmented", []
    for first in range(0, len(data.record_id), BLOCK):
        path = place / f"{first:06d}.npz"
        if not path.exists():
            chosen = data.subset(np.arange(first, min(first + BLOCK, len(data.record_id))))
            beats, targets = vary(chosen)
            with files.whole_file(path) as temporary, open(temporary, "wb") as file:
                np.savez(file, beats=beats, targets=targets)
        with np.load(path) as stored:
            parts.append((stored["beats"], stored["targets"]))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


def vary(data: Medians) -> tuple[np.ndarray, np.ndarray]:
    """Augment beats whose fiducials are known, and measure what came of them."""
    beats, targets, limits = [], [], np.iinfo(np.int16)
    for number, record in enumerate(data.record_id):
        fiducials, rate = data.fiducials[number], data.target("VentRate")[number]
        if not np.isfinite([rate, *fiducials[:4], fiducials[5]]).all():
            continue
        rng = config.generator(TRAINING["seed"], "augment", record)
        beat, rr_ms = augmentation.augment(data.medians[number], fiducials, 60000 / rate, rng)
        if RR_MS[0] < rr_ms < RR_MS[1]:
            beat, measured, *_ = measure_median(beat, rr_ms)
            beats.append(np.clip(np.rint(beat), limits.min, limits.max).astype(np.int16))
            targets.append([measured[name] for name in TARGETS])
    return np.array(beats), np.array(targets, np.float32)


def config_for(
    target: str,
    epochs: int = EPOCHS,
    recipe: str = RECIPE,
    batch_size: int = BATCH_SIZE,
    learning_rate: float = 0.0,
    model: int = 1,
) -> training.TrainingConfig:
    """The configuration of a training."""
    seed = TRAINING["seed"]
    return training.TrainingConfig(target, model, recipe, epochs, batch_size, learning_rate, seed)


def trainer_for(
    folder: Path, training_config: training.TrainingConfig, records: int, augment: bool = True
) -> training.Trainer:
    """A training on the first records and a variation of each; validation on unchanged beats."""
    data = generated(folder, "train", **TRAINING)
    count, target = len(data.record_id), training_config.target
    first_of_last = count - min(VALIDATION_RECORDS, count // 5)
    last = data.subset(np.arange(first_of_last, count))
    last = last.subset(np.isfinite(last.target(target)))
    learn = data.subset(np.arange(min(records, first_of_last)))
    beats, targets = learn.medians, learn.targets
    if augment:
        more = augmented(folder, learn)
        beats, targets = (np.concatenate(p) for p in zip((beats, targets), more, strict=True))
    values = targets[:, list(TARGETS).index(target)]
    known = np.isfinite(values)
    return training.Trainer(
        training_config,
        (beats[known], values[known]),
        (last.medians, last.target(target)),
        config.resolve_device(),
    )


def errors(network: StevenNet, data: Medians, target: str) -> dict[str, float]:
    """n, MAE, RMSE, R², mean error and calibration slope on the records whose target is known."""
    known = data.subset(np.isfinite(data.target(target)))
    truth, prediction = known.target(target), predict(network, known.medians)
    found = model_errors(truth, prediction)
    found |= {"bias": np.mean(prediction - truth), "slope": np.polyfit(truth, prediction, 1)[0]}
    return {"n": int(found.pop("n"))} | {name: round(float(v), 6) for name, v in found.items()}


def card(trainer: training.Trainer) -> dict[str, object]:
    """What a card says about the training."""
    c, history = trainer.config, trainer.history
    return {
        "target": c.target,
        "unit": TARGETS[c.target].unit,
        "model": c.model,
        "trunk": "apart",
        "data": {
            "generator": f"deepfake-ecg {files.provenance()['deepfake-ecg']}",
            "seed": TRAINING["seed"],
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
        "made_by": f"python networks/make.py FOLDER --target {c.target} --model {c.model}",
    }


def publish(folder: Path, place: Path, network: StevenNet, content: dict, ludb: Path | None):
    """Write a network and its card, with the errors of the network as it is stored."""
    pretrained.write_network(network, content, place)
    target, model = content["target"], content["model"]
    stored = pretrained.load_network(target, model, "cpu", place)
    test = generated(folder, "test", **TEST)
    content["data"] |= {"test_seed": TEST["seed"], "tested_with_labels_version": LABELS_VERSION}
    content["test"] = errors(stored, test, target)
    content["first_test"] = errors(stored, test.subset(np.arange(FIRST)), target)
    if ludb:
        content["ludb"] = errors(stored, real(folder, ludb), target)
    pretrained.write_network(network, content, place)
    print(target, model, content["test"], content.get("ludb", ""), flush=True)


def real(folder: Path, records: Path) -> Medians:
    """Real ECGs with this project's labels."""
    path = folder / f"labels{LABELS_VERSION}" / "real" / "medians.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        build.collect(build.open_source("wfdb", records), path)
        files.remove_pieces(path)
    return read_medians(path)


def write_tables(place: Path) -> None:
    """Put the errors of all cards into the README beside them."""
    names = [(target, model) for target in TARGETS for model in pretrained.models(target, place)]
    lines = [
        "| network | trunk | unit | MAE | RMSE | R² | slope | original's MAE "
        "| on LUDB: MAE | bias | R² |",
        "| --- " * 11 + "|",
    ]
    for target, model in names:
        about, content = TARGETS[target], pretrained.read_card(target, model, place)
        test, ludb = content["test"], content.get("ludb")
        cells = [f"{about.label}, model {model}", content["trunk"], about.unit]
        cells += [f"{test['mae']:.3g}", f"{test['rmse']:.3g}", f"{test['r2']:.3f}"]
        cells += [f"{test['slope']:.2f}", f"{about.original_error[0]:.3g}"]
        cells += (
            [f"{ludb['mae']:.3g}", f"{ludb['bias']:+.3g}", f"{ludb['r2']:.2f}"]
            if ludb
            else ["", "", ""]
        )
        lines.append(f"| {' | '.join(cells)} |")
    write_between(place / "README.md", "errors", lines)


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
    options.add_argument("--target", choices=TARGETS)
    options.add_argument(
        "--model", type=int, default=1, help="number of the training, and its seed"
    )
    options.add_argument("--cards", action="store_true", help="only measure the errors again")
    options.add_argument("--ludb", type=Path, help="folder of WFDB records of LUDB")
    options.add_argument("--networks", type=Path, default=HERE)
    given = options.parse_args()
    place = given.networks
    if given.cards:
        for target in TARGETS:
            for model in pretrained.models(target, place):
                content = pretrained.read_card(target, model, place)
                network = pretrained.network_of(content, "cpu", place)
                publish(given.folder, place, network, content, given.ludb)
        write_tables(place)
        return
    for target, model in [(given.target, given.model)] if given.target else PLAN:
        trainer = trainer_for(given.folder, config_for(target, model=model), TRAINING["records"])
        state = given.folder / f"{target}.{model}.labels{LABELS_VERSION}.state"
        network = training.fit(trainer, state)
        publish(given.folder, place, network, card(trainer), given.ludb)
        write_tables(place)


if __name__ == "__main__":
    main()
