"""Beats of the generator, measured, for what needs beats as the networks see them."""

import numpy as np
import pytest

from ecghelpers.data import gan


class Beats:
    """medians (record, 12, 600), targets (record, 7), fiducials (record, 6), all of them known."""

    def __init__(self, block):
        known = np.isfinite(np.hstack([block.targets, block.fiducials])).all(1)
        self.record_id = [i for i, k in zip(block.record_id, known, strict=True) if k]
        self.medians, self.targets = block.medians[known], block.targets[known]
        self.fiducials, self.rate = block.fiducials[known], block.targets[known, 0]


@pytest.fixture(scope="session")
def gan_beats():
    return Beats(gan.GanSource(48, seed=21, device="cpu").block(0))
