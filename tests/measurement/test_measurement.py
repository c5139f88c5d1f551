"""Measurement: known fiducials, invariances, bad leads, beats and input; beats; the delineator."""

import numpy as np
import pytest
from refusals import refused
from simulated_ecg import R_UV, T_UV, beat, ecg, half_sine, noise

from ecghelpers.ecg import FIDUCIALS, INDEPENDENT_LEADS, LEADS, TARGETS, twelve_leads
from ecghelpers.measurement import (
    delineator,
    measure,
    measure_many,
    measure_median,
    measure_medians,
)
from ecghelpers.measurement.median_beat import detect, find_beats
from ecghelpers.measurement.targets import t_amplitude

INTERVALS = ("pr", "qrs", "qt")
AMPLITUDES = ("STJ_v5", "T_PeakAmpl_v5", "R_PeakAmpl_v5")
V5 = 6  # among the eight independent leads


def intervals(measured):
    return np.array([measured.targets[name] for name in INTERVALS])


@pytest.fixture(scope="module")
def plain():
    return ecg() + noise((8, 5000))


@pytest.mark.parametrize(
    "pr, qrs, qt, rr, t",
    [(160, 92, 400, 850, 1), (160, 92, 400, 850, -1), (120, 80, 360, 700, 1)]
    + [(200, 120, 440, 1100, 1), (140, 100, 330, 600, 1)],
)
def test_known_intervals_rate_and_amplitudes(pr, qrs, qt, rr, t):
    measured = measure(ecg(pr=pr, qrs=qrs, qt=qt, rr=rr, t=t) + noise((8, 5000)))
    targets = measured.targets
    assert targets["pr"] == pytest.approx(pr, abs=8)
    assert targets["qrs"] == pytest.approx(qrs, abs=15)  # edges of these waves are abrupt
    assert targets["qt"] == pytest.approx(qt, abs=10)
    assert targets["VentRate"] == pytest.approx(60000 / rr, abs=0.3)
    assert targets["R_PeakAmpl_v5"] == pytest.approx(R_UV[V5], rel=0.03)
    assert targets["T_PeakAmpl_v5"] == pytest.approx(t * T_UV[V5], rel=0.08)
    assert targets["STJ_v5"] == pytest.approx(0, abs=30)
    assert not measured.reasons


def test_the_median_beat_is_the_beat_with_its_fiducials_in_order(plain):
    measured, clean = measure(plain), measure(ecg())
    median, at = measured.median_uv, measured.fiducials
    assert median.shape == (12, 600) and median.dtype == np.float32
    np.testing.assert_allclose(median[6:], clean.median_uv[6:], atol=60)
    assert abs(median - clean.median_uv).mean() < 4
    einthoven = twelve_leads(median[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]])
    np.testing.assert_allclose(median, einthoven, atol=1e-3)
    assert list(measured.targets) == list(TARGETS) and set(at) == set(FIDUCIALS)
    order = ["ponset", "poffset", "qonset", "qoffset", "tonset", "toffset"]
    assert sorted(order, key=at.get) == order
    assert 201 <= at["qonset"] <= 231 < 249 <= at["qoffset"] <= 282
    assert (at["qonset"] - at["ponset"]) * 2 == pytest.approx(measured.targets["pr"])


def test_leads_and_number_types_make_no_difference_and_the_input_stays(plain):
    whole = np.rint(plain).astype(np.int16)
    before = whole.copy()
    expected = measure(whole.astype(float)).targets
    assert measure(whole).targets == measure(twelve_leads(whole)).targets == expected
    np.testing.assert_array_equal(whole, before)


