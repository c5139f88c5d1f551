"""How many ECGs, how many epochs and which recipe a network needs: learning_curves.py FOLDER

FOLDER is make.py's, with its ECGs. Every training is one network that learns all seven targets
together, as in make.py, and is judged on the same 5000 test ECGs. Its errors are kept in FOLDER, so
that a stopped run goes on; tables and figure go into docs/.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import make
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ecghelpers import config, shipped, training
from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.data.parallel import measured_block
from ecghelpers.ecg import SAMPLING_RATE_HZ, TARGETS
from ecghelpers.training import Settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "networks.md"
FIGURE = DOCUMENT.with_name("learning_curves.png")
SIZES = (1_000, 3_000, 10_000)
SIZE_EPOCHS = 10  # the epochs of every size
EPOCHS = (2, 5, 10)  # each a training of its own, since the learning rate falls to its end
EPOCHS_RECORDS = VARIANT_RECORDS = 10_000
VARIANT_EPOCHS = 5
LABEL_RECORDS, LABEL_NOISE_UV = 300, (10, 20)
NOISE_UV, SHIFT_SAMPLES, DECAY = 10, 10, 0.998
SHOWN = ("qt", "pr", "qrs")  # drawn in front of the others


class Augmented:
    """Beats (record, 12, time) that come changed, by chance, each time they are taken."""

    def __init__(self, beats: Tensor, change: Callable[[Tensor, torch.Generator], Tensor]):
        self.beats, self.change = beats, change
        self.chance = torch.Generator().manual_seed(make.TRAINING["seed"])

    def __len__(self) -> int:
        return len(self.beats)

    def __getitem__(self, rows: Tensor) -> Tensor:
        return self.change(self.beats[rows].float(), self.chance)


def add_noise(beats: Tensor, chance: torch.Generator) -> Tensor:
    """White noise of NOISE_UV on every lead."""
    return beats + NOISE_UV * torch.randn(beats.shape, generator=chance)


def shift(beats: Tensor, chance: torch.Generator) -> Tensor:
    """Each beat up to SHIFT_SAMPLES earlier or later; the ends repeat their last value."""
    time = beats.shape[-1]
    by = torch.randint(-SHIFT_SAMPLES, SHIFT_SAMPLES + 1, (len(beats), 1), generator=chance)
    places = (torch.arange(time) + by).clamp(0, time - 1)
    return beats.gather(2, places[:, None, :].expand_as(beats))


class Averaged(make.Joint):
    """Judged, and kept, by the running average of its weights."""

    def _build(self) -> None:
        super()._build()
        average = get_ema_multi_avg_fn(DECAY)
        self.average = AveragedModel(self.network, multi_avg_fn=average, use_buffers=True)

    def step(self, rows: Tensor) -> None:
        super().step(rows)
        self.average.update_parameters(self.network)

    def finish_epoch(self, seconds: float) -> None:
        own, self.network = self.network, self.average.module
        super().finish_epoch(seconds)
        self.network = own


VARIANTS = {  # what is changed in the recipe: kind of training, settings, augmentation
    "the recipe as it is": (make.Joint, {}, None),
    f"white noise of {NOISE_UV} µV added": (make.Joint, {}, add_noise),
    f"beats moved by up to ± {2 * SHIFT_SAMPLES} ms": (make.Joint, {}, shift),
    f"weights averaged (EMA, {DECAY})": (Averaged, {}, None),
    "learning rate 0.001": (make.Joint, {"learning_rate": 1e-3}, None),
    "learning rate 0.01": (make.Joint, {"learning_rate": 1e-2}, None),
    "batches of 64": (make.Joint, {"batch_size": 64}, None),
}


def trained(
    folder: Path,
    name: str,
    records: int,
    epochs: int,
    variant: str = "the recipe as it is",
) -> dict:
    """Errors of one training: mae by target, hours of one core; read again if they are there."""
    path = folder / "curves" / f"{name}.json"
    if path.exists():
        return json.loads(path.read_text())
    kind, changed, augmentation = VARIANTS[variant]
    data = make.collected(folder, "train", make.TRAINING["records"], make.TRAINING["seed"])
    test = make.collected(folder, "test", **make.TEST)
    learn, choose = make.parts(data)
    learn = learn.subset(np.arange(records))
    values = {"learning_rate": make.JOINT_RATE, "seed": make.TRAINING["seed"]} | changed
    settings = Settings("qt", epochs=epochs, **values)
    pairs = ((part.medians, part.targets) for part in (learn, choose))
    trainer = kind(settings, *pairs, config.resolve_device())
    if augmentation:
        trainer.beats = Augmented(trainer.beats, augmentation)
    began = time.process_time()
    training.fit(trainer)
    hours = (time.process_time() - began) / 3600
    networks = trainer.model(trainer.best[1])
    mae = {target: make.errors(networks[target], test, target)["mae"] for target in TARGETS}
    row = {"records": records, "epochs": epochs, "variant": variant, "mae": mae, "hours": hours}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(row, indent=1))
    return row


def shipped_row() -> dict:
    """The same of the networks that come along; what some of them learnt alone is counted in."""
    cards = {target: shipped.read_card(target) for target in TARGETS}
    together, alone = cards["qt"], [row for c in cards.values() for row in c["training"][1:]]
    mae = {target: card["test_32_bit"]["mae"] for target, card in cards.items()}
    row = {"records": together["data"]["training"], "epochs": together["training"][0]["epochs"]}
    return row | {"mae": mae, "hours": None, "alone": len(alone)}


def moved_labels(noise_uv: float) -> dict[str, float]:
    """How far labels move, on average, when white noise is added to an ECG before measuring."""
    ids = record_ids(0, LABEL_RECORDS, make.TEST["seed"])
    ecgs = synthesize(ids)
    noise = np.random.default_rng(make.TEST["seed"]).normal(0, noise_uv, ecgs.shape)
    clean, noisy = (measured_block(ids, e, SAMPLING_RATE_HZ).targets for e in (ecgs, ecgs + noise))
    return dict(zip(TARGETS, np.nanmean(np.abs(noisy - clean), axis=0).tolist(), strict=True))


def table(rows: list[dict], heading: str, label: Callable[[dict], str]) -> list[str]:
    """Lines of a table: a row a training, a column a target, and the original's errors below."""
    names = [f"{t.label} ({t.unit})" for t in TARGETS.values()]
    lines = [f"| {heading} | {' | '.join(names)} | core-hours |", "| --- " * (len(names) + 2) + "|"]
    for row in rows:
        hours = "" if row["hours"] is None else f"{row['hours']:.2f}"
        values = " | ".join(f"{row['mae'][target]:.3g}" for target in TARGETS)
        lines.append(f"| {label(row)} | {values} | {hours} |")
    original = " | ".join(f"{t.original_error[0]:.3g}" for t in TARGETS.values())
    return [*lines, f"| the original's, 90 000 ECGs, labels of 12SL | {original} | |"]


