"""The effect of more ECGs and of the recipe: python networks/learning_curves.py FOLDER

FOLDER is that of make.py. Every row of the tables is a training of one target, tested on the same
test ECGs and on LUDB. Finished rows are kept in FOLDER, so an interrupted run resumes.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import make

from ecghelpers import files
from ecghelpers.ecg import TARGETS
from ecghelpers.network import training

SIZES, EPOCHS = (1_000, 3_000, 10_000), 5
RECIPE_RECORDS, RECIPE_EPOCHS = 2_000, 3


@dataclass(frozen=True)
class Row:
    """One training: ECGs (and as many variations, if augmented), passes over them, changes."""

    name: str
    records: int
    epochs: int
    augmented: bool = True
    recipe: str = make.RECIPE
    batch_size: int = make.BATCH_SIZE
    learning_rate: float = 0.0


USUAL = Row("as it is", RECIPE_RECORDS, RECIPE_EPOCHS)
RECIPE_ROWS = (
    USUAL,
    replace(USUAL, name="without augmentation", augmented=False, epochs=2 * RECIPE_EPOCHS),
    replace(USUAL, name="batches of 64, rate doubled", batch_size=64, learning_rate=6e-3),
)
SIZE_ROWS = tuple(Row(f"{n:,} ECGs, {EPOCHS} epochs", n, EPOCHS) for n in SIZES)


def measured(shop: make.Workshop, target: str, row: Row) -> dict:
    """Errors on test ECGs and on LUDB of one training; from the folder if they are there."""
    name = f"{target}.{row.records}x{row.epochs}.{row.augmented}.{row.batch_size}.json"
    path = shop.data / "curves" / name
    if not path.exists():
        config = make.config_for(target, row.epochs, row.recipe, row.batch_size, row.learning_rate)
        trainer = make.trainer_for(shop, config, row.records, row.augmented)
        network = training.fit(trainer, path.with_suffix(".state"))
        found = {"test": make.errors(network, shop.generated("test"), target)}
        if shop.ludb:
            found["ludb"] = make.errors(network, shop.real(), target)
        files.write_json(path, found)
        path.with_suffix(".state").unlink()
    return json.loads(path.read_text(encoding="utf-8"))


def table(heading: str, rows: dict[str, dict], unit: str) -> list[str]:
    """Lines of a table, one row per training."""
    lines = [f"| {heading} | test MAE ({unit}) | R² | LUDB MAE ({unit}) | R² |", "| --- " * 5 + "|"]
    for name, found in rows.items():
        cells = [
            f"{found[w]['mae']:.3g} | {found[w]['r2']:.3f}" for w in ("test", "ludb") if w in found
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="make.py's folder")
    options.add_argument("--target", choices=TARGETS, default="qt")
    options.add_argument("--ludb", type=Path, help="folder of WFDB records of LUDB")
    given = options.parse_args()
    shop = make.Workshop(given.folder, ludb=given.ludb)
    for heading, rows in (
        (f"recipe ({RECIPE_RECORDS:,} ECGs)", RECIPE_ROWS),
        ("learned from", SIZE_ROWS),
    ):
        found = {row.name: measured(shop, given.target, row) for row in rows}
        print(*table(heading, found, TARGETS[given.target].unit), "", sep="\n")


if __name__ == "__main__":
    main()