@pytest.mark.parametrize(
    "rate_hz, seconds", [(240, 10), (360, 10), (1000, 10), (500, 5), (500, 60)]
)
def test_sampling_rates_and_lengths_agree(rate_hz, seconds):
    at_500, other = measure(ecg()), measure(ecg(rate_hz=rate_hz, seconds=seconds), rate_hz)
    np.testing.assert_allclose(intervals(other), intervals(at_500), atol=4)
    assert other.targets["VentRate"] == pytest.approx(at_500.targets["VentRate"], abs=0.2)
    for name in ("T_PeakAmpl_v5", "R_PeakAmpl_v5"):
        assert other.targets[name] == pytest.approx(at_500.targets[name], rel=0.03)


@pytest.mark.parametrize("lead", [0, 4, V5])
@pytest.mark.parametrize("kind", ["much noisier", "flat", "saturated"])
def test_a_bad_lead_does_no_harm_but_to_its_own_amplitudes(plain, lead, kind):
    bad = plain.copy()
    bad[lead] = {
        "much noisier": noise(5000, 1500, seed=lead),
        "flat": np.zeros(5000),
        "saturated": np.where(np.arange(5000) % 700 < 350, 5000, -5000) + noise(5000, 300),
    }[kind]
    measured = measure(bad)
    np.testing.assert_allclose(intervals(measured), intervals(measure(plain)), atol=8)
    assert measured.targets["VentRate"] == pytest.approx(60000 / 850, abs=0.5)
    for name in AMPLITUDES if lead == V5 and kind != "saturated" else ():
        assert np.isnan(measured.targets[name]) and f"V5 is {kind}" in measured.reasons[name]


def test_ectopic_beat_stays_out_of_the_median():
    onsets = [o for o in np.arange(300, 10000, 850) if o != 300 + 5 * 850]
    with_ectopic = measure(ecg(onsets, ectopics_ms=[300 + 4.6 * 850]) + noise((8, 5000)))
    without = measure(ecg() + noise((8, 5000)))
    np.testing.assert_allclose(intervals(with_ectopic), intervals(without), atol=2)
    assert with_ectopic.beats_rejected > without.beats_rejected
    assert abs(with_ectopic.median_uv - without.median_uv).mean() < 5
    assert with_ectopic.targets["VentRate"] == pytest.approx(60000 / 850, abs=0.5)


