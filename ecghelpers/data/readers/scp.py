"""SCP-ECG (EN 1064, ISO 11073-91064): rhythm and reference beat, global measurements.

Section 2 holds the Huffman tables, 3 the leads, 4 the places of the QRS complexes, 5 the reference
beat, 6 the rhythm, 7 the measurements. Samples are whole numbers, their first or their second
differences; the reference beat may be subtracted from the rhythm.
"""

import struct

import numpy as np

from ..checks import Rejected, rejecting
from ..recording import SCP_LEADS, Leads, Recording, Source, waveforms

BEAT, RHYTHM = 5, 6  # sections
DEFAULT_TABLE = 19999
MISSING = 29999
MOST_SAMPLES = 1_000_000
# The standard's Huffman table: prefix → (bits of a value after it, value, next table).
DEFAULT = {"0": (0, 0, 1), "1111111110": (8, 0, 1), "1111111111": (16, 0, 1)}
DEFAULT |= {"1" * n + f"0{sign}": (0, -n if sign else n, 1) for n in range(1, 9) for sign in (0, 1)}
PATIENT_ID = 2  # the tag of section 1


def read(source: Source) -> Recording:
    """The ECG of an SCP file; raises Rejected."""
    sections = _sections(source.data)
    leads, first, samples, subtracted = _lead_list(sections)

    def wave(number: int) -> tuple[Leads, float]:
        samples_uv, rate_hz = _waveform(sections, number, len(leads))
        if number == RHYTHM:
            samples_uv = samples_uv[:, :samples]  # without the padding to whole bytes
        if number == RHYTHM and subtracted:
            beat_uv, beat_hz = _waveform(sections, BEAT, len(leads))
            if beat_hz != rate_hz:
                raise Rejected("not supported: the subtracted reference beat has another rate")
            _add_beat(samples_uv, beat_uv, sections.get(4, b""), first)
        return list(zip(leads, samples_uv, strict=True)), rate_hz

    strips, beats = ([number] if number in sections else [] for number in (RHYTHM, BEAT))
    waves = waveforms(strips, beats, wave, "rhythm data (section 6)")
    about = {"program": "SCP-ECG file", "patient": _patient(sections)}
    return Recording("SCP-ECG", **waves, **about, machine=_machine(sections))


def is_scp(data: bytes) -> bool:
    """Whether a file begins with section 0."""
    if len(data) < 22 or data[8:10] != b"\0\0":
        return False
    return data[16:22] == b"SCPECG" or int.from_bytes(data[2:6], "little") == len(data)


