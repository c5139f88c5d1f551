"""How many ECGs a network needs: python networks/learning_curves.py FOLDER

FOLDER is make.py's, with its ECGs and states. Every training is one network that learns all seven
targets together, as in make.py, and is judged on the same 5000 test ECGs. Its errors are kept in
FOLDER, so that a stopped run goes on; tables and figure go into docs/.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import make
import matplotlib.pyplot as plt
import numpy as np

from ecghelpers import config, shipped, training
from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.data.parallel import measured_block
from ecghelpers.ecg import SAMPLING_RATE_HZ, TARGETS
from ecghelpers.training import Settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "networks.md"
FIGURE = DOCUMENT.with_name("learning_curves.png")
SIZES, EPOCHS = (1_000,), 10
LABEL_RECORDS, LABEL_NOISE_UV = 300, (10, 20)
SHOWN = ("qt", "pr", "qrs")  # drawn in front of the others


def row(folder: Path, name: str, train: Callable[[], tuple[dict, list, int]]) -> dict:
    """Test MAE by target, ECGs and epochs of one training; read again if they are there.

    train: gives the network of every target, the history, and how many ECGs it learnt from.
    """
    path = folder / "curves" / f"{name}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    networks, history, records = train()
    test = make.collected(folder, "test", **make.TEST)
    mae = {target: make.errors(networks[target], test, target)["mae"] for target in TARGETS}
    found = {"records": records, "epochs": len(history), "mae": mae}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def few(folder: Path, records: int) -> tuple[dict, list, int]:
    """A training on the first so many of make.py's ECGs."""
    data = make.collected(folder, "train", make.TRAINING["records"], make.TRAINING["seed"])
    learn, choose = make.parts(data)
    learn = learn.subset(np.arange(records))
    settings = Settings(
        "qt", epochs=EPOCHS, learning_rate=make.JOINT_RATE, seed=make.TRAINING["seed"]
    )
    pairs = ((part.medians, part.targets) for part in (learn, choose))
    trainer = make.Joint(settings, *pairs, config.resolve_device())
    training.fit(trainer, folder / f"size{records}.state")
    return trainer.model(trainer.best[1]), trainer.history, records


def further(folder: Path) -> tuple[dict, list, int]:
    """make.py's second training, of which only one target is shipped."""
    data = make.collected(folder, "train", make.TRAINING["records"], make.TRAINING["seed"])
    part = make.last(data, make.FURTHER["records"])
    model = make.FURTHER["models"][0]
    networks, history = make.train_joint(folder, part, make.FURTHER["epochs"], model)
    return networks, history, len(make.parts(part)[0].record_id)


def reference() -> dict:
    """The same of the networks that come along."""
    cards = {target: shipped.read_card(target) for target in TARGETS}
    card = cards["qt"]
    mae = {target: card["test_32_bit"]["mae"] for target, card in cards.items()}
    return {"records": card["data"]["training"], "epochs": len(card["history"]), "mae": mae}


def moved_labels(noise_uv: float) -> dict[str, float]:
    """How far labels move, on average, when white noise is added to an ECG before measuring."""
    ids = record_ids(0, LABEL_RECORDS, make.TEST["seed"])
    ecgs = synthesize(ids)
    noise = np.random.default_rng(make.TEST["seed"]).normal(0, noise_uv, ecgs.shape)
    clean, noisy = (measured_block(ids, e, SAMPLING_RATE_HZ).targets for e in (ecgs, ecgs + noise))
    return dict(zip(TARGETS, np.nanmean(np.abs(noisy - clean), axis=0).tolist(), strict=True))


def table(heading: str, rows: dict[str, dict[str, float]]) -> list[str]:
    """Lines of a table: a row a training, a column a target, and the original's errors below."""
    names = [f"{target.label} ({target.unit})" for target in TARGETS.values()]
    lines = [f"| {heading} | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|"]
    original = {name: target.original_error[0] for name, target in TARGETS.items()}
    for name, mae in (rows | {"the original's: 90 000 ECGs, labels of 12SL": original}).items():
        lines.append(f"| {name} | {' | '.join(f'{mae[target]:.3g}' for target in TARGETS)} |")
    return lines


def draw(rows: list[dict]) -> None:
    """Test MAE over the original's, against ECGs."""
    figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
    for target, about in TARGETS.items():
        ratio = [row["mae"][target] / about.original_error[0] for row in rows]
        style = {"lw": 2.4} if target in SHOWN else {"lw": 1.2, "ls": "--"}
        axis.plot([row["records"] for row in rows], ratio, marker="o", label=about.label, **style)
    axis.axhline(1, color="black", lw=1)
    axis.set(xscale="log", yscale="log")
    axis.set_xticks([row["records"] for row in rows], [f"{row['records']:,}" for row in rows])
    axis.set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
    axis.minorticks_off()
    axis.grid(alpha=0.3)
    axis.set(xlabel="ECGs learnt from", ylabel="test MAE / the original's")
    axis.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(FIGURE, dpi=200)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="make.py's folder, with its ECGs")
    folder = options.parse_args().folder
    rows = [row(folder, f"size{n}", lambda n=n: few(folder, n)) for n in SIZES]
    rows += [row(folder, "further", lambda: further(folder)), reference()]
    draw(rows)
    named = {f"{r['records']:,} ECGs, {r['epochs']} epochs": r["mae"] for r in rows}
    make.write_between(DOCUMENT, "sizes", table("learnt from", named))
    moved = {f"{uv} µV": moved_labels(uv) for uv in LABEL_NOISE_UV}
    make.write_between(DOCUMENT, "labels", table("noise", moved))


if __name__ == "__main__":
    main()
