"""12SL exports are read exactly or rejected with a reason; they never raise another error."""

import random
import re

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from refusals import refused
from source_files import VALUES, beat, csv_text, only_block, write_table

from ecghelpers.data import sources
from ecghelpers.data.readers.ge12sl import parse_median
from ecghelpers.data.tables import read_label_table
from ecghelpers.ecg import FIDUCIALS, LEADS, TARGETS


def test_comes_back_exactly(export):
    block = only_block("12sl", *export)
    assert block.record_id == ["1", "10", "2"]
    for record_id, median in zip(block.record_id, block.medians, strict=True):
        np.testing.assert_array_equal(median, beat(int(record_id)))
    assert block.medians.dtype == np.int16 and not block.rejected
    np.testing.assert_array_equal(block.targets, [[VALUES[name] for name in TARGETS]] * 3)
    np.testing.assert_array_equal(block.fiducials, [[VALUES[name] for name in FIDUCIALS]] * 3)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    largest=st.sampled_from([0, 9, 1500, 32767]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    trailing=st.sampled_from([",", "", ", ", ",,,"]),
    quote=st.sampled_from(["", '"']),
    heading=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
)
def test_formats_make_no_difference(seed, largest, end, trailing, quote, heading, encoding):
    values = np.random.default_rng(seed).integers(-largest - 1, largest, (12, 600), endpoint=True)
    raw = csv_text(values, end, trailing, quote, heading).encode(encoding)
    np.testing.assert_array_equal(parse_median(raw), values)


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True), trailing=st.sampled_from([",", ""]))
def test_cut_anywhere_is_never_taken_for_another_beat(cut, trailing):
    text = csv_text(beat(), trailing=trailing)
    raw = text.encode()[: int(cut * len(text))]
    try:
        found = parse_median(raw)
    except ValueError as reason:
        assert re.match("truncated|no medians", str(reason))
        assert len(raw) < len(text.rstrip("\n"))
    else:
        # Without commas at the ends, a truncated last number looks like a complete one.
        known = found.size if trailing else found.size - 1
        np.testing.assert_array_equal(found.T.flat[:known], beat().T.flat[:known])


def test_heading_of_lead_names_sets_the_order():
    shuffled = list(LEADS)
    random.Random(1).shuffle(shuffled)
    text = csv_text(beat()[[LEADS.index(lead) for lead in shuffled]], heading=False)
    heading = ",".join(f"Lead {lead.upper()}" for lead in shuffled)
    text = text.replace("medians\n", f"medians\n{heading},\n")
    np.testing.assert_array_equal(parse_median(text.encode()), beat())


def test_ids_are_matched_as_numbers_and_never_become_paths(export, tmp_path):
    folder, table = export
    (tmp_path / "outside.csv").write_text(csv_text(beat(7)))
    (folder / "<b>&.csv").write_text(csv_text(beat(8)))
    (folder / "a\nb.csv").write_text(csv_text(beat(9)))
    ids = ["0001", "2.0", " 10 ", "../outside", str(tmp_path / "outside"), "<b>&", "a\nb", ""]
    block = only_block("12sl", folder, write_table(table, [{"patid": i, **VALUES} for i in ids]))
    assert block.record_id == ["1", "10", "2", "<b>&"]
    np.testing.assert_array_equal(block.medians[3], beat(8))
    rejected = dict(block.rejected)
    for name in ("../outside", str(tmp_path / "outside")):
        assert rejected[name].startswith("no file")
    assert rejected["a\\nb"].startswith("bad id")
    assert "bad id: empty in the label table" in rejected.values() and len(block.rejected) == 4


@settings(max_examples=40, deadline=None)
@given(
    delimiter=st.sampled_from(";,\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    columns=st.permutations(["patid", *VALUES, "ecgcategory"]),
    case=st.sampled_from([str, str.upper, str.lower]),
    missing=st.sets(st.sampled_from(list(VALUES))),
    empty=st.sampled_from(["", " ", "NaN", "NULL"]),
    number=st.sampled_from(["{}", "{}.0", " {} ", "{},0", "+{}"]),
)
def test_table_formats_make_no_difference(
    tmp_path_factory, delimiter, encoding, end, columns, case, missing, empty, number
):
    values = {name: abs(value) for name, value in VALUES.items()}
    row = {"patid": 7, "ecgcategory": 'Normal "ECG"; µV'}
    row |= {k: empty if k in missing else number.format(v) for k, v in values.items()}
    path = tmp_path_factory.mktemp("table") / "labels.csv"
    rows = [{case(k): row[k] for k in columns}]
    write_table(path, rows, delimiter, encoding=encoding, lineterminator=end)
    table = read_label_table(path)
    expected = [np.nan if name in missing else value for name, value in values.items()]
    np.testing.assert_array_equal(list(table["7"].machine.values()), np.float32(expected))


def test_zero_intervals_and_fiducials_are_missing_but_zero_amplitudes_are_not(export):
    folder, table = export
    zeros = {"pr": 0, "ponset": 0, "poffset": -1, "STJ_v5": 0}
    write_table(table, [{"patid": n, **VALUES, **zeros} for n in (1, 2, 10)])
    block = only_block("12sl", folder, table)
    targets = dict(zip(TARGETS, block.targets.T, strict=True))
    assert np.isnan(targets["pr"]).all() and (targets["STJ_v5"] == 0).all()
    assert np.isnan(block.fiducials[:, :2]).all() and np.isfinite(block.fiducials[:, 2:]).all()


@pytest.mark.parametrize(
    "content, message",
    [
        (b"id;qt\n1;400\n", "'patid'"),
        (b"patid;age\n1;40\n", "VentRate, pr"),
        (b"", "columns begin: none"),
        (b"patid;Qt;QT\n", "2 columns 'qt'"),
    ],
)
def test_a_table_that_is_none_is_refused_at_once(export, content, message):
    export[1].write_bytes(content)
    with refused(export[1], message):
        sources.FileSource("12sl", *export)
