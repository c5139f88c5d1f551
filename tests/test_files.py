"""What is kept of an unfinished step: taken up only undamaged and only by the same step."""

import os
import shutil

import numpy as np
import pytest
from refusals import refused

from ecghelpers import files
from ecghelpers.paths import Results


def test_arrays_of_other_values_shapes_or_types_have_other_digests():
    array = np.arange(6, dtype=np.int16)
    others = [array + 1, array.reshape(2, 3), array.reshape(3, 2), array.view(np.uint16), array[:0]]
    digests = {files.array_digest(a) for a in [array, *others]} | {files.array_digest(array, array)}
    assert len(digests) == 7
    strided = np.repeat(array, 2)[::2]
    assert files.array_digest(strided) == files.array_digest(array)


def test_a_piece_is_never_an_error_whichever_bit_is_flipped(tmp_path):
    pieces = files.ResumeCache(tmp_path / "out.h5", {})
    pieces.save("first", values=np.arange(3))
    whole = pieces.path("first").read_bytes()
    for place in range(0, 8 * len(whole), 5):
        damaged = bytearray(whole)
        damaged[place // 8] ^= 1 << place % 8
        pieces.path("first").write_bytes(damaged)
        found = pieces.load("first")
        assert found is None or (found["values"] == np.arange(3)).all(), place


def test_only_temporaries_of_the_same_name_are_removed(tmp_path):
    others = [".model.safetensors.abcd1234.part", ".models.abcd1234.part", "model.abcd1234.part"]
    for name in [*others, ".model.abcd1234.part"]:
        (tmp_path / name).touch()
    files.remove_temporaries(tmp_path / "model")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(others)
    files.remove_temporaries(tmp_path / "no folder" / "model")


def test_a_listing_changes_with_names_sizes_and_times_but_not_with_the_place(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "deep").mkdir(parents=True)
    for name in ("a", "deep/b"):
        (one / name).write_text(name)
    (one / "deep" / "round").symlink_to(one)
    shutil.copytree(one, two, symlinks=True)
    seen = [files.directory_digest(one)]
    assert seen == [files.directory_digest(two)]
    for change in (
        lambda: os.utime(one / "deep" / "b", (1e9, 1e9)),
        lambda: (one / "a").rename(one / "c"),
        lambda: (one / "gone").symlink_to("nowhere"),
        lambda: (one / "deep" / "b").write_text("longer"),
    ):
        change()
        seen.append(files.directory_digest(one))
    assert len(set(seen)) == 5


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a,b\n1,2\n", b"x,n\na,one\n"])
def test_a_damaged_table_is_refused_and_a_missing_number_is_nan(tmp_path, content):
    path = tmp_path / "review.csv"
    path.write_bytes(content)
    with refused("review.csv cannot be read"):
        files.read_table(path, ["x"], ["n"])
    (tmp_path / "a.csv").write_text("x,n\na,\nb,2\n")
    assert files.read_table(tmp_path / "a.csv", ["x"], ["n"]).n.isna().tolist() == [True, False]


@pytest.mark.parametrize("target", ["../qt", "/etc", ""])
def test_a_target_cannot_leave_the_results_folder(tmp_path, target):
    with refused("choose one of VentRate"):
        Results(tmp_path).model_dir(target, 1)
