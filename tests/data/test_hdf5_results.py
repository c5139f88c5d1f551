"""Files of a results folder: written atomically, checked when read, split by record id."""

import os
import stat
from dataclasses import replace

import h5py
import numpy as np
import pytest
from fake_results import perturbation

from ecghelpers import files
from ecghelpers.data import build
from ecghelpers.data.maps_and_curves import (
    Attributions,
    Intervention,
    read_attributions,
    read_intervention,
    read_perturbation,
    write_attributions,
    write_intervention,
    write_perturbation,
)
from ecghelpers.data.medians import (
    ENOUGH_RECORDS,
    LEAST_VALUES,
    Medians,
    read_medians,
    split_of,
    write_medians,
)
from ecghelpers.ecg import FIDUCIALS, SPLITS, TARGETS
from ecghelpers.network.model import StevenNet, save_model

RNG = np.random.default_rng(1)


def block(ids) -> Medians:
    count = len(ids)
    targets = RNG.normal(400, 20, (count, len(TARGETS))).astype(np.float32)
    fiducials = RNG.uniform(100, 400, (count, len(FIDUCIALS))).astype(np.float32)
    medians = RNG.integers(-900, 900, (count, 12, 600)).astype(np.int16)
    ids, empty = np.array(list(ids), str), np.full(count, "")
    split = np.array(list(map(split_of, ids)), str)
    origin = {"patient_id": empty, "rule": empty, "digest": empty}
    return Medians(ids, split, medians, targets, fiducials, **origin)


class Listed:
    """A source of prepared blocks that counts the calls."""

    name, attributes = "listed", {"seed": 1}

    def __init__(self, blocks, settings=None):
        self.blocks, self.settings, self.asked = blocks, settings or {}, []

    @property
    def block_count(self):
        return len(self.blocks)

    def block(self, number):
        self.asked.append(number)
        if self.blocks[number] is None:
            raise KeyboardInterrupt
        return self.blocks[number], [("x", "flat")] * (number == 0)


@pytest.fixture
def medians(tmp_path):
    path = tmp_path / "data" / "medians.h5"
    write_medians(path, iter([block("abc"), block("de")]), 5, source="gan")
    return path


def test_medians_come_back_as_written(tmp_path):
    blocks = [block(["a", "b/../c"]), block(["<ü>"])]
    blocks[0].targets[1, 1] = np.nan
    path = tmp_path / "medians.h5"
    write_medians(path, iter(blocks), 3, source="gan", seed=7)
    found = read_medians(path)
    assert list(found.record_id) == ["a", "b/../c", "<ü>"]
    np.testing.assert_array_equal(found.medians[:2], blocks[0].medians)
    np.testing.assert_array_equal(found.targets[2:], blocks[1].targets)
    assert np.isnan(found.target("pr")[1]) and found.medians.dtype == np.int16
    assert found.attributes["seed"] == 7 and found.attributes["units"] == "µV"
    with h5py.File(path) as file:  # any HDF5 reader opens it
        assert list(file["targets"].attrs["columns"]) == list(TARGETS)
        assert file["medians"].shape == (3, 12, 600)


@pytest.mark.parametrize(
    ("splits", "values", "said"),
    [
        ("train " * 9, [400, 410] * 4 + [420], "9 of 9 records: 9 train, 0 validation, 0 test;"),
        ("train train validation validation test", [1, 2] * 2 + [3], "2 validation, 1 test; each"),
        ("train train validation validation test test", [1, 2] * 2 + [3, 3], "different values"),
        ("train validation", [1, 2], "1 train, 1 validation, 0 test; each needs at least 2"),
        ("test test", [np.nan, np.nan], "qt is missing in all 2 records; known in some: pr "),
    ],
)
def test_too_few_records_for_training_are_told_with_where_they_went(splits, values, said):
    splits = np.array(splits.split(), object)
    one = block([str(number) for number in range(len(splits))])
    one.targets[:] = np.nan
    one.targets[:, 1] = 160
    one.targets[:, list(TARGETS).index("qt")] = values
    arrays = (one.medians, one.targets, one.fiducials)
    data = Medians(np.array(one.record_id, object), splits, *arrays, {})
    with pytest.raises(ValueError, match=said) as error:
        data.for_training("qt")
    assert "\n" not in str(error.value)


