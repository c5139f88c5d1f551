"""Files of a results folder: written atomically, checked when read, split by record id."""

from dataclasses import asdict

import h5py
import numpy as np
import pytest
from refusals import refused
from small_networks import medians_of

from ecghelpers import files
from ecghelpers.data import build, maps_and_curves, medians
from ecghelpers.data.maps_and_curves import Attributions, Intervention, Perturbation
from ecghelpers.data.medians import Medians, read_medians, split_of, write_medians
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.network.model import StevenNet, save_model

RNG = np.random.default_rng(1)
BEATS = (2, 12, 600)


def block(ids) -> Medians:
    count = len(ids)
    targets = RNG.normal(400, 20, (count, len(TARGETS))).astype(np.float32)
    fiducials = RNG.uniform(100, 400, (count, len(FIDUCIALS))).astype(np.float32)
    medians = RNG.integers(-900, 900, (count, 12, 600)).astype(np.int16)
    split, empty = np.array([split_of(record) for record in ids]), np.full(count, "")
    origin = dict.fromkeys(("patient_id", "rule", "digest"), empty)
    return Medians(np.array(list(ids), str), split, medians, targets, fiducials, **origin)


def numbers(*shape):
    return RNG.normal(size=shape).astype(np.float32)


ABOUT = {"record_id": np.array(["a", "b"]), "attributes": {"seed": 1}}
MAPS = {method: numbers(*BEATS) for method in ("saliency", "deeplift")}
CONTENTS = {
    "attributions": Attributions(
        **ABOUT, prediction=numbers(2), truth=numbers(2), maps=MAPS,
        details={m: {"parameters": {"seed": 1}, "unit": "ms", "seconds": 0.5} for m in MAPS},
        against_mean={"deeplift": numbers(*BEATS)},
    ),
    "perturbation": Perturbation(
        **ABOUT, truth=numbers(2), points=np.arange(4), columns=np.array([1, 3, 8]),
        prediction={"saliency": numbers(2, 4), "voltage": numbers(2, 4)},
        operators={("saliency", "zero", "lerf"): numbers(2, 3)},
    ),
    "intervention": Intervention(
        **ABOUT, prediction=numbers(2), effect=numbers(2, 3, 12, 30),
        effect_flat=numbers(2, 12, 30), effect_mean=numbers(2, 12, 30),
    ),
}  # fmt: skip


def write(kind, path) -> None:
    if kind == "medians":
        write_medians(path, iter([block("ab")]), 2, source="gan")
    else:
        getattr(maps_and_curves, f"write_{kind}")(path, CONTENTS[kind])


def read(kind, path):
    return getattr(medians if kind == "medians" else maps_and_curves, f"read_{kind}")(path)


@pytest.mark.parametrize("kind", CONTENTS)
def test_maps_curves_and_effects_come_back_as_written(tmp_path, kind):
    path = tmp_path / f"{kind}.h5"
    write(kind, path)
    found, written = asdict(read(kind, path)), asdict(CONTENTS[kind])
    attributes = found.pop("attributes")
    assert written.pop("attributes").items() <= attributes.items()
    assert "torch" in attributes["version"]
    for name, values in written.items():
        if values is not None:
            np.testing.assert_equal(found[name], values)


def put(name, values):
    """A change that puts another dataset, with the same attributes, in the place of this one."""

    def change(file):
        attributes = dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, data=values).attrs.update(attributes)

    return change


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("medians", put("medians", np.int16(3)), "'medians' …(any, 12, 600)"),
        ("medians", put("medians", np.zeros(BEATS, "f4")), "'medians' …int16"),
        ("medians", put("fiducials", np.zeros((4, 6))), "'fiducials' has shape (4, 6)"),
        ("medians", lambda file: file.__delitem__("targets"), "'targets'"),
        ("medians", lambda file: file["targets"].attrs.modify("columns", ["x"] * 7), "columns"),
        ("medians", put("record_id", [1, 2]), "'record_id' …text"),
        ("medians", put("record_id", np.array([b"\xff", b"b"])), "cannot be read"),
        ("medians", put("split", ["train", "evil"]), "'evil'; allowed: train, validation, test"),
        ("attributions", put("saliency", np.full(BEATS, b"text")), "'saliency' …numbers"),
        ("attributions", put("truth", np.zeros((2, 2))), "'truth' …(2,)"),
        ("perturbation", put("saliency/prediction", np.zeros((9, 3))), "/prediction' …(2, 4)"),
    ],
)
def test_a_spoilt_file_is_refused_in_one_line_that_names_it(tmp_path, kind, change, said):
    path = tmp_path / f"{kind}.h5"
    write(kind, path)
    with h5py.File(path, "r+") as file:
        change(file)
    with refused(path, said):
        read(kind, path)


