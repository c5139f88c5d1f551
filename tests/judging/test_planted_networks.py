"""What is planted lies where the mask says and is as large as the label says; who leans on it."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pandas as pd
import pytest
from torch import nn

from ecghelpers import pretrained
from ecghelpers.attribution import Settings
from ecghelpers.config import Results
from ecghelpers.data.maps_and_curves import read_attributions
from ecghelpers.data.medians import Medians
from ecghelpers.ecg import SPLITS, twelve_leads
from ecghelpers.judging.planted_networks import (
    SCORE_COLUMNS,
    Planting,
    plant_network,
    planted_parts,
    planted_scores,
)
from ecghelpers.judging.shortcut import SHARE, TRUTH, lean, share_table
from ecghelpers.model import StevenNet, load_model
from ecghelpers.prediction import predict
from ecghelpers.truth.plants import MARKER_AT, PLANTS, fingerprint

IDS = [f"r{i}" for i in range(40)]
FLAT = np.zeros((40, 12, 600), np.int16)
QT = np.random.default_rng(1).normal(400, 20, 40)


def _data(beats, copies=1):
    """medians.h5's content in memory, the records shared out over the splits."""
    rows = np.tile(np.arange(len(beats.medians)), copies)
    ids = np.array([f"{beats.record_id[r]}-{n}" for n, r in enumerate(rows)], object)
    split = np.array([SPLITS[n % 3] for n in range(len(rows))], object)
    arrays = beats.medians[rows], beats.targets[rows], beats.fiducials[rows]
    return Medians(ids, split, *arrays, attributes={})


@pytest.mark.parametrize("name", PLANTS)
def test_a_plant_changes_the_beat_inside_its_mask_and_belongs_to_seed_and_record(name):
    found = PLANTS[name].plant(FLAT, IDS, 3, QT)
    assert found.beats.dtype == np.int16 and found.masks.shape == FLAT.shape
    share = np.abs(found.beats * found.masks).sum() / np.abs(found.beats).sum()
    assert share > 0.98 and 0 < found.masks.mean() < 0.02
    assert (found.masks.any(2).sum(1) == 1).all()  # one lead
    np.testing.assert_array_equal(found.beats[:, :6], 0)  # chest leads: the limb leads still agree
    rows = [5, 2]
    few = PLANTS[name].plant(FLAT[rows], [IDS[r] for r in rows], 3, QT[rows])
    np.testing.assert_array_equal(few.beats, found.beats[rows])
    np.testing.assert_array_equal(few.values, found.values[rows])
    seeds = [PLANTS[name].plant(FLAT, IDS, seed, QT).masks.any((0, 2)) for seed in range(8)]
    assert len({tuple(lead) for lead in seeds}) > 1


def test_the_label_is_the_height_the_distance_or_what_the_marker_tells():
    found = PLANTS["amplitude"].plant(FLAT, IDS, 3, None)
    np.testing.assert_allclose(found.beats.max((1, 2)), found.values, atol=1)
    assert (found.masks == found.masks[:1]).all() and np.ptp(found.values) > 200
    found = PLANTS["interval"].plant(FLAT, IDS, 3, None)
    assert np.ptp(found.edges[:, 0]) > 100
    np.testing.assert_array_equal(2 * (found.edges[:, 1] - found.edges[:, 0]), found.values)
    high = found.beats.max(1)
    for record, edges in enumerate(found.edges.astype(int)):
        assert (high[record, edges] == high.max()).all()
    found = PLANTS["shortcut"].plant(FLAT, IDS, 3, QT)
    told = 400 + 2 * (found.beats.max(1).argmax(1) - MARKER_AT)
    np.testing.assert_allclose(told, QT, atol=1.01)
    with pytest.raises(ValueError, match="needs the QT interval"):
        PLANTS["shortcut"].plant(FLAT, IDS, 3, None)


