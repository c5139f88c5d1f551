"""What is kept of an unfinished step: taken up only undamaged and only by the same step."""

import os
import shutil

import numpy as np
import pytest
from small_networks import beats, steven_net

from ecghelpers import files, fingerprint
from ecghelpers.data import build
from ecghelpers.data.medians import Medians
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.evaluation import published

BEATS = beats(2, seed=3, dtype=np.int16)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package's code that code_digest reads instead of the package's own."""
    skip = shutil.ignore_patterns("__pycache__", "assets")
    copy = shutil.copytree(fingerprint.PACKAGE, tmp_path / "package", ignore=skip)
    monkeypatch.setattr(fingerprint, "PACKAGE", copy)
    return copy


class Counted:
    """A source of one record that notes how often it was asked."""

    name, settings, attributes, block_count, asked = "counted", {}, {}, 1, 0

    def block(self, number):
        self.asked += 1
        tables = np.ones((1, len(TARGETS))), np.ones((1, len(FIDUCIALS)))
        empty = np.array([""])
        origin = {"patient_id": empty, "rule": empty, "digest": empty}
        return Medians(np.array(["a"]), np.array(["test"]), BEATS[:1], *tables, **origin), []


def perturbed(path, medians=BEATS):
    """The curves of two records by one method, with two steps."""
    tables = np.ones((2, len(TARGETS))), np.ones((2, len(FIDUCIALS)))
    split = np.array(["test", "test"])
    data = Medians(np.array(["a", "b"]), split, medians, *tables, {})
    maps = {"random": np.random.default_rng(0).normal(size=medians.shape)}
    procedure = published.Procedure(steps=2)
    return published.perturb(steven_net(), data, "qt", maps, path, procedure)


def test_blocks_with_labels_of_another_version_are_made_again(tmp_path, monkeypatch):
    source, path = Counted(), tmp_path / "medians.h5"
    build.collect(source, path)
    monkeypatch.setattr(build, "LABELS_VERSION", build.LABELS_VERSION + 1)
    build.collect(source, path)
    assert source.asked == 2


def test_curves_are_resumed_only_for_the_same_beats(tmp_path, monkeypatch):
    computed, compute = [], published.perturbation_curve

    def counted(*given, **options):
        computed.append(given)
        return compute(*given, **options)

    monkeypatch.setattr(published, "perturbation_curve", counted)
    path = tmp_path / "perturbation.h5"
    first = perturbed(path)
    np.testing.assert_array_equal(perturbed(path).prediction["random"], first.prediction["random"])
    assert len(computed) == 1
    other = perturbed(path, BEATS[::-1].copy())
    assert len(computed) == 2
    assert (other.prediction["random"] != first.prediction["random"]).any()


def test_code_counts_with_all_that_it_imports_and_nothing_else(package):
    before = fingerprint.code_digest("network.training")
    (package / "views" / "heatmap.py").open("a").write("\nUNUSED = 1\n")
    assert fingerprint.code_digest("network.training") == before
    (package / "network" / "model.py").open("a").write("\nUNUSED = 1\n")  # through prediction too
    assert fingerprint.code_digest("network.training") != before


def test_arrays_of_other_values_shapes_or_types_have_other_digests():
    array = np.arange(6, dtype=np.int16)
    others = [array + 1, array.reshape(2, 3), array.reshape(3, 2), array.view(np.uint16), array[:0]]
    digests = {files.array_digest(a) for a in [array, *others]} | {files.array_digest(array, array)}
    assert len(digests) == 7
    strided = np.repeat(array, 2)[::2]
    assert files.array_digest(strided) == files.array_digest(array)


@pytest.mark.parametrize("note", [b"\xff\xfe\x00", b"{", b"", b"[]"], ids=repr)
def test_pieces_with_unreadable_settings_are_deleted(tmp_path, note):
    output, settings = tmp_path / "out.h5", {"seed": 1}
    pieces = files.ResumeCache(output, settings)
    pieces.save("first", values=np.arange(3))
    (pieces.folder / "settings.json").write_bytes(note)
    assert files.ResumeCache(output, settings).load("first") is None
    pieces.save("first", values=np.arange(3))
    assert (files.ResumeCache(output, settings).load("first")["values"] == np.arange(3)).all()


def test_a_piece_is_never_an_error_whichever_bit_is_flipped(tmp_path):
    pieces = files.ResumeCache(tmp_path / "out.h5", {})
    pieces.save("first", values=np.arange(3))
    whole = pieces.path("first").read_bytes()
    for place in range(8 * len(whole)):
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
    def make(folder):
        (folder / "deep").mkdir(parents=True)
        for name in ("a", "deep/b"):
            (folder / name).write_text(name)
            os.utime(folder / name, (1e9, 1e9))
        (folder / "deep" / "round").symlink_to(folder)
        return files.directory_digest(folder)

    one = make(tmp_path / "one")
    assert one == make(tmp_path / "two") and one.startswith("3 files ")
    (tmp_path / "linked").symlink_to(tmp_path / "one")
    assert files.directory_digest(tmp_path / "linked") == one
    seen = [one]
    for change in (
        lambda: os.utime(tmp_path / "one" / "deep" / "b", (1e9, 1e9 + 1)),
        lambda: (tmp_path / "one" / "a").rename(tmp_path / "one" / "c"),
        lambda: (tmp_path / "one" / "gone").symlink_to("nowhere"),
        lambda: (tmp_path / "one" / "deep" / "b").write_text("longer"),
    ):
        change()
        seen.append(files.directory_digest(tmp_path / "one"))
    assert len(set(seen)) == 5
    assert files.directory_digest(tmp_path / "one" / "c").startswith("1 files ")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"a,b\n1,2\n", b"x,n\na,one\n", b'x,n\na\n"b', None]
)
def test_a_damaged_table_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "review.csv"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ValueError) as refused:
        files.read_table(path, ["x"], ["n"])
    assert "review.csv cannot be read" in str(refused.value) and str(refused.value).isprintable()


def test_a_missing_number_is_nan(tmp_path):
    (tmp_path / "a.csv").write_text("x,n\na,\nb,2\n")
    assert files.read_table(tmp_path / "a.csv", ["x"], ["n"]).n.isna().tolist() == [True, False]
