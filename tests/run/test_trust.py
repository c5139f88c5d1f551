"""Files of a results folder: what does not fit is named, pickles do not run, names are no paths."""

import os

import h5py
import numpy as np
import pytest
import torch
from fake_results import perturbation

from ecghelpers.data.maps_and_curves import (
    Attributions,
    read_attributions,
    read_perturbation,
    write_attributions,
    write_perturbation,
)
from ecghelpers.data.medians import Medians, read_medians, write_medians
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.network.model import load_model
from ecghelpers.paths import Results

BEATS = (2, 12, 600)
CURVE = "saliency"


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.safetensors"])
def test_a_pickled_payload_is_refused_and_not_run(tmp_path, name):
    torch.save({"fc1.bias": Payload(tmp_path / "harm")}, tmp_path / name)
    with pytest.raises(ValueError, match="cannot read a model from"):
        load_model(tmp_path / name)
    assert not (tmp_path / "harm").exists()


def make_medians(path):
    arrays = (np.zeros(BEATS, np.int16), np.zeros((2, len(TARGETS))), np.zeros((2, len(FIDUCIALS))))
    write_medians(
        path,
        iter([Medians(np.array(["a", "b"]), np.array(["train"] * 2), *arrays)]),
        2,
        source="gan",
    )


def make_attributions(path):
    details = {"saliency": {"parameters": {}, "unit": "ms", "seconds": 1.0}}
    content = Attributions(
        ["a", "b"], np.zeros(2), np.zeros(2), {"saliency": np.zeros(BEATS)}, details, {}
    )
    write_attributions(path, content)


def make_perturbation(path):
    curves = {"saliency": np.zeros((2, 4))}
    write_perturbation(path, perturbation(["a", "b"], np.zeros(2), curves, {}))


def put(name, values=None, **how):
    """A change that puts another dataset, with the same attributes, in the place of this one."""

    def change(file):
        attributes = dict(file[name].attrs)
        del file[name]
        file.create_dataset(name, data=values, **how).attrs.update(attributes)

    return change


KINDS = {
    "medians": (make_medians, read_medians),
    "attributions": (make_attributions, read_attributions),
    "perturbation": (make_perturbation, read_perturbation),
}
ALTERED = {
    "medians": [
        (put("medians", np.int16(3)), r"'medians' has shape \(\); allowed: \(any, 12, 600\)"),
        (put("medians", np.zeros(BEATS, "f4")), "allowed: int16"),
        (put("fiducials", np.zeros((4, 6))), r"'fiducials' has shape \(4, 6\)"),
        (lambda file: file.__delitem__("targets"), "no dataset 'targets'"),
        (lambda file: file["targets"].attrs.modify("columns", ["x"] * 7), "has columns"),
        (put("record_id", h5py.Empty(h5py.string_dtype())), "'record_id' has shape None"),
        (put("record_id", [1, 2]), "'record_id' is int64; allowed: text"),
        (put("record_id", np.array([b"\xff", b"b"])), "cannot be read"),
        (put("split", ["train", "evil"]), "split 'evil'; allowed: train, validation, test"),
    ],
    "attributions": [
        (put("saliency", np.full(BEATS, b"text")), "'saliency' is .*; allowed: numbers"),
        (put("truth", np.zeros((2, 2))), r"'truth' has shape \(2, 2\); allowed: \(2,\)"),
    ],
    "perturbation": [
        (
            put(f"{CURVE}/prediction", np.zeros((9, 3, 3))),
            rf"'{CURVE}/prediction' has shape \(9, 3, 3\); allowed: \(2, 4\)",
        ),
    ],
}
CASES = [(kind, *case) for kind, cases in ALTERED.items() for case in cases]


@pytest.mark.parametrize(("kind", "change", "said"), CASES)
def test_a_spoilt_file_is_refused_in_one_line_that_names_it(tmp_path, kind, change, said):
    path = tmp_path / f"{kind}.h5"
    make, read = KINDS[kind]
    make(path)
    read(path)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=said) as refusal:
        read(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("keep", [0, 100, 0.5, 0.999])
@pytest.mark.parametrize(("kind", "step"), [("medians", "01"), ("attributions", "04")])
def test_a_damaged_file_is_named_with_the_step_that_makes_it(tmp_path, kind, step, keep):
    path = tmp_path / f"{kind}.h5"
    make, read = KINDS[kind]
    with pytest.raises(FileNotFoundError, match=rf"run_all.sh makes it \(step {step}\)"):
        read(path)
    make(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    with pytest.raises(ValueError, match=rf"delete it, and .* again \(step {step}\)") as refusal:
        read(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_file_packed_by_another_program_is_read(tmp_path):
    path = tmp_path / "attributions.h5"
    make_attributions(path)
    whole = read_attributions(path)
    with h5py.File(path, "r+") as file:
        put("saliency", whole.maps["saliency"], compression="gzip")(file)
    np.testing.assert_array_equal(read_attributions(path).maps["saliency"], whole.maps["saliency"])


@pytest.mark.parametrize("target", ["../qt", "/etc", "qt/../..", ""])
def test_a_target_cannot_leave_the_results_folder(tmp_path, target):
    with pytest.raises(ValueError, match="choose one of VentRate"):
        Results(tmp_path).model_dir(target, 1)
