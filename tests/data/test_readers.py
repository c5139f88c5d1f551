"""Every format is read exactly, or rejected in one line without any of its content."""

import gzip
import io
import re
import zipfile
from pathlib import Path

import ecg_formats
import edfio
import numpy as np
import pytest
from ecg_formats import MACHINE, PERSONAL, ecg, median
from hypothesis import given, settings, strategies as st
from refusals import refused
from source_files import write_wfdb

from ecghelpers.data.readers import read_recording
from ecghelpers.data.recording import lead_of_name
from ecghelpers.ecg import TARGETS

REAL = Path(__file__).parents[3] / "shared" / "ecg_files"
WRITERS = {
    "MUSE": ecg_formats.muse,
    "CardioSoft": ecg_formats.cardiosoft,
    "Schiller": ecg_formats.schiller,
    "aECG": ecg_formats.aecg,
    "Philips XLI": ecg_formats.philips,
    "Philips plain": lambda: ecg_formats.philips(packed=False, encoding="utf-8"),
    "DICOM by code": ecg_formats.dicom,
    "DICOM by meaning, mV": lambda: ecg_formats.dicom(codes=False, unit="mV"),
    "SCP": ecg_formats.scp,
    "SCP first differences": lambda: ecg_formats.scp(differences=1),
    "SCP plain": lambda: ecg_formats.scp(differences=0, huffman=False),
    "SCP, beat subtracted": lambda: ecg_formats.scp(subtracted=(700, 1500, 4900)),
    "SCP with its own table": lambda: ecg_formats.scp(own_table=True),
}
FILES = {name: write() for name, write in WRITERS.items()}


@pytest.mark.parametrize("name", FILES)
def test_ecg_median_and_machine_values_come_back(name):
    recording = read_recording(FILES[name], "a")
    expected = ecg(11)[:, :5300] if "Philips" in name else ecg()  # without the calibration pulse
    np.testing.assert_allclose(recording.ecg_uv, expected, atol=5)
    assert recording.rate_hz == 500
    np.testing.assert_allclose(recording.median_uv, median(), atol=5)
    assert {n: recording.targets[n] for n in MACHINE} == pytest.approx(MACHINE, abs=0.1)
    assert recording.patient == PERSONAL[2]
    assert not any(text in repr(recording) for text in PERSONAL)


def test_muse_gives_what_12sl_measured_before_anyone_edited_it():
    recording = read_recording(ecg_formats.muse())
    assert recording.program == "GE 12SL"
    expected = MACHINE | {"R_PeakAmpl_v5": 1105, "STJ_v5": -14, "T_PeakAmpl_v5": 312}
    expected |= {"ponset": 120, "poffset": 170, "qonset": 210, "qoffset": 256}
    expected |= {"tonset": 300, "toffset": 408}
    assert recording.machine == expected and list(recording.targets) == list(TARGETS)


def test_muse_at_250_hz_has_fiducials_of_a_beat_at_500_hz():
    beat = median()[:, ::2]
    recording = read_recording(ecg_formats.muse(rate=250, beat=beat))
    assert recording.rate_hz == 250 and recording.median_uv.shape == (12, 600)
    assert (recording.machine["qonset"], recording.machine["tonset"]) == (210, 300)
    np.testing.assert_allclose(recording.median_uv[:, 10:-10:2], beat[:, 5:-5], atol=25)


