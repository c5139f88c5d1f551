"""GE MUSE: ``RestingECG`` XML with 12SL's median beat, fiducials, intervals and matrix."""

import contextlib
import zlib
from xml.etree.ElementTree import Element

import numpy as np

from ...ecg import FIDUCIALS, SAMPLING_RATE_HZ
from ..checks import Rejected
from ..recording import GE_12SL, Recording, Source, lead_of_name, microvolts, numbers, waveforms
from .xml import base64_of, number_of, text_of

INTERVALS = {
    "VentRate": "VentricularRate",
    "pr": "PRInterval",
    "qrs": "QRSDuration",
    "qt": "QTInterval",
}
MARKS = ("POnset", "POffset", "QOnset", "QOffset", "TOnset", "TOffset")
FIDUCIAL_TAGS = dict(zip(FIDUCIALS, MARKS, strict=True))
# The measurement matrix: a header of 18 int16 (ends of P, QRS and T from the second on), then
# (lead, index, int16 µV), 53 values per lead, leads in the order I II V1…V6 III aVR aVL aVF.
MATRIX_HEADER, T_ONSET, T_OFFSET, MATRIX_V5 = 36, 5, 6, 6
MATRIX = np.dtype([("lead", "u1"), ("index", "u1"), ("value", "<i2")])
AMPLITUDES = {"R_PeakAmpl_v5": 13, "STJ_v5": 29, "T_PeakAmpl_v5": 39}
NOT_MEASURED = 32767


def read(source: Source, root: Element) -> Recording:
    """The ECG of a MUSE export; raises Rejected."""
    strips, beats = (
        [w for w in root.iter("Waveform") if text_of(w, "WaveformType").casefold() == kind]
        for kind in ("rhythm", "median")
    )
    if not strips and not beats:
        raise Rejected("no waveforms: neither Rhythm nor Median in the file")
    waves = waveforms(strips, beats, _wave)
    about = {"program": GE_12SL, "patient": text_of(root, "PatientDemographics/PatientID")}
    return Recording("GE MUSE XML", **waves, **about, machine=_machine(root))


def _wave(element: Element) -> tuple[list, float]:
    rate_hz = _rate(element, "Sample")
    return [_lead(lead) for lead in element.iter("LeadData")], rate_hz


def _rate(element: Element, kind: str) -> float:
    exponent = number_of(element, f"{kind}Exponent", 0)
    if not abs(exponent) < 10:
        raise Rejected(f"damaged: {kind}Exponent is {exponent:g}")
    return number_of(element, f"{kind}Base", SAMPLING_RATE_HZ) * 10**exponent


def _lead(element: Element) -> tuple[str | None, np.ndarray]:
    """One lead in µV; raises Rejected if its bytes are damaged."""
    name = text_of(element, "LeadID")
    raw = base64_of(text_of(element, "WaveFormData"), f"lead {name}")
    if (size := number_of(element, "LeadSampleSize", 2)) != 2:
        raise Rejected(f"not supported: samples of {size:g} bytes; allowed 2")
    claimed = int(number_of(element, "LeadByteCountTotal", len(raw)))
    if len(raw) != claimed or len(raw) % 2:
        raise Rejected(f"truncated: lead {name} has {len(raw)} bytes of {claimed}")
    checksum = int(number_of(element, "LeadDataCRC32", 0)) & 0xFFFFFFFF
    if checksum and checksum != zlib.crc32(raw):
        raise Rejected(f"damaged: the checksum of lead {name} does not match its samples")
    scale = number_of(element, "LeadAmplitudeUnitsPerBit")
    if not scale > 0:
        raise Rejected(f"not calibrated: no LeadAmplitudeUnitsPerBit for lead {name}")
    scale *= microvolts(text_of(element, "LeadAmplitudeUnits", "MICROVOLTS"))
    late = int(number_of(element, "LeadOffsetFirstSample", 0))
    samples = np.frombuffer(raw, "<i2") * scale
    return lead_of_name(name), np.concatenate([np.full(max(late, 0), np.nan), samples])


def _machine(root: Element) -> dict[str, float]:
    """12SL's unedited intervals, fiducials in samples at 500 Hz, and R, J and T in V5.

    The matrix alone has the T onset. What is missing or damaged in it is left out.
    """
    measured = root.find("OriginalRestingECGMeasurements")
    if measured is None:
        measured = root.find("RestingECGMeasurements")
    found = numbers({name: text_of(measured, tag) for name, tag in INTERVALS.items()})
    marks = numbers({name: text_of(measured, tag) for name, tag in FIDUCIAL_TAGS.items()})
    header, v5 = _matrix(text_of(root, "MeasurementMatrix"))
    if len(header) and header[T_OFFSET] == marks.get("toffset"):  # of the same measurement
        marks["tonset"] = header[T_ONSET]
    rate_hz = SAMPLING_RATE_HZ if measured is None else _rate(measured, "ECGSample")
    found |= numbers(marks, SAMPLING_RATE_HZ / rate_hz if rate_hz else np.nan)
    return found | {name: v5[place] for name, place in AMPLITUDES.items() if place in v5}


def _matrix(text: str) -> tuple[np.ndarray, dict[int, float]]:
    """The header of the measurement matrix, and the values in V5 by index; empty if damaged."""
    raw = b""
    with contextlib.suppress(Rejected):
        raw = base64_of(text, "MeasurementMatrix")
    if len(raw) < MATRIX_HEADER or len(raw) % MATRIX.itemsize:
        return np.empty(0), {}
    cells = np.frombuffer(raw, MATRIX, offset=MATRIX_HEADER)
    known = np.abs(cells["value"].astype(int)) < NOT_MEASURED
    v5 = cells[(cells["lead"] == MATRIX_V5) & known][["index", "value"]].tolist()
    return np.frombuffer(raw, "<i2", MATRIX_HEADER // 2), {place: float(uv) for place, uv in v5}
