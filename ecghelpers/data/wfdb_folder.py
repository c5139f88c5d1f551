"""Raw ECGs as WFDB records (PTB-XL, LUDB, a hospital's own), measured here."""

import re
import unicodedata
from pathlib import Path

import numpy as np

from ..ecg import INDEPENDENT_LEADS, LEADS, twelve_leads
from ..measurement import RATES_HZ, SECONDS, measure
from .checks import (
    MOST_BYTES,
    Entry,
    Rejected,
    as_int16,
    check_file,
    check_signal,
    lead_of_name,
    list_files,
    one_line,
    read_bytes,
    settle_ids,
)
from .label_table import LABELS, id_key, patient_key, read_patients

MICROVOLT_IN = {"uv": 1, "µv": 1, "μv": 1, "mv": 1000, "v": 1_000_000}  # micro sign, Greek mu
BITS = {"8": 8, "80": 8, "212": 12, "16": 16, "61": 16, "160": 16, "24": 24, "32": 32}
SPARE_BYTES = 1024  # with which a file may be filled up
MOST_SIGNALS = 64
MOST_HEADER_BYTES = 2**18
LONGEST_LINE = 1000
RATE = re.compile(r"\d+\.?\d*(/.*)?", re.ASCII)  # then the counter's, which does not matter
SAMPLES = re.compile(r"\d{1,18}", re.ASCII)
MOST_A_FRAME = 100  # samples of one signal
PTB_XL = "ptbxl_database.csv"  # names each record's patient
PATIENT_COMMENT = re.compile(r"#\s*<?patient[ _-]?id>?[\s:=]+([^\s:=]\S*)", re.IGNORECASE)


def index(folder: str | Path, labels_path: str | Path = "") -> list[Entry]:
    """All records of a folder and its subfolders, sorted by id, which is the header's name."""
    if labels_path:
        raise ValueError("source wfdb is measured here; leave labels_path empty")
    entries = list_files(folder, (".hea",), deep=True)
    table = next(
        (p / PTB_XL for p in (Path(folder), Path(folder).parent) if (p / PTB_XL).is_file()), None
    )
    if table:
        patients = read_patients(table, ("filename_hr", "filename_lr"))
        entries = [e._replace(patient=patients.get(id_key(e.record_id), "")) for e in entries]
    return settle_ids(entries, lambda name: unicodedata.normalize("NFC", name))


def patient(entry: Entry) -> str:
    """Whose record it is, from a comment of its header such as ``# patient_id: 7``; "" for none."""
    text = read_bytes(entry.path).decode("utf-8", "backslashreplace")  # told apart, if not read
    comments = (PATIENT_COMMENT.match(line.strip()) for line in text.splitlines())
    return next((patient_key(match[1]) for match in comments if match), "")


def read(entry: Entry) -> tuple[np.ndarray, np.ndarray]:
    """Median beat (12, 600) int16 µV and labels (13,), measured, NaN = not measurable.

    Raises Rejected if it cannot be read or has no median beat.
    """
    ecg_uv, sampling_rate = read_ecg(entry.path)
    check_signal(ecg_uv, sampling_rate)
    try:
        measured = measure(ecg_uv, sampling_rate)
    except ValueError as error:
        raise Rejected(f"not measurable: {error}") from None
    if not np.isfinite(measured.median_uv).all():
        why = next(iter(measured.reasons.values()), "no median beat")
        raise Rejected(f"not measurable: {why}")
    values = measured.targets | measured.fiducials
    return as_int16(measured.median_uv), np.array([values[n] for n in LABELS], np.float32)


def read_wfdb(path: str | Path) -> tuple[np.ndarray, float]:
    """The ECG of a WFDB record (its .hea file, or its name without ending) and its sampling rate.

    Returns (12, n) float64 µV in the order of LEADS, and Hz. Raises ValueError naming the record
    and what is wrong with it.
    """
    path = Path(path)
    try:
        return read_ecg(path if path.suffix.lower() == ".hea" else f"{path}.hea")
    except Rejected as reason:
        raise ValueError(f"{path}: {reason}") from None


def read_ecg(path: str | Path) -> tuple[np.ndarray, float]:
    """As read_wfdb, for a .hea file; raises Rejected."""
    path = Path(path)
    if path.suffix != ".hea":  # which the library takes no header for
        raise Rejected(f"unreadable: the header must end in .hea, not {path.suffix}: rename it")
    gains = _check_header(path)
    import wfdb  # takes a third of a second, which those without WFDB records need not spend

    name = str(path.absolute().with_suffix(""))
    try:
        _check_claims(wfdb.rdheader(name), path.parent)
        record = wfdb.rdrecord(name)
    except (Rejected, MemoryError):
        raise
    except Exception as error:  # the library raises whatever a malformed file leads it into
        said = one_line(error).replace(f"{path.absolute().parent}/", "")
        reason = f"{type(error).__name__}: {said}"
        raise Rejected(f"unreadable: header and signal do not fit each other ({reason})") from None
    return _pick_leads(record, gains), float(record.fs)


