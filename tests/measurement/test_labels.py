"""Labels of fifty generated ECGs as they were when LABELS_VERSION was last raised.

python tests/measurement/test_labels.py     # writes labels.csv anew, with today's version
"""

from pathlib import Path

import numpy as np

from ecghelpers.data.gan import record_ids, synthesize
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.measurement import LABELS_VERSION, measure_many

STORED = Path(__file__).with_name("labels.csv")
NAMES = (*TARGETS, *FIDUCIALS)


def labels():
    """(50, 13) targets and fiducials."""
    found = measure_many(synthesize(record_ids(0, 50, 4242)))
    return np.array([[(m.targets | m.fiducials)[name] for name in NAMES] for m in found])


def test_labels_change_only_with_their_version():
    """Another processor rounds differently: what is measured moves by a thousandth, not more."""
    head, names = STORED.read_text().splitlines()[:2]
    assert head == f"# version {LABELS_VERSION}" and names.split(",") == list(NAMES)
    stored = np.genfromtxt(STORED, delimiter=",", skip_header=2)
    apart = np.abs(labels() - stored)
    assert (np.isnan(apart) == np.isnan(stored)).all()
    assert np.nanmax(apart) < 0.1, "raise LABELS_VERSION, and run this file as a script"


if __name__ == "__main__":
    rows = [",".join(f"{value:.2f}" for value in row) for row in labels()]
    lines = (f"# version {LABELS_VERSION}", ",".join(NAMES), *rows)
    STORED.write_text("\n".join(lines) + "\n")