def zipped(*files: tuple[str, bytes]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return raw.getvalue()


MUSE, DICOM = FILES["MUSE"], FILES["DICOM by code"]
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
SAME = {f"XML in {name}": MUSE.decode("latin-1").encode(name) for name in ENCODINGS}
SAME |= {f"EDF in {unit}": ecg_formats.edf(unit=unit) for unit in ("mV", "uV")}
SAME |= {"EDF with an umlaut": ecg_formats.edf().replace(b"Vinter", b"V\xfcnter")}
SAME |= {"BDF": ecg_formats.edf(kind=edfio.Bdf, signal=edfio.BdfSignal)}
SAME |= {"DICOM without preamble": DICOM[132:]}
SAME |= {"DICOM deflated": ecg_formats.dicom(syntax="1.2.840.10008.1.2.1.99")}
SAME |= {"gzip": gzip.compress(MUSE), "ZIP": zipped(("x/a.xml", MUSE))}
SAME |= {"gzip in ZIP": zipped(("a.xml.gz", gzip.compress(MUSE)))}


@pytest.mark.parametrize("kind", SAME)
def test_an_ecg_comes_back_whatever_its_encoding_unit_and_compression(kind):
    np.testing.assert_allclose(read_recording(SAME[kind]).ecg_uv, ecg(), atol=5)


AECG, PHILIPS = FILES["aECG"], FILES["Philips plain"]
EDITS = {  # a file, and a change of it that leaves the ECG and the machine's values as they are
    "latin-1 under another name": (MUSE, b"ISO-8859-1(.*)Vinter", b"UTF-8\\1M\xfcl"),
    "? for a byte order mark": (MUSE, b"^", b"?"),
    "forbidden characters": (MUSE, b"Vinter(.*)$", b"M\2&#x1F;& &nbsp;\\1\0"),
    "decimal comma": (MUSE, b"PerBit>5<", b"PerBit>5,0<"),
    "an empty strip": (MUSE, b"(<Wav.*?Type>)Med", rb"\1Rhythm</WaveformType></Waveform>\1Med"),
    "a damaged beat": (MUSE, b"LeadDataCRC32>(.*)", rb"LeadDataCRC32>1\1"),
    "a damaged matrix": (MUSE, b"<MeasurementMatrix>...", b"<MeasurementMatrix>"),
    "an origin without unit": (AECG, b'(origin value="0") unit="uV"', rb"\1"),
    "codes of global values": (AECG, b'(TIME_PD_..)"', rb'\1_GLOBAL"'),
    "a first set without values": (AECG, b"<annotationSet>", b"<annotationSet/><annotationSet>"),
    "a series without a code": (AECG, b'<code code="RHYTHM"/>', b""),
    "a beat by its length": (DICOM, b"MEDIAN BEAT", b"ANOTHER ONE"),
    "values by their codes": (DICOM, b"Interval", b"Abstand "),
    "values by other names": (DICOM, b"2:(.*?)Interval", rb"1:\1duration"),
    "XLI, but not compressed": (PHILIPS, b'"Uncompressed"', b'"XLI" compressflag="False"'),
    "a beat of eleven leads": (PHILIPS, b'leadname="V6"', b'leadname="X"'),
}


@pytest.mark.parametrize("raw, old, new", EDITS.values(), ids=EDITS)
def test_an_ecg_comes_back_however_its_format_is_written(raw, old, new):
    assert re.search(old, raw, re.DOTALL)
    recording = read_recording(re.sub(old, new, raw, flags=re.DOTALL), "a")
    np.testing.assert_array_equal(recording.ecg_uv, read_recording(raw, "a").ecg_uv)
    assert {name: recording.targets[name] for name in MACHINE} == MACHINE


def test_a_wfdb_header_finds_its_signals_among_what_came_with_it(tmp_path):
    path = write_wfdb(tmp_path, "a", ecg().T / 1000)
    signal = path.with_suffix(".dat").read_bytes()
    recording = read_recording(path.read_bytes(), "b.hea", {"a.dat": signal})
    np.testing.assert_allclose(recording.ecg_uv, ecg(), atol=0.01)
    for way in (path, path.with_suffix(".dat"), tmp_path / "a"):
        np.testing.assert_array_equal(read_recording(way).ecg_uv, recording.ecg_uv)
    (tmp_path / "a.xml").write_bytes(MUSE)
    assert read_recording(tmp_path / "a.xml").format == "GE MUSE XML"
    both = zipped(("x/a.hea", path.read_bytes()), ("x/a.dat", signal))
    np.testing.assert_array_equal(read_recording(both, "a.zip").ecg_uv, recording.ecg_uv)
    with refused("signal file missing: the one"):
        read_recording(path.read_bytes(), "b.hea")
    for name, beside in (("A.HEA", "A.DAT"), ("no suffix", "a.dat")):
        found = read_recording(path.read_bytes(), name, {beside: signal})
        np.testing.assert_array_equal(found.ecg_uv, recording.ecg_uv)


ZIP = zipped(("a", b"x"))
BOMB = b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><RestingECG>&b;</RestingECG>"
THIEF = b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><RestingECG>&a;</RestingECG>"
BAD = {
    "empty": (b"", "empty: 0 bytes"),
    "a PDF": (b"%PDF-1.7\n%", "not an ECG: a PDF"),
    "noise": (np.random.default_rng(1).bytes(5000), "not an ECG: none of the formats"),
    "exercise": (b"<StressECG/>", "not a resting ECG: an exercise or Holter ECG"),
    "CardioSoft exercise": (ecg_formats.cardiosoft("Ergometry"), "not a resting ECG: Ergometry"),
    "entities": (BOMB, "refused: the XML declares entities"),
    "external entity": (THIEF, "refused: the XML declares entities"),
    "bits lost": (ecg_formats.muse(spoil=lambda raw: raw[:-4]), "truncated: lead I has 9996"),
    "bit flipped": (ecg_formats.muse(spoil=lambda raw: b"\1" + raw[1:]), "damaged: the checksum"),
    "one lead": (ecg_formats.edf(["II"], ecg()[1:2]), "lead missing: I, V1, … (found: II)"),
    "gap": (ecg_formats.aecg(slice(100, 120)), "invalid samples: 20 of"),
    "another DICOM": (DICOM.replace(b"\0\x54\0\1", b"\0\x54\1\1"), "no waveforms: a DICOM file of"),
    "EDF cut": (ecg_formats.edf()[:30_000], "truncated: 2 whole records"),
    "two in a ZIP": (zipped(("a", b"x"), ("b", b"y")), "a ZIP file of 2 files"),
    "ZIP by another method": (
        ZIP.replace(b"\x14\0\0\0\b", b"\x14\0\0\0\x61"),
        "not supported: comp",
    ),
    "ZIP with a password": (ZIP.replace(b"\x14\0\0\0", b"\x14\0\1\0"), "encrypted: ZIP file"),
    "Office": (zipped(("[Content_Types].xml", b""), ("a", b"x")), "not an ECG: an Office file"),
    "gzip bomb": (gzip.compress(bytes(70 * 2**20)), "too large: more than 67108864 bytes"),
}


@pytest.mark.parametrize("raw, reason", BAD.values(), ids=BAD)
def test_what_is_no_resting_ecg_is_refused_in_one_line(raw, reason):
    with refused(reason) as error:
        read_recording(raw, "a")
    assert not any(text in str(error.value) for text in ("\n", *PERSONAL))


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(sorted(FILES)), data=st.data())
def test_damage_anywhere_is_a_line_and_never_another_error(name, data):
    raw = bytearray(FILES[name])
    place = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw = raw[:place]
    else:
        raw[place : place + 4] = data.draw(st.binary(min_size=4, max_size=4))
    try:
        recording = read_recording(bytes(raw), "a")
    except ValueError as reason:
        assert not any(text in str(reason) for text in ("\n", *PERSONAL))
    else:
        assert recording.ecg_uv is None or np.isfinite(recording.ecg_uv).all()


