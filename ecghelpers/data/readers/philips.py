"""Philips Sierra XML (PageWriter, HeartStart): samples packed as XLI, representative beats."""

from xml.etree.ElementTree import Element

import numpy as np

from ...ecg import LEADS
from ..checks import MOST_BYTES, Rejected, rejecting
from ..recording import Leads, Recording, Source, lead_of_name, numbers, waveforms
from .xml import base64_of, number_of, samples_of, text_of

XLI_BITS = 10
INTERVALS = {"VentRate": "heartrate", "pr": "print", "qrs": "qrsdur", "qt": "qtint"}
# The printed values, or else those of the measuring program.
PLACES = (".//interpretation/globalmeasurements", ".//interpretationmeasurements")
PLACES += (".//globalmeasurements",)
AMPLITUDES = {"R_PeakAmpl_v5": "ramp", "STJ_v5": "ston", "T_PeakAmpl_v5": "tamp"}


def read(source: Source, root: Element) -> Recording:
    """The ECG of a Sierra export of versions 1.03 and 1.04; raises Rejected."""
    strips, beats = root.findall(".//parsedwaveforms"), root.findall(".//repbeats[@samplespersec]")
    signal = root.find("dataacquisition/signalcharacteristics")

    def wave(element: Element) -> tuple[Leads, float]:
        return _beat(element) if element in beats else _strip(element, signal)

    waves = waveforms(strips, beats, wave, "parsedwaveforms")
    about = {"program": "Philips", "patient": text_of(root, "patient/generalpatientdata/patientid")}
    return Recording("Philips XML", **waves, **about, machine=_machine(root))


def _strip(waves: Element, signal: Element | None) -> tuple[Leads, float]:
    rate_hz = _given(waves, "samplespersecond", signal, "samplingrate")
    resolution = _given(waves, "resolution", signal, "signalresolution", "resolution")
    labels = [lead_of_name(label) for label in waves.get("leadlabels", "").split()]
    if not labels:
        count = int(number_of(signal, "numberchannelsallocated", len(LEADS)))
        labels = [*LEADS, *[None] * (count - len(LEADS))][:count]
    return list(zip(labels, _channels(waves, labels) * resolution, strict=True)), rate_hz


def _given(waves: Element, attribute: str, signal: Element | None, *tags: str) -> float:
    """A positive number from an attribute of the samples, or from their description."""
    texts = [waves.get(attribute), *(text_of(signal, tag) for tag in tags)]
    for number in numbers(dict(enumerate(texts))).values():
        if number > 0:
            return number
    raise Rejected(f"not calibrated: no {tags[0]}")


def _channels(waves: Element, labels: list[str | None]) -> np.ndarray:
    """(channel, time) integer samples."""
    count = len(labels)
    how = waves.get("compressmethod") or waves.get("compression") or ""
    if waves.get("compressflag", "").casefold() == "false":
        how = ""
    if waves.get("dataencoding", "").casefold() == "plain":
        raw = samples_of(waves.text, "I to V6", None).astype("<i2").tobytes()
    else:
        raw = base64_of(waves.text, "parsedwaveforms")
    if how.upper() == "XLI":
        channels = _xli(raw, count)
        if labels[:6] == list(LEADS[:6]):
            _add_limb_leads(channels)
        return channels
    if how.casefold() not in ("", "none", "uncompressed"):
        raise Rejected(f"not supported: compression {how[:20]!r}")
    if len(raw) % (2 * count):
        raise Rejected(f"truncated: {len(raw)} bytes do not make {count} leads")
    return np.frombuffer(raw, "<i2").astype(int).reshape(count, -1)


