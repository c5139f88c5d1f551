"""Files from elsewhere can neither run code, nor fill the memory, nor name paths."""

import os

import h5py
import numpy as np
import pytest
import torch

from ecghelpers import store
from ecghelpers.config import Results
from ecghelpers.model import StevenNet, load_model, save_model


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
    with pytest.raises(ValueError, match="bytes of memory but holds 0"):
        store.read_medians(path)


def test_values_that_are_no_numbers_are_refused(tmp_path):
    path = tmp_path / "perturbation.h5"
    with h5py.File(path, "w") as file:
        file["record_id"] = np.array(["a"], h5py.string_dtype())
        file.create_dataset("truth", (1,), h5py.ref_dtype)
    with pytest.raises(ValueError, match="allowed: numbers or text"):
        store.read_perturbation(path)


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