@pytest.mark.parametrize(("hz", "size"), [(60, 150), (49.8, 150), (0.1, 400), (0.5, 400)])
def test_mains_hum_and_baseline_wander_do_not_move_the_intervals(plain, hz, size):
    added = size * np.sin(2 * np.pi * hz * np.arange(5000) / 500 + np.arange(8)[:, None])
    measured = measure(plain + added)
    np.testing.assert_allclose(intervals(measured), intervals(measure(plain)), atol=8)
    assert measured.targets["R_PeakAmpl_v5"] == pytest.approx(R_UV[V5], rel=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_no_pr_in_atrial_fibrillation(seed):
    """Irregular beats without P waves, on fibrillation waves of about 6 Hz."""
    rng = np.random.default_rng(seed)
    onsets = 300 + np.cumsum(rng.uniform(450, 1050, 13))
    phase = np.cumsum(2 * np.pi * (6 + rng.normal(0, 1.5, 5000)) / 500)
    waves = 50 * np.sin(phase + np.linspace(0, 2, 8)[:, None])
    measured = measure(ecg(onsets, p=0.0, qt=360) + waves + noise((8, 5000)))
    for name in ("ponset", "poffset"):
        assert np.isnan(measured.fiducials[name])
    assert np.isnan(measured.targets["pr"]) and "P wave" in measured.reasons["pr"]
    assert np.isfinite(measured.targets["qrs"])


@pytest.mark.parametrize(
    ("shape", "wave", "missing", "whole"),
    [
        ({"p": 0}, "P wave", ("pr", "ponset", "poffset"), ("qrs", "qt")),
        ({"qrs": 320, "qt": 600, "rr": 1400, "pr": 200}, "limits 30 to 250", ("qrs",), ()),
        ({"t": 0}, "no T wave", ("qt", "T_PeakAmpl_v5", "toffset"), ("qrs", "pr")),
    ],
)
def test_nothing_is_measured_of_an_absent_or_implausible_wave(shape, wave, missing, whole):
    measured = measure(ecg(**shape) + noise((8, 5000)))
    values = measured.targets | measured.fiducials
    assert all(np.isnan(values[name]) and wave in measured.reasons[name] for name in missing)
    assert all(np.isfinite(values[name]) for name in whole)


def assert_nothing_is_measured(measured):
    assert np.isnan([*measured.targets.values(), *measured.fiducials.values()]).all()
    assert np.isnan(measured.median_uv).all() and measured.median_uv.shape == (12, 600)
    assert set(measured.reasons) >= set(TARGETS)


@pytest.mark.parametrize("onsets", [[], [2000], [1500, 3500]])
def test_too_few_beats(onsets):
    few = ecg(onsets, seconds=5) + noise((8, 2500), 1) if onsets else np.zeros((8, 2500))
    measured = measure(few)
    assert_nothing_is_measured(measured)
    assert set(measured.reasons) == {*TARGETS, *FIDUCIALS}
    assert "at least 3 needed" in measured.reasons["qt"]


def test_many_and_median_beats_measure_like_one(plain):
    ecgs = [plain, ecg(qt=430) + noise((8, 5000)), np.zeros((8, 5000)), plain[:, :2500]]
    found = list(map(measure, ecgs))
    for one, other in zip(measure_many(ecgs), found, strict=True):
        assert one.targets == pytest.approx(other.targets, abs=0.02, nan_ok=True)
        assert one.reasons == other.reasons
    medians = [other.median_uv for other in found[:2]]
    for one, other in zip(measure_medians(medians, [850, 850]), found, strict=False):
        alone, targets, fiducials, _ = measure_median(other.median_uv, 850)
        np.testing.assert_allclose(alone, other.median_uv, atol=1e-3)
        assert targets == pytest.approx(other.targets, abs=1)
        assert fiducials == pytest.approx(other.fiducials, abs=0.1)
        assert one[1] == pytest.approx(targets, abs=0.02)


@pytest.mark.parametrize(
    ("function", "array", "rate_or_rr", "message"),
    [
        (measure, np.zeros((3, 5000)), 500, "(3, 5000)"),
        (measure, np.zeros((8, 2499)), 500, "4.998 s"),
        (measure, np.zeros((8, 5000)), 200, "200 Hz"),
        (measure, np.full((8, 5000), np.nan), 500, "40000 samples"),
        (measure_median, np.zeros((8, 600)), 800, "(12, 600)"),
        (measure_median, np.full((12, 600), np.nan), 800, "7200 values"),
        (measure_median, np.zeros((12, 600)), 800, "flat"),
        (measure_median, np.eye(12, 600) * 100, np.nan, "200 to 3000 ms"),
    ],
)
def test_bad_input_is_named(function, array, rate_or_rr, message):
    with refused(message):
        function(array, rate_or_rr)


# Shape, true PR, true QRS; where P and T overlap, an interval may be missing, but not wrong.
DIFFICULT = {
    "complete bundle branch block": ({"qrs": 140, "slow": 70, "qt": 430}, 160, 140),
    "incomplete bundle branch block": ({"qrs": 112, "slow": 45}, 160, 112),
    "very long PR": ({"pr": 340, "rr": 1000}, 340, 92),
    "notched P": ({"pr": 180, "p_ms": 130, "notch": True}, 180, 92),
    "low voltage": ({"scale": 0.25}, 160, 92),
    "upside down": ({"scale": -1.0}, 160, 92),
    "small P": ({"p": 0.35}, 160, 92),
    "no PR segment": ({"pr": 110, "p_ms": 105}, 110, 92),
    "120 beats/min": ({"rr": 500, "qt": 300, "pr": 125}, 125, 92),
    "flat T": ({"t": 0.1}, 160, 92),
}
OVERLAP = {
    "150 beats/min": ({"rr": 400, "qt": 265, "pr": 110, "p_ms": 80}, 110, 92),
    "P in the top of T": ({"pr": 360, "rr": 620, "qt": 360}, 360, 92),
}


@pytest.mark.parametrize("name", [*DIFFICULT, *OVERLAP])
def test_difficult_beats_are_measured_or_left_out_with_a_reason(name):
    shape, pr, qrs = (DIFFICULT | OVERLAP)[name]
    measured = measure(ecg(**shape) + noise((8, 5000)))
    found = measured.targets
    assert found["qrs"] == pytest.approx(qrs, abs=18)
    missing = {target for target in ("pr", "qt") if np.isnan(found[target])}
    assert not missing or (name in OVERLAP and missing <= set(measured.reasons))
    if "pr" not in missing:
        assert found["pr"] == pytest.approx(pr, abs=12)
    if "qt" not in missing:
        assert found["qt"] == pytest.approx(shape.get("qt", 400), abs=25)


def test_t_amplitude_is_continuous_between_its_two_lobes():
    """As the second lobe grows, the peak moves from the first to the second without a jump."""
    first, second = np.zeros((2, 100))
    first[10:50], second[50:90] = np.hanning(40), -np.hanning(40)
    shares = np.linspace(0, 1, 101)
    found = [t_amplitude(300 * ((1 - s) * first + s * second)) for s in shares]
    assert found[0] == pytest.approx(300, abs=1) and found[-1] == pytest.approx(-300, abs=1)
    assert found[50] == pytest.approx(0, abs=1)
    assert np.abs(np.diff(found)).max() < 15
    assert t_amplitude(300 * first + 60 * second) == pytest.approx(300, rel=0.01)


def _beatless(kind, seed):
    """(8, 5000) µV without a heartbeat."""
    random = np.random.default_rng(seed)
    time_s, phase = np.arange(5000) / 500, random.uniform(0, 6, (8, 1))
    size = random.uniform(0.4, 1, (8, 1))
    quiet = random.normal(0, 6, (8, 5000))
    if kind == "wander":
        return 400 * size * np.sin(2 * np.pi * random.uniform(0.3, 0.7) * time_s + phase) + quiet
    if kind == "fibrillation":
        cycles = random.uniform(3.5, 7) * time_s + 0.3 * np.sin(2 * time_s)
        return 300 * size * np.sin(2 * np.pi * cycles + phase) + quiet
    if kind == "artefact":
        quiet[:, 2000:2060] += 3000 * size * np.hanning(60)
        return quiet
    return random.normal(0, 100, (8, 5000))


@pytest.mark.parametrize("kind", ["wander", "fibrillation", "artefact", "white noise"])
def test_without_a_heartbeat_nothing_is_measured(kind):
    for seed in range(5):
        assert_nothing_is_measured(measure(_beatless(kind, seed)))


QRS_PEAK_MS = 46
ONSETS = np.arange(300, 9900, 850)
STEPS = np.eye(8)[:, [4]] * np.where(np.arange(5000) % 500 < 250, 4000, -4000)


@pytest.mark.parametrize("rr", [350, 500, 850, 1400, 1900])
def test_every_beat_is_detected_at_its_place(rr):
    onsets = np.arange(300, 9900, rr)
    found = 2 * detect(ecg(onsets, qt=min(400, rr - 90), p=rr > 400) + noise((8, 5000)))
    assert len(found) == len(onsets)
    np.testing.assert_allclose(found, onsets + QRS_PEAK_MS, atol=30)


@pytest.mark.parametrize(
    "traces",
    [
        ecg(ONSETS, t=3.0),
        ecg(np.delete(ONSETS, 5)) + 0.35 * ecg(ONSETS[5:6]),
        ecg(ONSETS) + STEPS,
    ],
    ids=["tall T waves", "a small beat", "steps in one lead"],
)
def test_each_beat_is_counted_once(traces):
    assert len(detect(traces + noise((8, 5000)))) == len(ONSETS)
    assert len(detect(0 * traces)) == 0


def test_premature_beats_are_not_used():
    onsets = ONSETS - 250 * (np.arange(len(ONSETS)) == 5)
    early = (onsets[5] + QRS_PEAK_MS) / 2
    beats = find_beats(ecg(onsets) + noise((8, 5000)))
    whole = np.count_nonzero((beats.r >= 240) & (beats.r < 4640))
    assert np.abs(beats.r - early).min() <= 2
    assert whole - 2 <= beats.used <= whole - 1  # its forerunner's window holds it


TIME_MS = 2.0 * (np.arange(600) - 240)


def placed(**shape):
    """A simulated beat (12, 600) with R at sample 240, and the beats before and after it."""
    middle = shape.get("qrs", 92) / 2
    times = [TIME_MS + middle + k * 900 for k in (-1, 0, 1)]
    return twelve_leads(sum(beat(time, **shape) for time in times))


def edges(*beats):
    usable = np.ones((len(beats), 12), bool)
    return delineator.delineate(np.stack(beats), usable, np.full(len(beats), 900))[0]


def test_pooled_quantile_in_closed_form():
    """Half of a point's weight lies before its centre, and a lead is a quarter of the pool."""
    weights = np.eye(delineator.POINTS)[[100, 105, 110, 115]][None, :, None]  # a point per lead
    first = delineator.STEP * (100 + 0.5 - delineator.PAD) - 0.5
    for share, samples in ((0.125, 0), (0.375, 10), (0.25 + 0.125 / 2, 9.5), (0.875, 30)):
        found = delineator.pooled_quantile(weights, np.array([share]))
        assert found[0, 0] == pytest.approx(first + samples)


def test_edges_move_smoothly_as_the_waves_do():
    """By parts of a sample: no jumps."""
    steps = np.arange(0, 8, 0.5)
    end = edges(*(placed(qt=400 + ms) for ms in steps))[:, 5]
    onset = edges(*(placed(pr=160 + ms) for ms in steps))[:, 0]
    np.testing.assert_allclose(np.diff(end), 0.25, atol=0.2)
    np.testing.assert_allclose(np.diff(onset), -0.25, atol=0.2)


def test_level_of_a_lead_and_the_scale_change_nothing():
    plain = placed()
    lifted, larger, turned = plain + 500 * np.arange(12)[:, None], 5 * plain, -plain
    found = edges(plain, lifted, larger, turned)
    np.testing.assert_allclose(found[1], found[0], atol=1e-3)
    np.testing.assert_allclose(found[2], found[0], atol=1)  # 50 µV are added to the scale
    np.testing.assert_allclose(found[3], found[0], atol=3)


def test_edges_do_not_depend_on_the_batch_or_on_leads_left_out():
    one, other = placed(), placed(qrs=120, qt=430)
    together = edges(one, other)
    np.testing.assert_allclose(together, np.vstack([edges(one), edges(other)]), atol=1e-3)
    broken = one.copy()
    broken[7] = 3000 * np.random.default_rng(0).normal(size=600)
    usable = np.ones((2, 12), bool)
    usable[:, 7] = False
    pair, _ = delineator.delineate(np.stack((one, broken)), usable, np.full(2, 900))
    np.testing.assert_allclose(pair[0], pair[1], atol=1e-3)


def test_biphasic_t_ends_with_its_second_lobe():
    lobe = -0.4 * np.outer(T_UV, half_sine(TIME_MS + 46, 370, 450))
    plain, biphasic = edges(placed(t=0.6), placed(t=0.6) + twelve_leads(lobe))[:, 5]
    assert biphasic == pytest.approx(plain + 25, abs=12)
