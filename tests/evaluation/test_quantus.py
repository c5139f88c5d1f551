"""Measures that Quantus has as well give what it gives (Hedström et al., JMLR 24:34, 2023)."""

import numpy as np
import pytest
import torch
from small_networks import beats, steven_net
from torch import nn

from ecghelpers.evaluation import metrics
from ecghelpers.perturbation.intervention import coalition_effects, replaced, segment_windows

quantus = pytest.importorskip("quantus", reason="needs Quantus: pip install quantus")
RNG = np.random.default_rng(0)
BEAT, MEAN = beats(2).astype(np.float32)
QUIET = {"return_aggregate": False, "disable_warnings": True, "normalise": False}


class OfSegments(nn.Module):
    """A network as a function of the share of each segment that is kept: (row, 1, 360)."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, kept):
        beat, mean = torch.from_numpy(BEAT), torch.from_numpy(MEAN)
        gone = torch.from_numpy((1 - kept.numpy().reshape(-1, 12, 30)) @ segment_windows(600))
        return self.network(replaced(beat, mean, gone))


def test_coalitions_give_the_faithfulness_correlation(monkeypatch):
    """With the same coalitions; the features of Quantus are our segments."""
    network = steven_net(dtype=torch.float32)
    relevance = metrics.segment_sums(RNG.normal(size=(1, 12, 600)) * (BEAT - MEAN))
    members = [RNG.choice(360, 72, replace=False) for _ in range(12)]
    draws = iter(members)
    monkeypatch.setattr(np.random, "choice", lambda *_, **__: next(draws))
    metric = quantus.FaithfulnessCorrelation(
        nr_runs=12, subset_size=72, perturb_baseline=0.0, **QUIET
    )
    ones = np.ones((1, 1, 360), np.float32)
    given = {"model": OfSegments(network).eval(), "x_batch": ones, "y_batch": np.array([0])}
    (wanted,) = metric(**given, a_batch=relevance.reshape(ones.shape), device="cpu")
    chosen = np.zeros((12, 360), bool)
    np.put_along_axis(chosen, np.array(members), True, axis=1)
    chosen = chosen.reshape(12, 12, 30)
    effect = coalition_effects(network, BEAT, MEAN, chosen)
    sums = (chosen * relevance).sum((1, 2))
    assert metrics.pearson(sums[None], -effect[None])[0] == pytest.approx(wanted, abs=1e-4)


def test_the_share_found_of_a_mask_is_the_relevance_rank_accuracy():
    mask = np.zeros((3, 12, 600), bool)
    mask[:, 4, 200:260] = True
    maps = RNG.normal(size=mask.shape) + 2 * mask
    metric = quantus.RelevanceRankAccuracy(abs=True, **QUIET)
    flat = maps.reshape(3, 1, -1)
    given = {"model": None, "x_batch": flat, "y_batch": np.zeros(3, int)}
    wanted = metric(**given, a_batch=flat, s_batch=mask.reshape(3, 1, -1))
    np.testing.assert_allclose(metrics.share_found(maps, mask.astype(float)), wanted)
