"""GE CardioSoft: ``CardiologyXML`` with decimal samples and 12SL's measurement table."""

from xml.etree.ElementTree import Element

from ...ecg import SAMPLING_RATE_HZ
from ..checks import Rejected
from ..recording import Leads, Recording, Source, lead_of_name, microvolts, numbers, waveforms
from .muse import FIDUCIAL_TAGS, INTERVALS
from .xml import number_of, samples_of, text_of

AMPLITUDES = {"R_PeakAmpl_v5": "RAmplitude", "STJ_v5": "JAmplitude", "T_PeakAmpl_v5": "TAmplitude"}


def read(source: Source, root: Element) -> Recording:
    """The resting ECG of a CardioSoft export; raises Rejected."""
    kind = text_of(root, "ObservationType", "RestECG")
    if kind.casefold() != "restecg":
        raise Rejected(f"not a resting ECG: {kind[:20]}")
    measured = root.find("RestingECGMeasurements")
    beats = [] if measured is None else measured.findall("MedianSamples[WaveformData]")
    waves = waveforms(root.findall("StripData"), beats, _wave, "StripData")
    program = text_of(measured, "DiagnosisVersion") or text_of(root, ".//AnalysisVer")
    program = f"GE {program}" if program else "GE CardioSoft"
    about = {"machine": _machine(measured), "patient": text_of(root, "PatientInfo/PID")}
    return Recording("GE CardioSoft XML", **waves, **about, program=program)


def _wave(element: Element) -> tuple[Leads, float]:
    rate_hz = number_of(element, "SampleRate")
    unit = element.find("Resolution")
    unit = "" if unit is None else unit.get("units", "uVperLsb")
    scale = number_of(element, "Resolution") * microvolts(unit.casefold().removesuffix("perlsb"))
    if not scale > 0:
        raise Rejected("not calibrated: no Resolution")
    named = [(lead_of_name(w.get("lead", "")), w.text) for w in element.iter("WaveformData")]
    return [(lead, samples_of(text, lead) * scale) for lead, text in named], rate_hz


def _machine(measured: Element | None) -> dict[str, float]:
    """Intervals, fiducials (in the file in ms of the median beat) and the amplitudes in V5."""
    tags = INTERVALS | {"pr": "PQInterval"}
    found = numbers({name: text_of(measured, tag) for name, tag in tags.items()})
    marks = {name: text_of(measured, tag) for name, tag in FIDUCIAL_TAGS.items()}
    table = None if measured is None else measured.find("MeasurementTable")
    order = [lead_of_name(name) for name in text_of(table, "LeadOrder").split(",")]
    rows = {name: text_of(table, tag).split(",") for name, tag in AMPLITUDES.items()}
    v5 = order.index("V5") if "V5" in order else None
    cells = {name: row[v5] for name, row in rows.items() if v5 is not None and v5 < len(row)}
    return found | numbers(marks, SAMPLING_RATE_HZ / 1000) | numbers(cells)
