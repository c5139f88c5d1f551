"""How many ECGs, epochs and which recipe a network needs: python networks/learning_curves.py FOLDER

FOLDER is make.py's, with its ECGs and states. Every training is judged on the same 5000 test ECGs.
Its errors are kept in FOLDER, so that a stopped run goes on; tables and figure go into docs/.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import make
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ecghelpers import config, shipped, training
from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.data.medians import Medians
from ecghelpers.data.parallel import measured_block
from ecghelpers.ecg import SAMPLING_RATE_HZ, TARGETS
from ecghelpers.training import Settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "networks.md"
FIGURE = DOCUMENT.with_name("learning_curves.png")
SIZES, EPOCHS = (1_000, 3_000), 10
EPOCH_COUNTS = 1, 5  # beside the recipe's and make.py's second training, of as many ECGs
STEP_S = 0.3  # what a step of 32 ECGs takes on one core of an AMD EPYC
# One target learnt alone, as the quick profile does: ECGs and epochs of about as many steps.
ALONE, ALONE_TARGETS, ALONE_VALIDATION = ((1_000, 12), (2_000, 5)), ("pr", "qrs", "qt"), 400
RECIPE_RECORDS, RECIPE_EPOCHS = 10_000, 3
NOISE_UV, SHIFT_SAMPLES, DECAY = 10, 10, 0.99
LABEL_RECORDS, LABEL_NOISE_UV = 300, (10, 20)
SHOWN = ("qt", "pr", "qrs")  # drawn in front of the others
# Okabe and Ito's colours, which the colour-blind tell apart
COLORS = ("#E69F00", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#999999")
MARKERS = "osD^vPX"


class Augmented:
    """Beats (record, 12, time) that come changed, by chance, each time they are taken."""

    def __init__(self, beats: np.ndarray, change: Callable[[Tensor, torch.Generator], Tensor]):
        self.beats, self.change = beats, change
        self.chance = torch.Generator().manual_seed(make.TRAINING["seed"])

    def __len__(self) -> int:
        return len(self.beats)

    def __getitem__(self, rows: np.ndarray) -> Tensor:
        return self.change(torch.as_tensor(self.beats[rows]).float(), self.chance)


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


@dataclass(frozen=True)
class Recipe:
    """What is changed in a joint training."""

    kind: type[make.Joint] = make.Joint
    settings: dict = field(default_factory=dict)
    change: Callable | None = None  # of the beats, each time they are taken


RECIPES = {
    "the recipe as it is": Recipe(),
    f"white noise of {NOISE_UV} µV added": Recipe(change=add_noise),
    f"beats moved by up to ± {2 * SHIFT_SAMPLES} ms": Recipe(change=shift),
    f"weights averaged (EMA, {DECAY})": Recipe(Averaged),
    "learning rate 0.001": Recipe(settings={"learning_rate": 1e-3}),
    "learning rate 0.01": Recipe(settings={"learning_rate": 1e-2}),
    "batches of 64": Recipe(settings={"batch_size": 64}),
}


def row(folder: Path, name: str, train: Callable[[], tuple[dict, list, int]]) -> dict:
    """Test MAE by target, ECGs and epochs of one training; read again if they are there.

    train: gives the networks by target, the history, and how many ECGs they learnt from.
    """
    path = folder / "curves" / f"{name}.json"
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    networks, history, records = train()
    test = make.collected(folder, "test", **make.TEST)
    mae = {target: make.errors(networks[target], test, target)["mae"] for target in networks}
    content = {"records": records, "epochs": len(history), "mae": mae}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return content


def parts(folder: Path) -> tuple[Medians, Medians]:
    data = make.collected(folder, "train", make.TRAINING["records"], make.TRAINING["seed"])
    return make.parts(data)


def together(
    folder: Path, name: str, records: int, epochs: int, recipe: Recipe
) -> tuple[dict, list, int]:
    """All targets learnt together from the first so many of make.py's ECGs."""
    learn, choose = parts(folder)
    learn = learn.subset(np.arange(records))
    values = {"learning_rate": make.JOINT_RATE, "seed": make.TRAINING["seed"]} | recipe.settings
    settings = Settings("qt", epochs=epochs, **values)
    pairs = ((part.medians, part.targets) for part in (learn, choose))
    trainer = recipe.kind(settings, *pairs, config.resolve_device())
    if recipe.change:
        trainer.beats = Augmented(trainer.beats, recipe.change)
    # a state holds neither an average nor where chance stands: only the usual kind is continued
    usual = recipe.kind is make.Joint and not recipe.change
    training.fit(trainer, folder / f"{name}.state" if usual else None)
    return trainer.model(trainer.best[1]), trainer.history, records


