"""How the reference networks err on real ECGs: python networks/real_ecgs.py FOLDER_OF_WFDB_RECORDS

Truth is what this project measures on the same ECG. For LUDB the table goes into README.md.
"""

import argparse
import tempfile
from pathlib import Path

import make
import numpy as np

from ecghelpers import shipped
from ecghelpers.data import build
from ecghelpers.data.medians import read_medians
from ecghelpers.ecg import TARGETS
from ecghelpers.prediction import predict


def rows(folder: Path) -> list[str]:
    """Lines of a table: for every target n, MAE, mean error and R²."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "medians.h5"
        build.collect(build.open_source("wfdb", folder), path)
        data = read_medians(path)
        lines = ["| network | unit | n | MAE | mean error | R² |", "| --- " * 6 + "|"]
        for target, about in TARGETS.items():
            known = data.subset(np.isfinite(data.target(target)))
            network = shipped.load_network(target, device="cpu")
            bias = float((predict(network, known.medians) - known.target(target)).mean())
            found = make.errors(network, data, target)
            errors = f"{found['mae']:.3g} | {bias:+.3g} | {found['r2']:.2f}"
            lines.append(f"| {about.label} | {about.unit} | {found['n']} | {errors} |")
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("folder", type=Path, help="WFDB records")
    lines = rows(options.parse_args().folder)
    print("\n".join(lines))
    make.write_between(Path(__file__).with_name("README.md"), "real", lines)


if __name__ == "__main__":
    main()