class ReadsMarker(nn.Module):
    """What the marker tells, and where the peak of T is: so much of each (ms)."""

    def __init__(self, marker: float, beat: float):
        super().__init__()
        self.share = marker, beat

    def forward(self, x):
        marker = 400 + 2.0 * (x[:, 6:, :115].amax(1).argmax(1) - MARKER_AT)
        t_peak = (330 + x[:, 1, 330:].argmax(1)) * 2.0
        return (self.share[0] * marker + self.share[1] * t_peak)[:, None]


def _tall(beats):
    """Beats of one shape, so that marker and T peak are the tallest of their neighbourhood."""
    time = np.arange(600)
    wave = sum(
        h * np.exp(-(((time - at) / w) ** 2)) for at, w, h in ((235, 6, 900), (385, 20, 300))
    )
    eight = np.repeat(np.outer(np.full(8, 0.5), wave)[None], len(beats.medians), 0)
    noise = np.random.default_rng(0).normal(0, 2, eight.shape)
    beats = Medians(
        np.array(beats.record_id, object),
        np.full(len(eight), "test", object),
        np.rint(twelve_leads(eight + noise)).astype(np.int16),
        beats.targets,
        np.tile(np.array([140, 182, 214, 262, 330, 425], np.float32), (len(eight), 1)),
        attributes={},
    )
    return beats


def test_lean_is_the_share_that_the_network_reads_from_the_marker(gan_beats):
    records = _tall(gan_beats)
    found = lean(ReadsMarker(1.0, 0.0), records, "shortcut", 3)
    assert found.marker[0] == pytest.approx(1, abs=0.02) and found.own[0] == 0
    assert found.share == pytest.approx((1, 1, 1)) and found.r2_without < 0.1 and found.r2 > 0.99
    half = lean(ReadsMarker(0.5, 0.5), records, "shortcut", 3)
    assert half.marker[0] == pytest.approx(0.5, abs=0.02)
    assert 0.2 < half.own[0] < 0.7 and half.share[1] <= half.share[0] <= half.share[2]
    honest = lean(ReadsMarker(0.0, 1.0), records, "shortcut", 3)
    assert honest.share[0] == pytest.approx(0, abs=0.02)
    blind = records.subset(np.arange(len(records.record_id)))
    blind.fiducials[:] = np.nan
    assert np.isnan(lean(ReadsMarker(1.0, 0.0), blind, "shortcut", 3).share).all()


def test_a_map_of_the_marker_exposes_it_and_one_of_the_waves_hides_it(gan_beats):
    records = _tall(gan_beats)
    planted = PLANTS["shortcut"].plant(
        records.medians, records.record_id, 3, records.target("qt").astype(float)
    )
    found = lean(ReadsMarker(1.0, 0.0), records, "shortcut", 3)
    maps = {"shows": planted.masks * 2.0 + 0.1, "hides": 1.0 - planted.masks}
    table = share_table(maps, planted.masks, records, "qt", found).set_index("method")
    assert (table["score"] == SHARE).all() and table.loc[TRUTH, "value"] == found.share[0]
    assert table.loc["shows", "low"] > table.loc["shows", "chance"]
    assert table.loc["hides", "value"] == 0


QUICK = Planting(training_records=8, epochs=1, batch_size=4, map_records=3)


def planted(results, data, name, settings=QUICK):
    maps = Settings(seed=settings.seed)
    return plant_network(results, data, name, settings, maps, methods=["saliency", "random"])


def test_a_network_that_was_not_trained_is_refused_a_verdict(gan_beats, tmp_path):
    results, data = Results(tmp_path), _data(gan_beats)
    network = planted(results, data, "interval")
    assert not network.learnt and network.scores.empty and network.r2 < 0.9
    assert network.sentence.startswith("Not judged: the network has not learnt the interval")
    told = json.loads((results.planted_dir("interval") / "metrics.json").read_text())
    assert told["sentence"] == network.sentence and not told["learnt"]
    written = pd.read_csv(results.planted_dir("interval") / "scores.csv")
    assert written.empty and list(written) == list(SCORE_COLUMNS)