def alone(folder: Path, target: str, records: int, epochs: int) -> tuple[dict, list, int]:
    """One target learnt by the recipe of the other profiles."""
    learn, choose = (part.subset(np.isfinite(part.target(target))) for part in parts(folder))
    learn = learn.subset(np.arange(records))
    choose = choose.subset(np.arange(ALONE_VALIDATION))
    pairs = ((part.medians, part.target(target)) for part in (learn, choose))
    trainer = training.Trainer(Settings(target, epochs=epochs), *pairs, config.resolve_device())
    network = training.fit(trainer, folder / f"alone.{target}.{records}.state")
    return {target: network}, trainer.history, records


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
        errors = (f"{mae[target]:.3g}" if target in mae else "" for target in TARGETS)
        lines.append(f"| {name} | {' | '.join(errors)} |")
    return lines


def draw(sizes: list[dict], epochs: list[dict]) -> None:
    """Test MAE over the original's, against ECGs and against epochs."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), sharey=True, layout="constrained")
    panels = (
        (sizes, "records", "ECGs learnt from"),
        (epochs, "epochs", f"epochs of {RECIPE_RECORDS:,} ECGs"),
    )
    for axis, (rows, key, title) in zip(axes, panels, strict=True):
        for (target, about), color, marker in zip(TARGETS.items(), COLORS, MARKERS, strict=True):
            ratio = [row["mae"][target] / about.original_error[0] for row in rows]
            style = {"lw": 2.4} if target in SHOWN else {"lw": 1.2, "ls": "--"}
            style |= {"color": color, "marker": marker, "label": about.label}
            axis.plot([row[key] for row in rows], ratio, **style)
        axis.axhline(1, color="black", lw=1)
        axis.set(xscale="log", yscale="log", xlabel=title)
        axis.set_xticks([row[key] for row in rows], [f"{row[key]:,}" for row in rows])
        axis.set_yticks([0.5, 1, 2, 4], ["0.5", "1", "2", "4"])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("test MAE / the original's")
    axes[1].legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    figure.savefig(FIGURE, dpi=200)


def named(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Errors by what a training had, and about what it cost."""
    return {
        f"{r['records']:,} ECGs, {r['epochs']} epoch{'s' * (r['epochs'] > 1)}, "
        f"{r['records'] * r['epochs'] / 32 * STEP_S / 3600:.2f} core-hours": r["mae"]
        for r in rows
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="make.py's folder, with its ECGs")
    folder = options.parse_args().folder

    def learnt(name: str, records: int, epochs: int, recipe: Recipe) -> dict:
        return row(folder, name, lambda: together(folder, name, records, epochs, recipe))

    def learnt_alone(target: str, records: int, epochs: int) -> dict:
        name = f"alone.{target}.{records}x{epochs}"
        return row(folder, name, lambda: alone(folder, target, records, epochs))["mae"]

    recipes = {
        changed: learnt(f"recipe{number}", RECIPE_RECORDS, RECIPE_EPOCHS, recipe)
        for number, (changed, recipe) in enumerate(RECIPES.items())
    }
    usual = RECIPES["the recipe as it is"]
    longest = row(folder, "further", lambda: further(folder))
    sizes = [learnt(f"size{n}", n, EPOCHS, usual) for n in SIZES] + [longest, reference()]
    epochs = [learnt(f"epochs{n}", RECIPE_RECORDS, n, usual) for n in EPOCH_COUNTS]
    epochs += [recipes["the recipe as it is"], longest]
    epochs.sort(key=lambda one: one["epochs"])
    few = {
        f"{n:,} ECGs, {e} epochs": {t: learnt_alone(t, n, e)[t] for t in ALONE_TARGETS}
        for n, e in ALONE
    }
    draw(sizes, epochs)
    make.write_between(DOCUMENT, "sizes", table("learnt from", named(sizes)))
    make.write_between(DOCUMENT, "epochs", table("learnt from", named(epochs)))
    make.write_between(DOCUMENT, "alone", table("learnt from", few))
    changed = {name: one["mae"] for name, one in recipes.items()}
    make.write_between(DOCUMENT, "recipe", table("changed", changed))
    moved = {f"{uv} µV": moved_labels(uv) for uv in LABEL_NOISE_UV}
    make.write_between(DOCUMENT, "labels", table("noise", moved))


if __name__ == "__main__":
    main()
