"""DICOM waveforms (12-lead and general ECG): rhythm and median groups, interval annotations."""

import io
import re
import zlib
from functools import partial

import numpy as np

from ..checks import MOST_BYTES, Rejected, rejecting
from ..labels import value_of_name
from ..recording import SCP_LEADS, Leads, Recording, Source, lead_of_name, microvolts, waveforms

BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = b"1.2.840.10008.1.2.1.99"
META = 144  # the end of the first element, which is the size of the other meta information
# Without a preamble, a file begins with its meta information or its identification.
FIRST = re.compile(rb"[\x02\x08]\0[\0-\x20]\0")
WAVEFORMS = bytes((0x00, 0x54, 0x00, 0x01))  # the tag of the waveform sequence
SAMPLES = {"SS": "i", "SL": "i", "SB": "i", "US": "u", "UL": "u", "UB": "u"}
BEAT = re.compile("median|beat|average|template", re.IGNORECASE)
BEAT_SECONDS = 2  # a group of at most this length is a beat, whatever its label


def is_dicom(data: bytes) -> bool:
    """Whether a file is DICOM, with or without its preamble."""
    return data[128:132] == b"DICM" or bool(FIRST.match(data) and WAVEFORMS in data)


def read(source: Source) -> Recording:
    """The first rhythm group with twelve (or eight) leads; raises Rejected."""
    dataset = _dataset(source.data)
    groups = dataset.get("WaveformSequence") or []
    strips = [group for group in groups if not _is_beat(group)]
    beats = [group for group in groups if _is_beat(group)]
    wave = partial(_wave, big_endian=dataset.file_meta.get("TransferSyntaxUID") == BIG_ENDIAN)
    waves = waveforms(strips, beats, wave, "rhythm group")
    return Recording(
        "DICOM",
        **waves,
        machine=_machine(dataset.get("WaveformAnnotationSequence") or []),
        program=_maker(dataset),
        patient=str(dataset.get("PatientID") or ""),
    )


def _maker(dataset) -> str:
    name = str(dataset.get("Manufacturer") or "").strip()
    return "DICOM file" if name.lower() in ("", "unknown") else name[:40]


def _dataset(data: bytes):
    from pydicom import config, dcmread  # a fifth of a second that other formats save

    config.settings.reading_validation_mode = config.IGNORE
    early = rejecting("damaged: the DICOM file ends early; truncated?", OSError, EOFError)
    with rejecting("damaged: DICOM,"), early:
        if DEFLATED in data[META:1024]:  # unpacked here, to a limit
            start = META + int.from_bytes(data[META - 4 : META], "little")
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data[start:], MOST_BYTES)
        dataset = dcmread(io.BytesIO(data), force=True)
        if "WaveformSequence" not in dataset:
            kind = "of another kind, such as an image or a report"
            raise Rejected(f"no waveforms: a DICOM file {kind}")
    return dataset


def _is_beat(group) -> bool:
    label = str(group.get("MultiplexGroupLabel") or "")
    longest = BEAT_SECONDS * float(group.get("SamplingFrequency") or 0)
    return bool(BEAT.search(label)) or 0 < group.get("NumberOfWaveformSamples", 0) <= longest


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
    unit, meaning = (str(units[0].get(name) or "") for name in ("CodeValue", "CodeMeaning"))
    return lead, (samples * factor + baseline) * microvolts(unit, f"lead {lead} is in ", meaning)


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
        names = (str(concept.get(part) or "") for part in ("CodeMeaning", "CodeValue"))
        name = next(filter(None, map(value_of_name, names)), None)
        value = annotation.get("NumericValue")
        if name and name not in found and value not in (None, ""):
            unit = (annotation.get("MeasurementUnitsCodeSequence") or [{}])[0].get("CodeValue")
            value = float(value if np.ndim(value) == 0 else value[0])
            found[name] = value * (1000 if unit == "s" else 1)
    return found