def test_forty_records_are_enough_for_each_split():
    shares = np.array(
        [
            [
                sum(split_of(f"{study}-{i}") == split for i in range(ENOUGH_RECORDS))
                for split in SPLITS
            ]
            for study in range(300)
        ]
    )
    assert np.mean((shares >= LEAST_VALUES).all(axis=1)) > 0.98


def test_the_split_depends_on_the_record_id_alone(tmp_path):
    ids = [f"r{i}" for i in range(3000)]
    share = {s: np.mean([split_of(i) == s for i in ids]) for s in ("train", "validation")}
    assert abs(share["train"] - 0.6) < 0.03 and abs(share["validation"] - 0.2) < 0.03
    found = {}
    for order in (ids[:9], ids[8::-1]):
        one = block(order)
        one.targets[:, RNG.integers(7)] = np.nan
        write_medians(tmp_path / "m.h5", iter([one]), 9, source="gan")
        data = read_medians(tmp_path / "m.h5")
        splits = dict(zip(data.record_id, data.split, strict=True))
        assert splits == (found or splits)
        found = splits
    assert split_of("r0") == "train"  # on every machine and with every version


def test_beats_left_in_the_file_are_the_same(medians):
    whole, mapped = read_medians(medians), read_medians(medians, mapped=True)
    assert isinstance(mapped.medians, np.memmap) and not isinstance(whole.medians, np.memmap)
    np.testing.assert_array_equal(mapped.medians, whole.medians)
    train = whole.split == "train"
    left, copied = (mapped.subset(train, copied=copied) for copied in (False, True))
    assert left.medians.array is mapped.medians
    np.testing.assert_array_equal(left.medians, whole.medians[train])
    np.testing.assert_array_equal(left.subset(slice(0, 1)).medians, copied.medians[:1])


def test_labelled_records_of_a_split(medians):
    data = read_medians(medians)
    data.targets[0] = np.nan
    for split in ("train", "validation", "test"):
        part = data.labelled("qt", split)
        assert (part.split == split).all() and "a" not in part.record_id


def test_an_id_that_comes_twice_is_refused_and_nothing_is_left(tmp_path):
    path = tmp_path / "medians.h5"
    with pytest.raises(ValueError, match="duplicate record id 'a'"):
        write_medians(path, iter([block("ab"), block("a")]), 3, source="gan")
    assert list(tmp_path.iterdir()) == []


def test_attributions_come_back_as_written(tmp_path):
    maps = {m: RNG.normal(size=(2, 12, 600)).astype(np.float32) for m in ("saliency", "random")}
    details = {m: {"parameters": {"seed": 1}, "unit": "ms", "seconds": 0.5} for m in maps}
    values = np.array([1.0, 2.0])
    written = Attributions(
        np.array(["a", "b"]), values, values + 1, maps, details, {"target": "qt"}
    )
    write_attributions(tmp_path / "a.h5", written)
    found = read_attributions(tmp_path / "a.h5")
    assert list(found.record_id) == ["a", "b"] and found.attributes["target"] == "qt"
    np.testing.assert_array_equal(found.maps["random"], maps["random"])
    assert found.details["saliency"] == details["saliency"]
    assert list(read_attributions(tmp_path / "a.h5", ["random", "none"]).maps) == ["random"]


def test_perturbation_comes_back_as_written(tmp_path):
    curves = {m: RNG.normal(size=(2, 4)).astype(np.float32) for m in ("saliency", "random")}
    ids, truth = np.array(["a", "b"]), np.array([1.0, 2])
    written = perturbation(ids, truth, curves, {"steps": 3})
    values = RNG.normal(size=(2, 3)).astype(np.float32)
    written.operators["saliency", "zero", "lerf"] = values
    written = replace(written, columns=np.array([1, 3, 8]))
    write_perturbation(tmp_path / "p.h5", written)
    found = read_perturbation(tmp_path / "p.h5")
    np.testing.assert_array_equal(found.prediction["saliency"], curves["saliency"])
    np.testing.assert_array_equal(found.operators["saliency", "zero", "lerf"], values)
    assert list(found.columns) == [1, 3, 8]
    assert list(found.points) == [0, 1, 2, 3] and set(found.prediction) == set(curves)
    assert found.attributes["steps"] == 3 and "torch" in found.attributes["version"]