def _xli(raw: bytes, count: int) -> np.ndarray:
    """Unpack one chunk per lead: LZW codes of bytes, which are second differences."""
    channels, place = [], 0
    while place + 8 <= len(raw) and len(channels) < count:
        size = int.from_bytes(raw[place : place + 4], "little")
        start = int.from_bytes(raw[place + 6 : place + 8], "little", signed=True)
        place += 8 + size
        if not 0 < size <= len(raw) or place > len(raw):
            break
        channels.append(_integrated(_lzw(raw[place - size : place]), start))
    if len(channels) != count or len({len(channel) for channel in channels}) != 1:
        raise Rejected(f"truncated: {len(channels)} of {count} leads can be unpacked")
    return np.array(channels)


def _lzw(raw: bytes) -> bytes:
    """Bytes from big-endian codes of 10 bits; a full table is kept."""
    bits = np.unpackbits(np.frombuffer(raw, np.uint8))
    bits = bits[: len(bits) // XLI_BITS * XLI_BITS].reshape(-1, XLI_BITS)
    codes = bits @ (1 << np.arange(XLI_BITS - 1, -1, -1))
    last = (1 << XLI_BITS) - 2
    table = [bytes([value]) for value in range(256)]
    parts, size, before = [], 0, b""
    for code in codes.tolist():
        if code > last:
            break
        if code > len(table) or (code == len(table) and not before):
            raise Rejected("damaged: the packed samples cannot be unpacked")
        now = table[code] if code < len(table) else before + before[:1]
        if before and len(table) <= last:
            table.append(before + now[:1])
        parts.append(now)
        size += len(now)
        before = now
        if size > MOST_BYTES:
            raise Rejected(f"too large: more than {MOST_BYTES} bytes when unpacked")
    return b"".join(parts)


def _integrated(packed: bytes, start: int) -> np.ndarray:
    """Samples from high bytes, then low bytes, of their second differences + 64."""
    packed += b"\0" * (len(packed) % 2)
    words = np.frombuffer(packed, np.uint8).reshape(2, -1).astype(np.int32)
    values = (words[0] << 8 | words[1]).astype(np.int16).astype(np.int64)
    if len(values) < 3:
        raise Rejected("truncated: a lead of fewer than three samples")
    bends = -np.concatenate(([start], values[2:-1] - 64))
    steps = values[1] - values[0] + np.cumsum(bends)
    return np.concatenate((values[:2], values[1] + np.cumsum(steps)))


def _add_limb_leads(channels: np.ndarray) -> None:
    """III, aVR, aVL, aVF from their residuals to Einthoven's and Goldberger's equations."""
    one, two = channels[0], channels[1]
    channels[2] = two - one - channels[2]
    channels[3] = -channels[3] - (one + two) // 2
    channels[4] = (one - channels[2]) // 2 - channels[4]
    channels[5] = (two + channels[2]) // 2 - channels[5]


def _beat(beats: Element) -> tuple[Leads, float]:
    with rejecting("damaged: samplespersec or resolution of repbeats is not a number", ValueError):
        rate, scale = float(beats.get("samplespersec")), float(beats.get("resolution", "1"))
    leads = []
    for beat in beats.iter("repbeat"):
        raw = base64_of(text_of(beat, "waveform", beat.text or ""), "repbeat")
        samples = np.frombuffer(raw[: len(raw) // 2 * 2], "<i2") * scale
        leads.append((lead_of_name(beat.get("leadname", "")), samples))
    return leads, rate


def _machine(root: Element) -> dict[str, float]:
    """The printed values, and the amplitudes in V5 (J at the onset of ST)."""
    shown = next((element for place in PLACES for element in root.iterfind(place)), None)
    means = {"heartrate": "meanventrate"}  # where the printed values are missing
    found = numbers({
        name: text_of(shown, tag) or text_of(shown, means.get(tag, f"mean{tag}"))
        for name, tag in INTERVALS.items()
    })  # fmt: skip
    v5 = root.find(".//leadmeasurement[@leadname='V5']")
    return found | numbers({name: text_of(v5, tag) for name, tag in AMPLITUDES.items()})
