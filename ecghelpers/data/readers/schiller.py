"""Schiller: ``SchillerEDI`` XML with decimal samples."""

from xml.etree.ElementTree import Element

from ...ecg import FIDUCIALS, SAMPLING_RATE_HZ
from ..checks import Rejected
from ..recording import Leads, Recording, Source, lead_of_name, microvolts, numbers, waveforms
from .xml import number_of, samples_of, text_of

STRIP, BEAT, RATE = "ECG_RHYTHMS", "ECG_AVERAGES", "resolution/samplerate/value"
INTERVALS = {"VentRate": "HR", "pr": "PQ", "qrs": "QRS", "qt": "QT"}
MARKS = ("P_ON", "P_OFF", "QRS_ON", "QRS_OFF", "T_ON", "T_OFF")
MILLIVOLTS = {"R_PeakAmpl_v5": ("R_AMPL",), "STJ_v5": ("J_AMPL",)}
MILLIVOLTS |= {"T_PeakAmpl_v5": ("T_POS_AMPL", "T_NEG_AMPL")}


def read(source: Source, root: Element) -> Recording:
    """The resting ECG of a Schiller export; raises Rejected."""
    kind = text_of(root, ".//rectype", "RESTING_ECG")
    if kind != "RESTING_ECG":
        raise Rejected(f"not a resting ECG: {kind[:20]}")
    waves = {text_of(wave, "type"): wave for wave in root.iter("wavedata")}
    strips, beats = ([waves[kind]] if kind in waves else [] for kind in (STRIP, BEAT))
    read_waves = waveforms(strips, beats, _wave, STRIP)
    about = {"program": "Schiller", "patient": text_of(root, "patdata/id")}
    if beats:
        about["machine"] = _machine(root, beats[0])
    return Recording("Schiller XML", **read_waves, **about)


def _wave(wave: Element) -> tuple[Leads, float]:
    rate_hz = number_of(wave, RATE)
    scale = number_of(wave, "resolution/yres/unitperbit")
    scale *= microvolts(text_of(wave, "resolution/yres/units", "UV"))
    if not scale > 0:
        raise Rejected("not calibrated: no unitperbit")
    named = [(lead_of_name(text_of(c, "name")), text_of(c, "data")) for c in wave.iter("channel")]
    return [(lead, samples_of(text, lead) * scale) for lead, text in named], rate_hz


def _machine(root: Element, average: Element) -> dict[str, float]:
    """Intervals, fiducials (in samples of the average beat) and the amplitudes in V5."""
    values = {text_of(a, "name"): text_of(a, "value") for a in root.iter("annotation_global")}
    found = numbers({name: values.get(tag) for name, tag in INTERVALS.items()})
    marks = {name: values.get(tag) for name, tag in zip(FIDUCIALS, MARKS, strict=True)}
    found |= numbers(marks, SAMPLING_RATE_HZ / number_of(average, RATE))
    for channel in average.iter("channel"):
        if lead_of_name(text_of(channel, "name")) == "V5":
            rows = {text_of(a, "name"): text_of(a, "value") for a in channel if len(a)}
            for name, tags in MILLIVOLTS.items():
                given = numbers({tag: rows.get(tag) for tag in tags}, 1000).values()
                found |= {name: max(given, key=abs)} if given else {}
    return found