def test_interventions_and_maps_against_the_mean_beat_come_back(tmp_path):
    effect = RNG.normal(size=(2, 3, 12, 30)).astype(np.float32)
    ids, one = np.array(["a", "b"]), effect[:, 0]
    written = Intervention(ids, np.ones(2), effect, one, -one, {"segment_ms": 40})
    write_intervention(tmp_path / "i.h5", written)
    found = read_intervention(tmp_path / "i.h5")
    np.testing.assert_array_equal(found.effect, effect)
    np.testing.assert_array_equal(found.effect_mean, -one)
    assert found.attributes["segment_ms"] == 40 and list(found.record_id) == ["a", "b"]
    assert found.map.shape == (2, 12, 600)
    np.testing.assert_allclose(found.map[1, 5, 40:60], np.abs(effect[1, :, 5, 2]).mean(), rtol=1e-6)
    maps = {"deeplift": RNG.normal(size=(2, 12, 600)).astype(np.float32)}
    details = {"deeplift": {"parameters": {}, "unit": "ms", "seconds": 0.1}}
    content = Attributions(ids, np.ones(2), np.ones(2), maps, details, {}, against_mean=maps)
    write_attributions(tmp_path / "a.h5", content)
    kept = read_attributions(tmp_path / "a.h5")
    assert list(kept.maps) == list(kept.against_mean) == ["deeplift"]
    np.testing.assert_array_equal(kept.against_mean["deeplift"], maps["deeplift"])


def test_a_writer_that_fails_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "file.txt"
    files.write_text(path, "old")
    with pytest.raises(RuntimeError), files.atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_swept_up(tmp_path):
    (tmp_path / ".file.txt.abc.part").write_text("half")
    files.write_text(tmp_path / "file.txt", "new")
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert stat.S_IMODE(os.stat(tmp_path / "file.txt").st_mode) & stat.S_IRUSR


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(OSError, match="cannot write .*medians.h5"):
        files.write_text(tmp_path / "results" / "medians.h5", "")


def test_collecting_goes_on_where_it_was_killed(tmp_path):
    blocks = [block("ab"), block("c"), block("d")]
    path, whole = tmp_path / "a" / "medians.h5", tmp_path / "b" / "medians.h5"
    with pytest.raises(KeyboardInterrupt):
        build.collect(Listed([blocks[0], None, blocks[2]]), path)
    assert not path.exists()
    again = Listed(blocks)
    assert build.collect(again, path) == [("x", "flat")] and again.asked == [1, 2]
    build.collect(Listed(blocks), whole)
    assert path.read_bytes() == whole.read_bytes()
    files.remove_resume_cache(path)  # as the runner does when its step has finished
    assert sorted(p.name for p in path.parent.iterdir()) == ["medians.h5", "rejected.csv"]
    assert (path.parent / "rejected.csv").read_text() == "record_id,reason\nx,flat\n"


def test_blocks_of_other_settings_or_damaged_ones_are_made_again(tmp_path):
    blocks, path = [block("ab"), block("c")], tmp_path / "medians.h5"
    with pytest.raises(KeyboardInterrupt):
        build.collect(Listed([blocks[0], None], {"seed": 1}), path)
    (piece,) = tmp_path.glob(".medians.h5.pieces/block*.npz")
    content = bytearray(piece.read_bytes())
    content[len(content) // 2] ^= 1
    piece.write_bytes(content)
    damaged = Listed(blocks, {"seed": 1})
    build.collect(damaged, path)
    assert damaged.asked == [0, 1]
    files.remove_resume_cache(path)
    with pytest.raises(KeyboardInterrupt):
        build.collect(Listed([blocks[0], None], {"seed": 1}), path)
    other = Listed(blocks, {"seed": 2})
    build.collect(other, path)
    assert other.asked == [0, 1]


def test_a_source_without_a_usable_record_is_named(tmp_path):
    with pytest.raises(ValueError, match="no usable record; the first was rejected because: flat"):
        build.collect(Listed([block("")]), tmp_path / "medians.h5")
    assert not (tmp_path / "medians.h5").exists()


def test_curves_of_a_network_that_was_replaced_are_refused(tmp_path):
    """The state after a training with papermill alone, beside curves of the previous network."""
    model, path = tmp_path / "model.safetensors", tmp_path / "perturbation.h5"
    save_model(model, StevenNet())
    curves = {"saliency": np.zeros((2, 4))}
    write_perturbation(path, perturbation(["a", "b"], np.zeros(2), curves, {}))
    assert list(read_perturbation(path).record_id) == ["a", "b"]
    save_model(model, StevenNet())
    with pytest.raises(ValueError, match="belongs to another network than model.safetensors"):
        read_perturbation(path)