@pytest.mark.parametrize("keep", [0, 0.5, 0.999])
@pytest.mark.parametrize(("kind", "step"), [("medians", "01"), ("attributions", "04")])
def test_a_damaged_file_is_named_with_the_step_that_makes_it(tmp_path, kind, step, keep):
    path = tmp_path / f"{kind}.h5"
    with refused(f"(step {step})", error=FileNotFoundError):
        read(kind, path)
    write(kind, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with refused(path, "delete it", f"(step {step})"):
        read(kind, path)


class Listed:
    """A source of prepared blocks that counts the calls."""

    name, attributes = "listed", {"seed": 1}

    def __init__(self, blocks, settings=None):
        self.blocks, self.settings, self.asked = blocks, settings or {}, []
        self.block_count = len(blocks)

    def block(self, number):
        self.asked.append(number)
        if self.blocks[number] is None:
            raise KeyboardInterrupt
        return self.blocks[number], [("x", "flat")] * (number == 0)


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


@pytest.mark.parametrize(
    ("splits", "values", "said"),
    [
        ("train " * 9, [400, 410] * 4 + [420], "9 of 9 records: 9 train, 0 validation, 0 test;"),
        ("train train validation validation test test", [1, 2] * 2 + [3, 3], "different values"),
        ("test test", [np.nan, np.nan], "qt is missing in all 2 records; known in some: pr "),
    ],
)
def test_too_few_records_for_training_are_told_with_where_they_went(splits, values, said):
    splits = splits.split()
    targets = np.full((len(splits), len(TARGETS)), np.nan)
    targets[:, 1], targets[:, list(TARGETS).index("qt")] = 160, values
    data = medians_of(np.zeros((len(splits), 12, 600)), split=splits, targets=targets)
    with refused(said):
        data.for_training("qt")


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


def test_beats_left_in_the_file_are_the_same(tmp_path):
    path = tmp_path / "medians.h5"
    write_medians(path, iter([block("abc"), block("de")]), 5, source="gan")
    whole, mapped = read_medians(path), read_medians(path, mapped=True)
    assert isinstance(mapped.medians, np.memmap) and not isinstance(whole.medians, np.memmap)
    np.testing.assert_array_equal(mapped.medians, whole.medians)
    train = whole.split == "train"
    left, copied = (mapped.subset(train, copied=copied) for copied in (False, True))
    assert left.medians.array is mapped.medians
    np.testing.assert_array_equal(left.medians, whole.medians[train])
    np.testing.assert_array_equal(left.subset(slice(0, 1)).medians, copied.medians[:1])


def test_an_id_that_comes_twice_is_refused_and_the_old_file_stays(tmp_path):
    path = tmp_path / "medians.h5"
    path.write_text("old")
    with refused("duplicate record id 'a'"):
        write_medians(path, iter([block("ab"), block("a")]), 3, source="gan")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


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


@pytest.mark.parametrize("changed", ["settings", "a bit", "labels version"])
def test_blocks_of_other_settings_or_damaged_ones_are_made_again(tmp_path, monkeypatch, changed):
    blocks, path = [block("ab"), block("c")], tmp_path / "medians.h5"
    with pytest.raises(KeyboardInterrupt):
        build.collect(Listed([blocks[0], None], {"seed": 1}), path)
    if changed == "a bit":
        (piece,) = tmp_path.glob(".medians.h5.pieces/block*.npz")
        content = bytearray(piece.read_bytes())
        content[len(content) // 2] ^= 1
        piece.write_bytes(content)
    elif changed == "labels version":
        monkeypatch.setattr(build, "LABELS_VERSION", build.LABELS_VERSION + 1)
    again = Listed(blocks, {"seed": 2 if changed == "settings" else 1})
    build.collect(again, path)
    assert again.asked == [0, 1]


def test_curves_of_a_network_that_was_replaced_are_refused(tmp_path):
    """The state after a training with papermill alone, beside curves of the previous network."""
    model, path = tmp_path / "model.safetensors", tmp_path / "perturbation.h5"
    save_model(model, StevenNet())
    write("perturbation", path)
    assert list(read("perturbation", path).record_id) == ["a", "b"]
    save_model(model, StevenNet())
    with refused("another network than model.safetensors"):
        read("perturbation", path)