def draw(sizes: list[dict], epochs: list[dict]) -> None:
    """Test MAE over the original's, against ECGs and against epochs."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    places = ((axes[0], sizes, "records"), (axes[1], epochs, "epochs"))
    for axis, rows, key in places:
        for target, about in TARGETS.items():
            ratio = [row["mae"][target] / about.original_error[0] for row in rows]
            style = {"lw": 2.2} if target in SHOWN else {"lw": 1, "ls": "--"}
            axis.plot([row[key] for row in rows], ratio, "o-", label=about.label, **style)
        axis.axhline(1, color="black", lw=1)
        axis.set(xscale="log", yscale="log")
        axis.set_xticks([row[key] for row in rows], [f"{row[key]:,}" for row in rows])
        axis.set_yticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set(
        xlabel=f"ECGs learnt from, {SIZE_EPOCHS} epochs", ylabel="test MAE / the original's"
    )
    axes[1].set(xlabel=f"epochs, {EPOCHS_RECORDS:,} ECGs")
    axes[1].legend(fontsize=8)
    figure.savefig(FIGURE, dpi=150)


def write_table(name: str, lines: list[str]) -> None:
    """Put lines between the two markers of that name in docs/networks.md, and print them."""
    print("\n".join(lines), "\n", flush=True)
    make.write_between(DOCUMENT, name, lines)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="make.py's folder, with its ECGs")
    folder = options.parse_args().folder
    sizes = [trained(folder, f"size{n}", n, SIZE_EPOCHS) for n in SIZES]
    epochs = [trained(folder, f"epochs{n}", EPOCHS_RECORDS, n) for n in EPOCHS[:-1]] + sizes[-1:]
    variants = [
        trained(folder, f"variant{i}", VARIANT_RECORDS, VARIANT_EPOCHS, variant) if i else epochs[1]
        for i, variant in enumerate(VARIANTS)
    ]
    sizes.append(shipped_row())
    moved = [{"mae": moved_labels(uv), "hours": None, "uv": uv} for uv in LABEL_NOISE_UV]
    draw(sizes, epochs)
    write_table("sizes", table(sizes, "ECGs", lambda row: f"{row['records']:,}"))
    write_table("epochs", table(epochs, "epochs", lambda row: str(row["epochs"])))
    write_table("labels", table(moved, "noise", lambda row: f"{row['uv']} µV"))
    write_table("recipe", table(variants, "changed", lambda row: row.get("variant", "")))


if __name__ == "__main__":
    main()
