"""Files from elsewhere can neither run code, nor fill the memory, nor name paths."""

import os
import zlib

import h5py
import numpy as np
import pytest
import torch
from fake_results import perturbation

from ecghelpers import checksums
from ecghelpers.config import Results
from ecghelpers.data.maps_and_curves import (
    Attributions,
    read_attributions,
    read_perturbation,
    write_attributions,
    write_perturbation,
)
from ecghelpers.data.medians import Block, read_medians, write_medians
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.model import StevenNet, load_model, save_model

BEATS = (2, 12, 600)
CURVE = "saliency/add_noise/morf"


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


def test_a_file_that_claims_more_than_it_holds_is_refused_before_reading(tmp_path):
    path, count = tmp_path / "medians.h5", 10**9
    with h5py.File(path, "w") as file:
        for name, shape, kind in (
            ("medians", (12, 600), "int16"),
            ("targets", (7,), "float32"),
            ("fiducials", (6,), "float32"),
        ):
            file.create_dataset(name, (count, *shape), kind, chunks=(1, *shape))
        for name in ("record_id", "split"):
            file.create_dataset(name, (count,), h5py.string_dtype(), chunks=(1000,))
    assert path.stat().st_size < 10**6
    with pytest.raises(ValueError, match="would take .* bytes of memory; allowed: "):
        read_medians(path)


def test_values_that_are_no_numbers_are_refused(tmp_path):
    path = tmp_path / "perturbation.h5"
    with h5py.File(path, "w") as file:
        file["record_id"] = np.array(["a"], h5py.string_dtype())
        file.create_dataset("truth", (1,), h5py.ref_dtype)
    with pytest.raises(ValueError, match="allowed: numbers"):
        read_perturbation(path)


def make_medians(path):
    arrays = (np.zeros(BEATS, np.int16), np.zeros((2, len(TARGETS))), np.zeros((2, len(FIDUCIALS))))
    write_medians(path, iter([Block(["a", "b"], *arrays)]), 2, source="gan")


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


def link(name, target):
    """A change that puts a link, or a named datatype, in the place of a dataset."""

    def change(file):
        file.pop(name, None)
        file[name] = target

    return change


def elsewhere(file):
    """The beats become what another file holds."""
    size = int(np.prod(BEATS)) * 2
    put("medians", shape=BEATS, dtype="int16", external=[("/etc/passwd", 0, size)])(file)


def virtual(file):
    layout = h5py.VirtualLayout(BEATS, "int16")
    layout[:] = h5py.VirtualSource("other.h5", "medians", BEATS)
    del file["medians"]
    file.create_virtual_dataset("medians", layout)


def bomb(file):
    """A chunk of 2 GB beside a dataset of a few bytes."""
    huge = {"chunks": (2**26, 7), "maxshape": (None, 7), "compression": "gzip"}
    put("targets", shape=(2, 7), dtype="f4", **huge)(file)


def without(attribute):
    return lambda file: file["saliency"].attrs.__delitem__(attribute)


def parameters(text):
    return lambda file: file["saliency"].attrs.modify("parameters", text)


SPOILT = {
    "medians": [
        (put("medians", np.int16(3)), r"'medians' has shape \(\); allowed: \(any, 12, 600\)"),
        (put("medians", h5py.Empty("i2")), "'medians' has shape None"),
        (put("record_id", h5py.Empty(h5py.string_dtype())), "'record_id' has shape None"),
        (put("record_id", [1, 2]), "'record_id' is int64; allowed: text"),
        (put("record_id", np.array([b"\xff", b"b"])), "cannot be read"),
        (put("split", ["train", "evil"]), "split 'evil'; allowed: train, validation, test"),
        (link("medians", h5py.SoftLink("/nothing")), "'medians' is a link"),
        (link("medians", h5py.ExternalLink("other.h5", "/medians")), "'medians' is a link"),
        (link("medians", np.dtype("int16")), "no dataset 'medians'"),
        (elsewhere, "'medians' lies in another file"),
        (virtual, "'medians' lies in another file"),
        (bomb, "bytes of memory; allowed"),
    ],
    "attributions": [
        (put("saliency", np.full(BEATS, b"text")), "'saliency' is .*; allowed: numbers"),
        (put("truth", np.zeros((2, 2))), r"'truth' has shape \(2, 2\); allowed: \(2,\)"),
        (put("prediction", 1.0), r"'prediction' has shape \(\)"),
        (link("more", h5py.SoftLink("/nothing")), "'more' is a link"),
        (without("parameters"), "'saliency' has no attribute 'parameters'"),
        (without("unit"), "'saliency' has no attribute 'unit'"),
        (parameters("{"), "'parameters' of 'saliency' are not settings"),
        (parameters("[" * 20_000), "'parameters' of 'saliency' are not settings"),
    ],
    "perturbation": [
        (put("truth", np.zeros((7, 7))), r"'truth' has shape \(7, 7\); allowed: \(2,\)"),
        (
            put(f"{CURVE}/prediction", np.zeros((9, 3, 3))),
            rf"'{CURVE}/prediction' has shape \(9, 3, 3\); allowed: \(2, 4\)",
        ),
        (link("saliency", h5py.ExternalLink("other.h5", "/")), "'saliency' is a link"),
        (link(f"{CURVE}/prediction", h5py.SoftLink("/truth")), f"'{CURVE}/prediction' is a link"),
        (put("saliency", 1.0), "no group 'saliency'"),
    ],
}
CASES = [(kind, *case) for kind, cases in SPOILT.items() for case in cases]


