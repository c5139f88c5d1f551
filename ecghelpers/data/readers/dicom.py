"""DICOM waveforms (12-lead and general ECG): rhythm and median groups, interval annotations."""

import io
import re
from functools import partial

import numpy as np

from ..checks import Rejected, rejecting
from ..recording import SCP_LEADS, Leads, Recording, Source, lead_of_name, microvolts, waveforms

ECG_CLASSES = "1.2.840.10008.5.1.4.1.1.9."  # SOP classes of waveforms
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
SAMPLES = {"SS": "i", "SL": "i", "SB": "i", "US": "u", "UL": "u", "UB": "u"}
DERIVED = re.compile("median|beat|average|template", re.IGNORECASE)
MEANINGS = {
    "VentRate": re.compile(r"(ventricular|mean)?\s*(heart|ventricular) rate|mdc_ecg_heart_rate"),
    "pr": re.compile(r"p[rq] interval([, ]+global)?|mdc_ecg_time_pd_p[rq](_global)?"),
    "qrs": re.compile(r"qrs (duration|interval)([, ]+global)?|mdc_ecg_time_pd_qrs(_global)?"),
    "qt": re.compile(r"qt interval([, ]+global)?|mdc_ecg_time_pd_qt(_global)?"),
    "rr": re.compile(r"(mean )?rr interval([, ]+global)?|mdc_ecg_time_pd_rr(_global)?"),
}


def read(source: Source) -> Recording:
    """The first rhythm group with twelve (or eight) leads; raises Rejected."""
    dataset = _dataset(source.data)
    groups = dataset.get("WaveformSequence") or []
    strips = [group for group in groups if not _is_derived(group)]
    beats = [group for group in groups if _is_derived(group)]
    wave = partial(_wave, big_endian=dataset.file_meta.get("TransferSyntaxUID") == BIG_ENDIAN)
    waves = waveforms(strips, beats, wave, "rhythm group")
    return Recording(
        "DICOM",
        **waves,
        machine=_machine(dataset.get("WaveformAnnotationSequence") or []),
        program=str(dataset.get("Manufacturer") or "unknown program")[:40],
        patient=str(dataset.get("PatientID") or ""),
    )


def _dataset(data: bytes):
    from pydicom import config, dcmread  # a fifth of a second that other formats save

    config.settings.reading_validation_mode = config.IGNORE
    with rejecting("damaged: DICOM,"):
        dataset = dcmread(io.BytesIO(data))
        syntax = dataset.file_meta.get("TransferSyntaxUID", "")
    if syntax == DEFLATED:
        raise Rejected("not supported: deflated DICOM; export it uncompressed")
    if not str(dataset.get("SOPClassUID", "")).startswith(ECG_CLASSES):
        raise Rejected("no waveforms: a DICOM file of another kind, such as an image or a report")
    return dataset


def _is_derived(group) -> bool:
    label = str(group.get("MultiplexGroupLabel") or "")
    return bool(DERIVED.search(label)) or (not label and group.WaveformOriginality == "DERIVED")


def _wave(group, big_endian: bool) -> tuple[Leads, float]:
    """Every channel in µV: (sample × sensitivity × correction) + baseline, padding as NaN."""
    rate_hz, kind = float(group.SamplingFrequency), str(group.WaveformSampleInterpretation)
    if kind not in SAMPLES:
        raise Rejected(f"not supported: samples of kind {kind[:4]!r}")
    dtype = np.dtype(f"{'<>'[big_endian]}{SAMPLES[kind]}{int(group.WaveformBitsAllocated) // 8}")
    channels = group.ChannelDefinitionSequence
    raw, count = group.WaveformData, int(group.NumberOfWaveformSamples)
    if len(raw) < (claimed := count * len(channels) * dtype.itemsize):
        raise Rejected(f"truncated: waveform of {len(raw)} bytes, {claimed} claimed")
    table = np.frombuffer(raw[:claimed], dtype).reshape(count, len(channels)).astype(float)
    padding = bytes(group.get("WaveformPaddingValue") or b"")[: dtype.itemsize]
    if len(padding) == dtype.itemsize and any(padding):  # zero is an ordinary sample
        table[table == np.frombuffer(padding, dtype)[0]] = np.nan
    return [_scaled(*pair) for pair in zip(channels, table.T, strict=True)], rate_hz


def _scaled(channel, samples: np.ndarray) -> tuple[str | None, np.ndarray]:
    lead = _lead(channel)
    if lead is None:
        return None, samples
    units = channel.get("ChannelSensitivityUnitsSequence")
    if not channel.get("ChannelSensitivity") or not units:
        raise Rejected(f"not calibrated: no sensitivity for lead {lead}")
    factor = channel.get("ChannelSensitivityCorrectionFactor")
    factor = float(channel.ChannelSensitivity) * (1.0 if factor in (None, "") else float(factor))
    baseline = float(channel.get("ChannelBaseline") or 0)
    unit_uv = microvolts(str(units[0].CodeValue), f"lead {lead} is in ")
    return lead, (samples * factor + baseline) * unit_uv


def _lead(channel) -> str | None:
    """By code (SCPECG 5.6.3-9-n, MDC 2:n or name), else by the code's meaning or the label."""
    code = (channel.get("ChannelSourceSequence") or [{}])[0]
    value, meaning = str(code.get("CodeValue") or ""), str(code.get("CodeMeaning") or "")
    number = re.fullmatch(r"(5\.6\.3-9-|2:)(\d+)", value)
    if number:
        return SCP_LEADS.get(int(number[2]))
    label = str(channel.get("ChannelLabel") or "")
    return lead_of_name(value) or lead_of_name(meaning) or lead_of_name(label)


def _machine(annotations) -> dict[str, float]:
    found: dict[str, float] = {}
    for annotation in annotations:
        concept = (annotation.get("ConceptNameCodeSequence") or [{}])[0]
        value = annotation.get("NumericValue")
        texts = [str(concept.get(name) or "").casefold() for name in ("CodeMeaning", "CodeValue")]
        if value in (None, ""):
            continue
        unit = (annotation.get("MeasurementUnitsCodeSequence") or [{}])[0].get("CodeValue")
        value = float(value if np.ndim(value) == 0 else value[0])
        for name, pattern in MEANINGS.items():
            if name not in found and any(pattern.fullmatch(text.strip()) for text in texts):
                found[name] = value * (1000 if unit == "s" else 1)
    return found
