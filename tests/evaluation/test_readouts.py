"""The labels of known readouts follow from their truth alone; suppressors do not help."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from refusals import refused
from small_networks import Linear, beats, medians_of, steven_net
from torch import nn

from ecghelpers.data.maps_and_curves import read_attributions
from ecghelpers.ecg import LEADS
from ecghelpers.evaluation import known_networks as known
from ecghelpers.evaluation.controls import control_maps
from ecghelpers.evaluation.readouts import KINDS, PLACES, readout
from ecghelpers.network.model import save_model

IDS = [f"r{n}" for n in range(40)]
BEATS = beats(40)
MEAN = BEATS.mean(0)
QT = np.linspace(360, 440, 40)
TRUTH = np.where(np.arange(7) == 3, QT[:, None], np.nan)
RECORDS = medians_of(BEATS.astype(np.int16), targets=TRUTH, fiducials=0)
LEAD = LEADS.index("V4")  # of the third place of ``interval``


def _planted(kind, place=3, **options):
    return readout(kind, place, BEATS, IDS, QT if KINDS[kind].needs_qt else None, **options)


@pytest.mark.parametrize("kind", ["level", "contrast"])
def test_the_label_is_the_sum_of_the_true_contributions(kind):
    planted = _planted(kind)
    np.testing.assert_allclose(planted.contribution.sum((1, 2)), planted.values)
    np.testing.assert_allclose(planted.sensitivity * planted.beats, planted.contribution)
    other = np.where(planted.mask, planted.beats, 0)
    np.testing.assert_allclose((planted.sensitivity * other).sum((1, 2)), planted.values)
    assert planted.mask.any((1, 2)).all() and planted.mask.any((0, 2)).sum() == 1
    heights = (planted.beats - BEATS).sum((1, 2))  # of either sign: no favour to map × voltage
    assert kind == "contrast" or ((heights > 0).sum() > 8 and (heights < 0).sum() > 8)


def test_the_interval_is_the_distance_of_its_two_bumps_in_a_silent_lead():
    planted = _planted("interval")
    lead = int(planted.mask.any((0, 2)).argmax())
    quiet = np.where(planted.mask[:, lead], 0, planted.beats[:, lead])
    assert np.abs(quiet).max() < 120  # the feet of the bumps, and noise
    for inside, value in zip(planted.mask[:, lead], planted.values, strict=True):
        starts = np.flatnonzero(np.diff(inside.astype(int)) == 1)
        if len(starts) == 2:
            assert abs((starts[1] - starts[0]) * 2 - value) <= 4


def test_a_shortcut_gives_the_label_away_and_a_decoy_does_not():
    middle = np.arange(600)
    for kind, correlated in (("shortcut", True), ("decoy", False)):
        planted = _planted(kind)
        inside = planted.mask.any(1)
        places = (inside * middle).sum(1) / inside.sum(1)
        correlation = np.corrcoef(places, QT)[0, 1]
        assert (correlation > 0.99) == correlated
        np.testing.assert_array_equal(planted.values, QT)
        moved = _planted(kind, shift_ms=20.0)
        assert np.abs(moved.beats - planted.beats).any((1, 2)).all()


def test_places_differ_and_records_are_alike_in_any_selection():
    leads = {int(_planted("level", place).mask.any((0, 2)).argmax()) for place in (1, 2, 3, 4)}
    assert len(leads) == 4
    whole, one = _planted("interval"), readout("interval", 3, BEATS[5:6], IDS[5:6])
    np.testing.assert_array_equal(whole.beats[5], one.beats[0])
    unknown = ("depth", 1, "choose one of level"), ("level", 17, f"1 to {PLACES}")
    for kind, place, said in (*unknown, ("decoy", 1, "needs the QT interval")):
        with refused(said):
            readout(kind, place, BEATS, IDS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_true_map_scores_one_and_the_voltage_never_does(kind):
    planted = _planted(kind)
    maps = control_maps(planted.beats)
    maps["random"] = np.random.default_rng(0).normal(size=BEATS.shape)
    table = known.scores(known.Known(kind, 3), planted, maps, MEAN).set_index(["method", "score"])
    for score in ("sensitivity", "contribution", "marker"):
        if ("oracle", score) in table.index:
            assert table.value["oracle", score] == pytest.approx(1)
        if ("random", score) in table.index:
            assert table.value["random", score] < 0.2
            if kind in ("level", "contrast"):
                assert table.value["voltage", score] < 0.7


def test_maps_against_the_mean_beat_are_held_against_the_difference_from_it():
    planted = _planted("level")
    difference = planted.sensitivity * (planted.beats - MEAN)
    maps = {"deeplift": planted.contribution, "deeplift@mean": difference}
    maps["saliency@mean"] = planted.contribution
    table = known.scores(known.Known("level", 3), planted, maps, MEAN)
    found = table.set_index(["score", "method"]).value["signed_contribution"]
    np.testing.assert_allclose(found[["deeplift", "deeplift@mean"]], 1)
    assert found["saliency@mean"] < 0.999


def test_a_network_that_reads_its_mask_is_admitted_and_one_with_a_suppressor_is_not():
    """The second compares the bump with a lead that is the same without it: R² is 1 as well."""
    which = known.Known("level", 3)
    window = known.made(which, RECORDS).sensitivity[0]
    lead, middle = np.unravel_index(window.argmax(), window.shape)
    other, twins = lead - 1, RECORDS.medians.copy()
    twins[:, other] = twins[:, lead]
    records = replace(RECORDS, medians=twins)
    assert known.admission(Linear(window.copy()), which, records)["admitted"]
    helped = np.roll(window, -1, axis=0)  # the mean before the bump, in the other lead
    share = (window[lead] ** 2).sum() / window[lead].max()  # of the bump's height in the mean
    helped[lead, middle], helped[other, middle] = share, helped[other, middle] - share
    refused = known.admission(Linear(helped), which, records)
    assert refused["r2"] > 0.99 and refused["reason"].startswith("it reads outside the mask")
    assert not refused["admitted"]
    blind = known.admission(Linear(0 * window), which, records)
    assert not blind["admitted"] and "R²" in blind["reason"]


@pytest.mark.parametrize(("kind", "wrong"), [("shortcut", 0.0), ("decoy", 1.0)])
def test_a_shortcut_has_to_follow_its_marker_and_a_decoy_must_not(kind, wrong):
    """Two networks: one moves with the marker, by 1 ms per ms, and one ignores it."""
    which = known.Known(kind, 3)
    planted = known.made(which, RECORDS)
    lead, moves = planted.mask.any((0, 2)).argmax(), np.zeros((12, 600))
    moves[lead] = 2.0 * np.arange(600) / (planted.beats - RECORDS.medians)[:, lead].sum(1).mean()
    for share in (0.0, 1.0):
        found = known.admission(Linear(share * moves), which, RECORDS)
        assert found["marker_slope"] == pytest.approx(share, abs=0.05)
        assert ("marker" in found["reason"]) == (share == wrong)


class Distance(nn.Module):
    """2 ms for each sample between the two of a lead that lie farthest from zero."""

    def forward(self, x):
        height = x[:, LEAD].abs()
        first = height.argmax(1, keepdim=True)
        away = (torch.arange(600) - first).abs()
        return 2.0 * away.gather(1, torch.where(away > 50, height, 0).argmax(1, keepdim=True))


def test_a_network_of_intervals_may_read_all_of_its_lead():
    assert known.admission(Distance(), known.Known("interval", 3), RECORDS)["admitted"]


def test_queue_is_balanced_wherever_it_stops():
    whole = list(known.queue())
    assert len(whole) == len(set(whole)) == len(KINDS) * PLACES * 2
    first = whole[: len(KINDS) * 4]
    assert {(k.kind, k.place) for k in first} == {(k, p) for k in KINDS for p in (1, 9, 2, 10)}
    assert len({k.folder("r") for k in whole}) == len(whole)


def test_too_few_records_give_a_sentence_and_no_scores(tmp_path):
    """ECGs without a known QT: the files are there, and say why they are empty."""
    unknown = replace(RECORDS, targets=RECORDS.targets * np.nan)
    which = known.Known("decoy", 1)
    path = which.folder(tmp_path) / "model.safetensors"
    path.parent.mkdir(parents=True)
    save_model(path, steven_net(dtype=torch.float32))
    table = known.make(which, unknown, tmp_path, 2, torch.device("cpu"))
    assert table.empty and list(table) == known.SCORE_COLUMNS
    found = known.admissions(tmp_path).iloc[0]
    assert not found.admitted and found.reason == "too few test records with a known QT"
    assert not len(read_attributions(path.with_name("attributions.h5")).record_id)
