"""What more ECGs and the parts of the recipe bring: python networks/learning_curves.py FOLDER

FOLDER is that of make.py. Every row of the tables is a training of one target, judged on the same
test ECGs and on LUDB. Finished rows are kept in FOLDER, so that an interrupted run continues; the
tables go into docs/networks.md.
"""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import make

from ecghelpers import training
from ecghelpers.ecg import TARGETS

DOCUMENT = make.HERE.parent / "docs" / "networks.md"
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
    replace(USUAL, name="squared error", recipe="default"),
    replace(USUAL, name="batches of 64, rate doubled", batch_size=64, learning_rate=6e-3),
)
SIZE_ROWS = tuple(Row(f"{n:,} ECGs, {EPOCHS} epochs", n, EPOCHS) for n in SIZES)


def measured(folder: Path, target: str, row: Row, ludb: Path | None) -> dict:
    """Errors on test ECGs and on LUDB of one training; from the folder if they are there."""
    name = f"{target}.{row.records}x{row.epochs}.{row.augmented}.{row.recipe}.{row.batch_size}"
    path = folder / "curves" / f"labels{make.LABELS_VERSION}" / f"{name}.json"
    if not path.exists():
        config = make.config_for(target, row.epochs, row.recipe, row.batch_size, row.learning_rate)
        trainer = make.trainer_for(folder, config, row.records, row.augmented)
        network = training.fit(trainer, path.with_suffix(".state"))
        found = {"test": make.errors(network, make.generated(folder, "test", **make.TEST), target)}
        if ludb:
            found["ludb"] = make.errors(network, make.real(folder, ludb), target)
        make.files.write_json(path, found)
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
    for marker, heading, rows in (
        ("recipe", f"recipe ({RECIPE_RECORDS:,} ECGs)", RECIPE_ROWS),
        ("sizes", "learned from", SIZE_ROWS),
    ):
        found = {row.name: measured(given.folder, given.target, row, given.ludb) for row in rows}
        unit = TARGETS[given.target].unit
        make.write_between(DOCUMENT, marker, table(heading, found, unit))


if __name__ == "__main__":
    main()
