"""HL7 annotated ECG (aECG): rhythm series, representative beat and interval annotations."""

from xml.etree.ElementTree import Element

import numpy as np

from ..checks import rejecting
from ..labels import value_of_name
from ..recording import Leads, Recording, Source, lead_of_name, microvolts, numbers, waveforms
from .xml import samples_of, text_of

BEAT = "REPRESENTATIVE_BEAT"
GAP = -32768  # marks missing samples
SECONDS_IN = {"s": 1, "ms": 1e-3, "us": 1e-6}


def read(source: Source, root: Element) -> Recording:
    """The first rhythm series with twelve (or eight) simultaneous leads; raises Rejected."""
    strips, beats = [], []
    for series in (*root.iter("series"), *root.iter("derivedSeries")):
        sets, code = series.findall("component/sequenceSet"), series.find("code")
        if code is not None and code.get("code", "").upper() == BEAT:
            beats += sets
        elif series.tag == "series":
            strips += sets
    waves = waveforms(strips, beats, _wave, "RHYTHM series")
    maker = text_of(root, ".//series/author//manufacturerOrganization/name", "HL7 aECG file")
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
        lead, value = lead_of_name(sequence.find("code").get("code", "")), sequence.find("value")
        if lead:
            digits = samples_of(text_of(value, "digits"), lead, None)
            digits[digits == GAP] = np.nan
            leads.append((lead, _quantity(value, "origin") + digits * _quantity(value, "scale")))
    return leads, rate_hz


def _quantity(value: Element, tag: str) -> float:
    """An origin or a scale in µV; a missing origin is 0."""
    element = value.find(tag)
    number = "" if element is None else element.get("value", "")
    with rejecting(f"not calibrated: no {tag}", ValueError):
        if tag == "origin" and float(number or 0) == 0:  # its unit may be missing too
            return 0.0
        return float(number) * microvolts(element.get("unit", ""))


def _machine(root: Element) -> dict[str, float]:
    """Medians over beats of the device's measurements; of another author's if there are none."""
    sets = list(root.iter("annotationSet"))
    by_device = [s for s in sets if s.find("author//assignedDevice") is not None]
    found: dict[str, list[float]] = {}
    for each in by_device or sets:
        for annotation in each.iter("annotation"):
            code, value = annotation.find("code"), annotation.find("value")
            name = None if code is None else value_of_name(code.get("code", ""))
            if name and value is not None:
                unit = 1000 * SECONDS_IN.get(value.get("unit", ""), 1e-3)
                number = numbers({name: value.get("value")}, unit)
                found.setdefault(name, []).extend(number.values())
        if found:
            break
    return {name: float(np.median(values)) for name, values in found.items() if values}