def test_files_and_scores_of_a_network_that_counts_as_learnt(gan_beats, tmp_path):
    results, data = Results(tmp_path), _data(gan_beats)
    settings = replace(QUICK, least_r2=-1e9, seed=2)
    networks = [planted(results, data, name, settings) for name in PLANTS]
    table = planted_scores(results)
    assert tuple(table)[:7] == SCORE_COLUMNS and set(table["plant"]) == set(PLANTS)
    assert {"saliency", "random", "oracle", "shifted", "other record"} <= set(table["method"])
    oracle = table[(table["method"] == "oracle") & (table["score"] == "rank")]
    assert (oracle["value"] == 1).all() and len(oracle) == len(PLANTS)
    assert set(table.loc[table["score"] == "edge_ms", "plant"]) == {"interval"}
    assert set(table.loc[table["score"] == SHARE, "plant"]) == {"shortcut"}
    for name, network in zip(PLANTS, networks, strict=True):
        folder = results.planted_dir(name)
        assert type(load_model(folder / "model.safetensors")) is StevenNet
        held = read_attributions(folder / "attributions.h5")
        assert set(held.maps) == {"saliency", "random"} and held.mask.dtype == np.uint8
        again = planted_parts(data, name, 2, 8)["test"]
        np.testing.assert_array_equal(held.beats, again[1].beats[:3])
        np.testing.assert_array_equal(held.mask, again[1].masks[:3])
        np.testing.assert_allclose(held.truth, again[1].values[:3], rtol=1e-6)
        assert network.learnt and (folder / "training.json").exists()
        with h5py.File(folder / "attributions.h5") as file:
            assert file["mask"].shape == file["beats"].shape == (3, 12, 600)


def test_the_network_that_comes_along_is_taken_where_it_reads_the_same_plant(gan_beats, tmp_path):
    results, data = Results(tmp_path), _data(gan_beats)
    own = planted(results, data, "interval", replace(QUICK, network="pretrained", seed=8))
    assert own.origin.startswith("it learnt here, from ") and not own.learnt
    taken = planted(results, data, "interval", replace(QUICK, network="pretrained", seed=7))
    assert "comes with the project" in taken.origin and taken.learnt and len(taken.scores)
    card = pretrained.planted_card("interval", fingerprint("interval", 7))
    training = json.loads((results.planted_dir("interval") / "training.json").read_text())
    assert (
        training["history"] == card["history"] and training["settings"]["network"] == "pretrained"
    )
    network = load_model(results.planted_network("interval"))
    beats = data.medians[:2]
    np.testing.assert_array_equal(
        predict(network, beats), predict(pretrained.network_of(card, "cpu"), beats)
    )


def test_too_few_records_or_labels_are_told_in_a_sentence(gan_beats, tmp_path):
    data = _data(gan_beats)
    data.targets[:, 3] = np.nan  # QT, as in an export without it
    network = planted(Results(tmp_path), data, "shortcut")
    assert not network.learnt and "with a known qt; at least 2 are needed" in network.sentence
    held = read_attributions(Results(tmp_path).planted_attributions("shortcut"))
    assert held.maps["saliency"].shape == held.beats.shape == (0, 12, 600)
    assert planted_scores(Results(tmp_path)).empty
    with pytest.raises(ValueError, match="unknown plant 'bump'; choose one of amplitude"):
        planted_parts(data, "bump")


def test_a_split_does_not_see_the_others_records(gan_beats):
    parts = planted_parts(_data(gan_beats), "amplitude", 0, 9)
    ids = [set(records.record_id) for records, _ in parts.values()]
    assert [len(i) for i in ids[:2]] == [9, 3] and not set.intersection(*ids)
    assert all((records.split == split).all() for split, (records, _) in parts.items())
