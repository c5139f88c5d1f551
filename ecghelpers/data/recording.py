"""The contents of an ECG file in any format: leads in µV, the machine's beat and values."""

import contextlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..ecg import BEAT_SAMPLES, INDEPENDENT_LEADS, LEADS, SAMPLING_RATE_HZ, TARGETS, twelve_leads
from ..measurement import RATES_HZ, SECONDS
from ..measurement.filters import to_500_hz
from .checks import Rejected, runs
from .labels import possible

MICROVOLT_IN = {"uv": 1, "µv": 1, "μv": 1, "microvolt": 1, "microvolts": 1}  # micro sign, Greek mu
MICROVOLT_IN |= {"nv": 0.001, "mv": 1000, "millivolt": 1000, "millivolts": 1000, "v": 1_000_000}
LEAD_OF_NAME = {lead.casefold(): lead for lead in LEADS}
LEAD_OF_NAME |= {f"{v}{number}": f"V{number}" for v in ("c", "v0") for number in range(1, 7)}
LEAD_OF_NAME |= {f"d{name}": lead for name, lead in (("i", "I"), ("ii", "II"), ("iii", "III"))}
LEAD_OF_NAME |= {f"d{number}": lead for number, lead in enumerate(LEADS[:3], start=1)}
PREFIX = re.compile(r"(mdc_ecg_lead|(ecg|ekg)?[ _-]*lead|ecg|ekg)([ _]+|-)|lead(?=[ivacd])")
SCP_LEADS = dict(zip((1, 2, 61, 62, 63, 64, *range(3, 9)), LEADS, strict=True))  # EN 1064, MDC
GE_12SL = "GE 12SL"
PULSE_UV, PULSE_MS = 1000, 100  # calibration pulse: its height, and the shortest plateau
PULSE_WITHIN_S = 2  # from either end of the recording
Leads = list[tuple[str | None, np.ndarray]]  # (lead or None for another channel, samples in µV)


@dataclass(frozen=True)
class Recording:
    """The ECG of a file.

    ecg_uv: (12, time) float µV at rate_hz, leads in the order of ecg.LEADS; None if the file
    contains a median beat only. median_uv: (12, 600) float µV at 500 Hz, the machine's own beat.
    machine: its values under the names of ecg.TARGETS (in their units) and ecg.FIDUCIALS (samples
    in median_uv), and ``rr`` in ms, as far as given; program: the program that measured them.
    patient: the patient id in the file, to be hashed and never shown.
    """

    format: str
    ecg_uv: np.ndarray | None
    rate_hz: float = SAMPLING_RATE_HZ
    median_uv: np.ndarray | None = None
    machine: Mapping[str, float] = field(default_factory=dict)
    program: str = ""
    patient: str = field(default="", repr=False)

    @property
    def signal_uv(self) -> np.ndarray:
        """The ECG, or its median beat if there is nothing else: (12, time) at rate_hz."""
        return self.median_uv if self.ecg_uv is None else self.ecg_uv

    @property
    def targets(self) -> dict[str, float]:
        """The machine's value of every target, NaN where it gives none or an impossible one."""
        rr_ms = self.machine.get("rr", 0)
        values = ({"VentRate": 60000 / rr_ms} if rr_ms > 0 else {}) | dict(self.machine)
        return {name: possible(name, values.get(name, "")) for name in TARGETS}


@dataclass(frozen=True)
class Source:
    """A file to read: its name, its bytes, and access to the files beside it.

    beside: file name → bytes; raises KeyError for a missing file. path: where the file is, with
    forward slashes.
    """

    name: str
    data: bytes
    beside: Callable[[str], bytes] = {}.__getitem__
    path: str = ""


def lead_of_name(name: str) -> str | None:
    """The lead for a name such as ``avr``, ``Lead II``, ``MDC_ECG_LEAD_V1`` or ``C4``.

    None for any other name, such as ``-aVR``.
    """
    plain = re.sub(r"\(.*\)", "", name).strip().casefold()
    return LEAD_OF_NAME.get(PREFIX.sub("", plain, count=1).strip(" _"))


def microvolts(unit: str, where: str = "", meaning: str = "") -> float:
    """The size of a voltage unit in µV, by its name or its meaning; raises Rejected for others."""
    found = MICROVOLT_IN.get(unit.strip().casefold()) or MICROVOLT_IN.get(meaning.casefold())
    if not found:
        raise Rejected(f"unit: {where}{unit.strip()[:20]!r}; allowed mV, uV, V")
    return found