@pytest.mark.parametrize(
    "name, lead",
    [("avr", "aVR"), ("Lead II", "II"), ("MDC_ECG_LEAD_AVF", "aVF"), ("ECG I", "I"), ("C4", "V4"),
     ("I (Einthoven)", "I"), ("DIII", "III"), ("d1", "I"), (" v6_", "V6"), ("-aVR", None),
     ("ECG-I", "I"), ("Lead-II", "II"), ("V01", "V1"), ("Lead -aVR", None),
     ("V7", None), ("ECG", None), ("leadership", None), ("", None)],
)  # fmt: skip
def test_names_of_leads(name, lead):
    assert lead_of_name(name) == lead_of_name(name.upper()) == lead


ELI250 = ("dicom/eli250.dcm", "scp/eli250.scp", "aecg/eli250.xml")  # one ECG in three formats
PRINTED = {  # rate, PR, QRS, QT as the machines printed them; README of the folder
    "muse/sinus.xml": (48, 138, 96, 452),
    "muse/paced.xml": (61, 209, 128, 459),
    "cardiosoft/sinus.xml": (50, 174, 92, 440),
    "dicom/ge.dcm": (80, 156, 86, 398),
    "dicom/mortara.dcm": (61, 161, 75, 368),
    "philips/sinus.xml": (64, 164, 102, 399),
    "philips/infarct.xml": (41, 151, 135, 476),
    "scp/sinus_2007.scp": (75, 157, 88, 360),
    "scp/sinus_2017.scp": (60, 167, 88, 386),
    "schiller/at10.xml": (69, 174, 94, 370),
} | dict.fromkeys(ELI250, (np.nan, 148, 120, 420))


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/ecg_files beside the repository")
def test_real_files_say_what_their_machines_printed():
    for name, printed in PRINTED.items():
        recording = read_recording(REAL / name)
        said = [recording.targets[target] for target in ("VentRate", "pr", "qrs", "qt")]
        np.testing.assert_allclose(said, printed, atol=0.5, err_msg=name)
    three = [read_recording(REAL / name).ecg_uv for name in ELI250]
    assert np.ptp(three, axis=0).max() < 0.1
