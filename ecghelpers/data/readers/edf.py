"""EDF and EDF+ (Kemp 1992, 2003): records of 16-bit samples; annotations are left out."""

import numpy as np

from ..checks import Rejected
from ..recording import Recording, Source, lead_of_name, microvolts, rhythm

FIELDS = (("label", 16), ("transducer", 80), ("unit", 8), ("low", 8), ("high", 8))
FIELDS += (("digital_low", 8), ("digital_high", 8), ("filter", 80), ("samples", 8), ("spare", 32))
MOST_SIGNALS = 256
ANNOTATIONS = "EDF Annotations"


def is_edf(data: bytes) -> bool:
    """Whether a file begins with an EDF header: its version, and the header's size."""
    return data[:8] == b"0       " and data[184:192].strip().isdigit()


def read(source: Source) -> Recording:
    """The ECG of an EDF file whose leads share one rate; raises Rejected."""
    data = source.data
    if data[192:197] == b"EDF+D":
        raise Rejected("not supported: EDF+ with interruptions")
    count = int(_number(data[252:256], "number of signals"))
    if not 1 <= count <= MOST_SIGNALS or len(data) < 256 * (count + 1):
        raise Rejected(f"truncated: header of {count} signals in {len(data)} bytes")
    seconds = _number(data[244:252], "duration of a record")
    header, place = {}, 256
    for name, size in FIELDS:
        cells = [data[place + size * i : place + size * (i + 1)] for i in range(count)]
        header[name] = [cell.decode("latin-1").strip() for cell in cells]
        place += size * count
    samples = [int(_number(text, "samples a record")) for text in header["samples"]]
    values = np.frombuffer(data[place : place + (len(data) - place) // 2 * 2], "<i2")
    width = sum(samples)
    claimed = int(_number(data[236:244], "number of records"))
    records = len(values) // width if width > 0 else 0
    if records < max(claimed, 1) or seconds <= 0 or min(samples) < 1:
        raise Rejected(f"truncated: {records} whole records, {claimed} claimed")
    table = values[: records * width].reshape(records, width)
    leads, used, first = [], set(), 0
    for signal, label in enumerate(header["label"]):
        column, first = table[:, first : first + samples[signal]], first + samples[signal]
        lead = None if label == ANNOTATIONS else lead_of_name(label)
        if lead:
            used.add(samples[signal])
            leads.append((lead, _scaled(column.ravel(), header, signal, lead)))
        elif label != ANNOTATIONS:
            leads.append((None, column.ravel()))
    if len(used) > 1:
        raise Rejected("sampling rate: the leads have different ones")
    rate_hz = used.pop() / seconds if used else samples[0] / seconds
    return Recording("EDF", rhythm(leads, rate_hz), rate_hz)


def _scaled(digits: np.ndarray, header: dict, signal: int, lead: str) -> np.ndarray:
    low, high, digital_low, digital_high = (
        _number(header[name][signal], name)
        for name in ("low", "high", "digital_low", "digital_high")
    )
    if digital_high <= digital_low or low == high:
        raise Rejected(f"not calibrated: lead {lead} has no range")
    scale = microvolts(header["unit"][signal], f"lead {lead} is in ")
    return ((digits - digital_low) * ((high - low) / (digital_high - digital_low)) + low) * scale


def _number(text: bytes | str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Rejected(f"damaged: the {what} is no number") from None