def _sections(data: bytes) -> dict[int, bytes]:
    """The content of each section, without its header of 16 bytes."""
    claimed = int.from_bytes(data[2:6], "little")
    if claimed > len(data):
        raise Rejected(f"truncated: {len(data)} bytes of {claimed}")
    pointers = data[22 : 6 + int.from_bytes(data[10:14], "little")]
    sections = {}
    for number, length, place in struct.iter_unpack("<HII", pointers[: len(pointers) // 10 * 10]):
        if length > 16 and place > 0 and place - 1 + length <= len(data):
            sections[number] = data[place + 15 : place - 1 + length]
    return sections


def _unpack(form: str, data: bytes, place: int = 0) -> tuple:
    with rejecting("truncated: a section ends too early", struct.error):
        return struct.unpack_from("<" + form, data, place)


def _lead_list(sections: dict[int, bytes]) -> tuple[list[str | None], int, int, bool]:
    """Leads in their order, the first sample's number, the number of samples of each lead.

    Also whether the reference beat was subtracted.
    """
    section = sections.get(3, b"")
    count, flags = _unpack("BB", section)
    rows = [_unpack("IIB", section, 2 + 9 * place) for place in range(count)]
    times = {(first, last) for first, last, _ in rows}
    if len(times) != 1:
        raise Rejected("not supported: leads that were not recorded at the same time")
    first, last = times.pop()
    return [SCP_LEADS.get(lead) for *_, lead in rows], first, last - first + 1, bool(flags & 1)


def _waveform(sections: dict[int, bytes], number: int, count: int) -> tuple[np.ndarray, float]:
    """Samples (lead, time) in µV and their rate in Hz."""
    section = sections.get(number, b"")
    nanovolt, step_us, differences, bimodal = _unpack("HHBB", section)
    if bimodal and number == RHYTHM:
        raise Rejected("not supported: bimodal compression; export SCP without it")
    if not (nanovolt and step_us and differences <= 2):
        raise Rejected("not calibrated: no amplitude resolution or sampling rate")
    sizes, place = _unpack(f"{count}H", section, 6), 6 + 2 * count
    tables = _tables(sections.get(2))
    leads = []
    for size in sizes:
        part, place = section[place : place + size], place + size
        if len(part) < size:
            raise Rejected("truncated: the samples of a lead end too early")
        values = _decoded(part, tables) if tables else np.frombuffer(part[: size // 2 * 2], "<i2")
        leads.append(_integrated(values, differences) * (nanovolt / 1000))
    shortest = min(map(len, leads), default=0)
    return np.array([lead[:shortest] for lead in leads]), round(1e6 / step_us)


def _add_beat(rhythm_uv: np.ndarray, beat_uv: np.ndarray, section: bytes, first: int) -> None:
    """Add the reference beat to the QRS complexes of its type, from whose zones it was subtracted.

    section: section 4, with each complex's type and the numbers of its zone's first sample, of its
    fiducial sample and of its zone's last sample.
    """
    _, fiducial, count = _unpack("HHH", section)
    for place in range(count):
        kind, start, at, end = _unpack("HIII", section, 6 + 14 * place)
        before = at - fiducial  # the number of the sample before the beat's first
        start = max(start, first, before + 1)
        end = min(end, first + rhythm_uv.shape[1] - 1, before + beat_uv.shape[1])
        if kind == 0 and start <= end:
            beat = beat_uv[:, start - before - 1 : end - before]
            rhythm_uv[:, start - first : end - first + 1] += beat


def _integrated(values: np.ndarray, differences: int) -> np.ndarray:
    """Samples from their first or second differences, after one or two initial samples."""
    values = values.astype(np.int64)
    if differences == 2:
        values[1:2] -= values[:1]  # the first difference
        values[1:] = np.cumsum(values[1:])
    return np.cumsum(values) if differences else values


def _tables(section: bytes | None) -> list[dict[str, tuple[int, int, int]]]:
    """Each Huffman table as prefix → (bits after it, value, next table)."""
    if section is None:
        return []
    count, *_ = _unpack("H", section)
    if count == DEFAULT_TABLE:
        return [DEFAULT]
    tables, place = [], 2
    for _ in range(count):
        table, (rows,) = {}, _unpack("H", section, place)
        place += 2
        for _ in range(rows):
            bits, whole, switch, value, code = _unpack("BBBhI", section, place)
            place += 9
            prefix = f"{code:032b}"[::-1][:bits]  # the standard writes codes from the last bit
            table[prefix] = (whole - bits, value, switch)
        tables.append(table)
    return tables


def _decoded(part: bytes, tables: list[dict]) -> np.ndarray:
    """The values of a lead's Huffman code."""
    bits = "".join(map("{:08b}".format, part))
    table, place, values = tables[0], 0, []
    longest = max(len(prefix) for each in tables for prefix in each) if tables[0] else 0
    while place < len(bits) and len(values) < MOST_SAMPLES:
        for size in range(1, longest + 1):
            if found := table.get(bits[place : place + size]):
                break
        else:
            break  # padding to whole bytes
        more, value, switch = found
        place += size
        if switch == 0:
            table = tables[value - 1] if 0 < value <= len(tables) else tables[0]
            continue
        if place + more > len(bits):
            break
        if more:
            value = int(bits[place : place + more], 2)
            value -= (1 << more) if value >> (more - 1) else 0
        place += more
        values.append(value)
    return np.array(values, dtype=np.int64)


def _machine(sections: dict[int, bytes]) -> dict[str, float]:
    """Rate and intervals of the first reference beat."""
    section = sections.get(7, b"")
    if len(section) < 16:
        return {}
    rr_ms, (p, _, on, off, t_off) = _unpack("H", section, 2)[0], _unpack("5H", section, 6)
    found = {"rr": float(rr_ms)} if rr_ms < MISSING else {}
    for name, first, last in (("pr", p, on), ("qrs", on, off), ("qt", on, t_off)):
        if 0 < last < MISSING and first < last:
            found[name] = float(last - first)
    return found


def _patient(sections: dict[int, bytes]) -> str:
    section, place = sections.get(1, b""), 0
    while place + 3 <= len(section) and section[place] != 255:
        tag, size = _unpack("BH", section, place)
        if tag == PATIENT_ID:
            return section[place + 3 : place + 3 + size].rstrip(b"\0 ").decode("latin-1")
        place += 3 + size
    return ""
