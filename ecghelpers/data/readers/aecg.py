"""HL7 annotated ECG (aECG): rhythm series, representative beat and interval annotations."""

from xml.etree.ElementTree import Element

import numpy as np

from ..checks import Rejected, rejecting
from ..recording import Leads, Recording, Source, lead_of_name, microvolts, waveforms
from .xml import samples_of, text_of

LEAD_CODE = "MDC_ECG_LEAD_"
SETS = ".//{}/code[@code='{}']/../component/sequenceSet"
STRIP, BEAT = ("series", "RHYTHM"), ("derivedSeries", "REPRESENTATIVE_BEAT")
GAP = -32768  # marks missing samples
SECONDS_IN = {"s": 1, "ms": 1e-3, "us": 1e-6}
NAMES = {
    "MDC_ECG_HEART_RATE": "VentRate",
    "MDC_ECG_TIME_PD_PR": "pr",
    "MDC_ECG_TIME_PD_QRS": "qrs",
    "MDC_ECG_TIME_PD_QT": "qt",
    "MDC_ECG_TIME_PD_RR": "rr",
}


def read(source: Source, root: Element) -> Recording:
    """The first rhythm series with twelve (or eight) simultaneous leads; raises Rejected."""
    strips, beats = root.findall(SETS.format(*STRIP)), root.findall(SETS.format(*BEAT))
    waves = waveforms(strips, beats, _wave, "RHYTHM series")
    maker = text_of(root, ".//series/author//manufacturerOrganization/name", "unknown program")
    subject = root.find(".//trialSubject/id")
    patient = "" if subject is None else subject.get("extension") or subject.get("root", "")
    about = {"machine": _machine(root), "program": maker[:40], "patient": patient}
    return Recording("HL7 aECG", **waves, **about)


def _wave(sequences: Element) -> tuple[Leads, float]:
    step = sequences.find(".//value/increment")
    missing = (AttributeError, TypeError, ValueError, KeyError, ZeroDivisionError)
    with rejecting("sampling rate: the file gives none", *missing):
        rate_hz = round(1 / (float(step.get("value")) * SECONDS_IN[step.get("unit")]), 3)
    leads = []
    for sequence in sequences.iter("sequence"):
        code = sequence.find("code").get("code", "")
        if code.startswith(LEAD_CODE):
            lead, value = lead_of_name(code), sequence.find("value")
            digits = samples_of(text_of(value, "digits"), lead, None)
            digits[digits == GAP] = np.nan
            leads.append((lead, _quantity(value, "origin", 0) + digits * _quantity(value, "scale")))
    return leads, rate_hz


def _quantity(value: Element, tag: str, default: float | None = None) -> float:
    """An origin or a scale in µV."""
    element = value.find(tag)
    if element is None and default is not None:
        return default
    try:
        return float(element.get("value")) * microvolts(element.get("unit", ""))
    except (AttributeError, TypeError, ValueError):
        raise Rejected(f"not calibrated: no {tag}") from None


def _machine(root: Element) -> dict[str, float]:
    """Medians over beats of the device's measurements; of another author's if there are none."""
    sets = list(root.iter("annotationSet"))
    by_device = [s for s in sets if s.find("author//assignedDevice") is not None]
    found: dict[str, list[float]] = {}
    for annotation in (a for s in (by_device or sets)[:1] for a in s.iter("annotation")):
        code, value = annotation.find("code"), annotation.find("value")
        name = None if code is None else NAMES.get(code.get("code"))
        if name and value is not None and value.get("value"):
            unit = 1000 * SECONDS_IN.get(value.get("unit", ""), 1e-3)
            found.setdefault(name, []).append(float(value.get("value")) * unit)
    return {name: float(np.median(each)) for name, each in found.items()}