def twelve(leads: Leads) -> np.ndarray:
    """(12, time) µV from leads in any order, in the order of ecg.LEADS.

    Missing limb leads are computed from I and II. Other channels are ignored; NaN in all leads at
    the beginning or end is cut off. Raises Rejected for a lead that is missing, duplicated or has
    gaps.
    """
    named = {lead: np.asarray(samples, float) for lead, samples in leads if lead}
    present = [lead for lead, _ in leads if lead]
    if twice := [lead for lead in named if present.count(lead) > 1]:
        raise Rejected(f"lead twice: {twice[0]}")
    chosen = LEADS if set(named) == set(LEADS) else INDEPENDENT_LEADS
    if missing := [lead for lead in chosen if lead not in named]:
        found = ", ".join(present) or f"{len(leads)} other channels"
        raise Rejected(f"lead missing: {', '.join(missing)} (found: {found})")
    lengths = {len(named[lead]) for lead in chosen}
    if len(lengths) > 1:
        raise Rejected(f"leads differ in length: {min(lengths)} to {max(lengths)} samples")
    ecg_uv = np.array([named[lead] for lead in chosen])
    known = np.flatnonzero(np.isfinite(ecg_uv).any(axis=0))
    ecg_uv = ecg_uv[:, known[0] : known[-1] + 1] if len(known) else ecg_uv
    if invalid := int((~np.isfinite(ecg_uv)).sum()):
        raise Rejected(f"invalid samples: {invalid} of {ecg_uv.size} are marked as not recorded")
    return ecg_uv if chosen is LEADS else twelve_leads(ecg_uv)


def waveforms(
    strips: Sequence, beats: Sequence, wave: Callable[..., tuple[Leads, float]], kind: str = ""
) -> dict:
    """The ecg_uv, rate_hz and median_uv of a Recording: the first usable strip and beat.

    wave: reads the leads and the rate of a strip or a beat. Raises Rejected with the reason of the
    last strip if none is usable, and if there is no strip of the kind, unless that is "". A beat
    that is not usable is left out, but not if there is nothing else.
    """

    def strip(element) -> dict:
        leads, rate_hz = wave(element)
        return {"ecg_uv": rhythm(leads, rate_hz), "rate_hz": rate_hz}

    if kind and not strips:
        raise Rejected(f"no waveforms: no {kind} in the file")
    found = _first_usable(strip, strips) or {"ecg_uv": None}
    with contextlib.suppress(*[Rejected] if strips else []):
        found["median_uv"] = _first_usable(lambda beat: median_beat(*wave(beat)), beats)
    return found


def _first_usable(read: Callable, elements: Sequence):
    """What is read from the first element that is not rejected; None if there are no elements."""
    for element in elements:
        try:
            return read(element)
        except Rejected:
            if element is elements[-1]:
                raise
    return None


def rhythm(leads: Leads, rate_hz: float) -> np.ndarray:
    """As ``twelve``, for a recording: without calibration pulses, length and rate checked."""
    check_rate(rate_hz)
    ecg_uv = without_calibration(twelve(leads), rate_hz)
    check_seconds(ecg_uv.shape[1] / rate_hz)
    return ecg_uv


def check_rate(rate_hz: float) -> None:
    """Raise Rejected for a sampling rate at which ECGs cannot be measured."""
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        hint = "; of PTB-XL give the folder records500" if rate_hz == 100 else ""
        raise Rejected(
            f"sampling rate: {rate_hz:g} Hz; allowed {RATES_HZ[0]} to {RATES_HZ[1]}{hint}"
        )


def check_seconds(seconds: float) -> None:
    """Raise Rejected for a recording that is too short or too long, such as a Holter ECG."""
    if not SECONDS[0] <= seconds <= SECONDS[1]:
        raise Rejected(f"length: {seconds:g} s; allowed {SECONDS[0]} to {SECONDS[1]}")


def without_calibration(ecg_uv: np.ndarray, rate_hz: float) -> np.ndarray:
    """Cut off a pulse of 1 mV in all leads at either end, with the flat lines around it.

    Philips electrocardiographs append one to the recording.
    """
    flat = runs((np.abs(np.diff(ecg_uv, axis=1)) < 1).all(axis=0))
    flat = flat[flat[:, 1] - flat[:, 0] >= PULSE_MS / 1000 * rate_hz / 2]
    eight = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]  # in III the pulse cancels
    levels = np.abs(ecg_uv[eight][:, flat[:, 0]])
    long = flat[:, 1] - flat[:, 0] >= PULSE_MS / 1000 * rate_hz
    pulse = flat[long & (np.abs(levels - PULSE_UV) < PULSE_UV / 5).all(axis=0), 0]
    end, within = ecg_uv.shape[1], PULSE_WITHIN_S * rate_hz
    if (pulse > end - within).any():
        ecg_uv = ecg_uv[:, : flat[flat[:, 0] > end - within, 0].min()]
    if (pulse < within).any():
        ecg_uv = ecg_uv[:, flat[flat[:, 0] < within, 1].max() + 1 :]
    return ecg_uv


def median_beat(leads: Leads, rate_hz: float) -> np.ndarray:
    """(12, 600) µV at 500 Hz of a machine's beat; a shorter beat is padded with its last values."""
    beat = to_500_hz(twelve(leads), rate_hz)[:, :BEAT_SAMPLES]
    return np.pad(beat, ((0, 0), (0, BEAT_SAMPLES - beat.shape[1])), mode="edge")


def numbers(values: Mapping[str, str | float | None], scale: float = 1) -> dict[str, float]:
    """A machine's values as numbers times a scale, without missing ones and text (``Failed``)."""
    found = {}
    for name, value in values.items():
        with contextlib.suppress(TypeError, ValueError):
            found[name] = float(value) * scale
    return {name: number for name, number in found.items() if np.isfinite(number)}