def _check_header(path: Path) -> list[bool]:
    """Whether each signal has a gain. Raises Rejected for a header that is not one ECG's."""
    raw = read_bytes(path)
    text = raw.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip() and line.strip()[0] != "#"]
    if len(raw) > MOST_HEADER_BYTES or any(len(line) > LONGEST_LINE for line in lines):
        raise Rejected(f"unreadable: header of {len(raw)} bytes, or with a line of {LONGEST_LINE}")
    first = lines[0].split() if lines else []
    if len(first) < 2 or not re.fullmatch(r"\d+", first[1], re.ASCII):
        raise Rejected("unreadable: the header's first line names no record and number of signals")
    if "/" in first[0]:
        raise Rejected("multi-segment: give one WFDB record an ECG")
    if len(first) < 3:  # for which the library takes 250 Hz
        raise Rejected("sampling rate: the header gives none; write it after the number of signals")
    if not 1 <= int(first[1]) <= MOST_SIGNALS or len(lines) - 1 != int(first[1]):
        raise Rejected(
            f"unreadable: header of {first[1]} signals has {len(lines) - 1} signal lines"
        )
    # Of what is no number the library makes 250 Hz, the file's length, and a gain of 200.
    wrong = [
        text
        for text, number in zip(first[2:], (RATE, SAMPLES), strict=False)
        if not number.fullmatch(text)
    ]
    if wrong:
        raise Rejected("unreadable: the header's sampling rate or length is no number")
    gains = (re.match(r"\s*\S+\s+\S+\s+-?(\d*\.?\d*)", line, re.ASCII) for line in lines[1:])
    return [bool(gain and gain[1].strip("0.")) for gain in gains]


def _check_claims(header, folder: Path) -> None:
    """Raise Rejected for what must not or need not be read, by what the library understands."""
    rate, samples = float(header.fs), header.sig_len
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise Rejected(f"sampling rate: {rate:g} Hz; allowed {RATES_HZ[0]} to {RATES_HZ[1]}")
    if samples and not SECONDS[0] <= samples / rate <= SECONDS[1]:
        raise Rejected(f"length: {samples / rate:g} s; allowed {SECONDS[0]} to {SECONDS[1]}")
    frame, skew = max(header.samps_per_frame), max(value or 0 for value in header.skew)
    if not 1 <= min(header.samps_per_frame) <= frame <= MOST_A_FRAME or skew > SECONDS[0] * rate:
        raise Rejected(f"unreadable: header claims {frame} samples a frame, {skew} of skew")
    for name in set(header.file_name):
        if not re.fullmatch(r"[\w.+-]+", name) or name.startswith("."):
            raise Rejected(f"unreadable: signal file {name[:40]!r} is no name in the same folder")
        try:
            check_file(folder / name)
        except Rejected as reason:
            raise Rejected(f"{reason} ({name}, which the header names)") from None
    sizes = {name: (folder / name).stat().st_size for name in set(header.file_name)}
    if sum(sizes.values()) > MOST_BYTES:
        raise Rejected(
            f"too large: signal files of {sum(sizes.values())} bytes; allowed {MOST_BYTES}"
        )
    for name, size in sizes.items():
        signals = [place for place, other in enumerate(header.file_name) if other == name]
        formats = {header.fmt[place] for place in signals}
        if samples and len(formats) == 1 and (bits := BITS.get(formats.pop())):
            frame = sum(header.samps_per_frame[place] for place in signals)
            claimed = (header.byte_offset[signals[0]] or 0) + samples * frame * bits // 8
            if size > claimed + SPARE_BYTES:
                raise Rejected(
                    f"unreadable: {name} has {size} bytes, but the header speaks of {claimed}"
                )


def _pick_leads(record, gains: list[bool]) -> np.ndarray:
    """(12, n) µV by lead name: the twelve, or the eight that the other four follow from."""
    names = [lead_of_name(str(name)) for name in record.sig_name]
    present = [name for name in names if name]
    if len(present) != len(set(present)):
        twice = next(name for name in present if present.count(name) > 1)
        raise Rejected(f"lead twice: {twice}")
    leads = LEADS if set(present) == set(LEADS) else INDEPENDENT_LEADS
    if missing := [lead for lead in leads if lead not in present]:
        raise Rejected(f"lead missing: {', '.join(missing)}")
    places = [names.index(lead) for lead in leads]
    if unknown := [lead for lead, place in zip(leads, places, strict=True) if not gains[place]]:
        raise Rejected(f"not calibrated: no gain, or 0, for lead {', '.join(unknown)}")
    ecg_uv = np.empty((len(leads), len(record.p_signal)))
    for row, place in enumerate(places):
        unit = str(record.units[place]).strip().casefold()
        if unit not in MICROVOLT_IN:
            raise Rejected(f"unit: lead {leads[row]} is in {unit!r}; allowed mV, uV, V")
        ecg_uv[row] = record.p_signal[:, place] * MICROVOLT_IN[unit]
        digits = 0.9 * 2 ** BITS.get(record.fmt[place], 64) / abs(record.adc_gain[place])
        if np.abs(np.diff(record.p_signal[:, place])).max(initial=0) > digits:
            raise Rejected(
                f"overflow: lead {leads[row]} jumps from one end of its range to the other"
            )
    if invalid := int((~np.isfinite(ecg_uv)).sum()):
        raise Rejected(f"invalid samples: {invalid} of {ecg_uv.size} are marked as not recorded")
    return ecg_uv if leads is LEADS else twelve_leads(ecg_uv)
