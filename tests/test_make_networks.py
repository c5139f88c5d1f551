"""networks/make.py: what augmentation changes and keeps, and a small training to its card."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from simulated_ecg import beat as simulated

from ecghelpers.ecg import LEADS, twelve_leads
from ecghelpers.measurement import measure_median
from ecghelpers.network.model import StevenNet

NETWORKS = Path(__file__).resolve().parent.parent / "networks"
sys.path.insert(0, str(NETWORKS))
import augmentation  # noqa: E402

RR_MS = 900
EIGHT = simulated(2 * np.arange(600.0) - 450, pr=160, qrs=90, qt=400)  # QRS from sample 225
PARTS = np.array([145, 195, 225, 270, 425])  # P, PR segment, QRS, ST-T, TP begin


@pytest.mark.parametrize(
    ("part", "target"), [(1, "pr"), (2, "qrs"), (3, "qt")], ids=["PR segment", "QRS", "ST-T"]
)
def test_a_stretched_part_lengthens_its_interval_and_the_cycle(part, target):
    factors = np.where(np.arange(5) == part, 1.3, 1.0)
    more = 0.3 * np.diff(PARTS)[part] * 2  # ms
    warped, rr = augmentation.warp(EIGHT, PARTS, RR_MS, factors)
    assert rr == pytest.approx(RR_MS + more)
    (_, before, *_), (_, after, *_) = (
        measure_median(twelve_leads(eight), rr_ms)
        for eight, rr_ms in ((EIGHT, RR_MS), (warped, rr))
    )
    assert after[target] - before[target] == pytest.approx(more, abs=4 + 0.15 * more)


def test_a_variation_obeys_einthoven_and_repeats_with_its_seed():
    fiducials = np.array([145, 195, 225, 270, np.nan, 425])
    given = twelve_leads(EIGHT), fiducials, RR_MS
    first, second, other = (
        augmentation.augment(*given, np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert np.abs(first - other).max() > 50
    row = {lead: first[LEADS.index(lead)] for lead in LEADS}
    np.testing.assert_allclose(row["I"] + row["III"], row["II"], atol=1e-6)


def test_a_small_training_makes_a_network_and_continues_from_its_state(tmp_path):
    few = ("--records", "40", "--test-records", "12", "--epochs", "1", "--target", "qt")
    folders = (tmp_path / "work", "--networks", tmp_path / "networks")
    command = [sys.executable, NETWORKS / "make.py", *folders, *few]
    subprocess.run(command, check=True, capture_output=True)
    path = tmp_path / "networks" / "qt" / "model1.safetensors"
    card, weights = json.loads(path.with_suffix(".json").read_text()), path.read_bytes()
    assert card["trunk"] == "apart" and card["test"]["n"] <= 12
    assert 32 < card["data"]["training"] <= 64  # of which half are variations
    StevenNet().load_state_dict(load_file(path))
    path.unlink()
    subprocess.run(command, check=True, capture_output=True)  # trains no further
    assert path.read_bytes() == weights
    again = json.loads(path.with_suffix(".json").read_text())
    assert again["history"] == card["history"]
    subprocess.run([*command, "--fine-tune"], check=True, capture_output=True)
    tuned = json.loads(path.with_suffix(".json").read_text())
    assert path.read_bytes() != weights and len(tuned["training"]) == 2
    assert tuned["history"][:1] == card["history"] and len(tuned["history"]) == 2