@pytest.mark.parametrize(("kind", "change", "said"), CASES)
def test_a_spoilt_file_is_refused_in_one_line_that_names_it(tmp_path, kind, change, said):
    path = tmp_path / f"{kind}.h5"
    globals()[f"make_{kind}"](path)
    read = globals()[f"read_{kind}"]
    read(path)
    with h5py.File(path, "r+") as file:
        change(file)
    _drop_checksum(path)
    with pytest.raises(ValueError, match=said) as refusal:
        read(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def _drop_checksum(path):
    """As in a file that something else wrote."""
    with open(path, "r+b") as raw:
        raw.write(bytes(512))


def test_a_packed_file_may_not_claim_far_more_than_it_holds(tmp_path):
    """Each chunk is as small as gzip makes it, but the beats together are 700 MB."""
    path, count, rows = tmp_path / "medians.h5", 50_000, 1000
    make_medians(path)
    with h5py.File(path, "r+") as file:
        for name in ("targets", "fiducials", "record_id", "split"):
            put(name, shape=(count, *file[name].shape[1:]), dtype=file[name].dtype)(file)
            if file[name].ndim == 2:
                file[name][:] = 0
        packed = {"chunks": (rows, 12, 600), "compression": "gzip"}
        put("medians", shape=(count, 12, 600), dtype="int16", **packed)(file)
        chunk = zlib.compress(bytes(rows * 12 * 600 * 2)).ljust(20_000, b"\0")
        for start in range(0, count, rows):
            file["medians"].id.write_direct_chunk((start, 0, 0), chunk)
    _drop_checksum(path)
    with pytest.raises(ValueError, match="would take 72.* bytes of memory; allowed: ") as refusal:
        read_medians(path)
    assert str(path) in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_file_packed_by_another_program_is_read(tmp_path):
    path = tmp_path / "attributions.h5"
    make_attributions(path)
    whole = read_attributions(path)
    with h5py.File(path, "r+") as file:
        put("saliency", whole.maps["saliency"], compression="gzip")(file)
    _drop_checksum(path)
    np.testing.assert_array_equal(read_attributions(path).maps["saliency"], whole.maps["saliency"])


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"0" * 64, None])
def test_a_damaged_note_counts_its_file_as_damaged(tmp_path, content):
    (tmp_path / "metrics.csv").write_text("target\n")
    checksums.record(tmp_path, ["metrics.csv"])
    assert checksums.damaged(tmp_path) == []
    note = tmp_path / checksums.FOLDER / "metrics.csv.sha256"
    note.write_bytes(note.read_bytes() + b"\xff" if content is None else content)
    checksums.mend_times(tmp_path)
    assert checksums.damaged(tmp_path) == ["metrics.csv"]
    checksums.record(tmp_path, ["metrics.csv"])
    assert checksums.damaged(tmp_path) == []


@pytest.mark.parametrize("target", ["../qt", "/etc", "qt/../..", ""])
def test_a_target_cannot_leave_the_results_folder(tmp_path, target):
    with pytest.raises(ValueError, match="choose one of VentRate"):
        Results(tmp_path).model_dir(target, 1)


def test_a_flipped_bit_in_a_model_is_found(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, StevenNet(), {"settings": "{}"})
    load_model(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match="its checksum does not match"):
        load_model(path)
