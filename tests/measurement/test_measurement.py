"""Measurement: known fiducials, invariances, bad leads, bad beats, bad input."""

import numpy as np
import pytest
from simulated_ecg import R_UV, T_UV, ecg, noise

from ecghelpers.ecg import FIDUCIALS, INDEPENDENT_LEADS, LEADS, TARGETS, twelve_leads
from ecghelpers.measurement import measure, measure_many, measure_median, measure_medians
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
    ("pr", "qrs", "qt", "rr"),
    [(160, 92, 400, 850), (120, 80, 360, 700), (200, 120, 440, 1100), (140, 100, 330, 600)],
)
def test_known_intervals_and_rate(pr, qrs, qt, rr):
    measured = measure(ecg(pr=pr, qrs=qrs, qt=qt, rr=rr) + noise((8, 5000)))
    assert measured.targets["pr"] == pytest.approx(pr, abs=8)
    assert measured.targets["qrs"] == pytest.approx(qrs, abs=15)  # edges of these waves are abrupt
    assert measured.targets["qt"] == pytest.approx(qt, abs=10)
    assert measured.targets["VentRate"] == pytest.approx(60000 / rr, abs=0.3)
    assert not measured.reasons


@pytest.mark.parametrize("t", [1, -1])
def test_known_amplitudes(t):
    targets = measure(ecg(t=t) + noise((8, 5000))).targets
    assert targets["R_PeakAmpl_v5"] == pytest.approx(R_UV[V5], rel=0.03)
    assert targets["T_PeakAmpl_v5"] == pytest.approx(t * T_UV[V5], rel=0.05)
    assert targets["STJ_v5"] == pytest.approx(0, abs=30)


def test_median_beat_is_the_beat(plain):
    measured = measure(plain)
    clean = measure(ecg())
    assert measured.median_uv.shape == (12, 600) and measured.median_uv.dtype == np.float32
    np.testing.assert_allclose(measured.median_uv[6:], clean.median_uv[6:], atol=60)
    assert abs(measured.median_uv - clean.median_uv).mean() < 4
    assert list(measured.targets) == list(TARGETS) and set(measured.fiducials) == set(FIDUCIALS)


def test_fiducials_are_in_order_and_around_sample_240(plain):
    at = measure(plain).fiducials
    order = ["ponset", "poffset", "qonset", "qoffset", "tonset", "toffset"]
    assert sorted(order, key=at.get) == order
    assert 201 <= at["qonset"] <= 231 < 249 <= at["qoffset"] <= 282
    assert (at["qonset"] - at["ponset"]) * 2 == pytest.approx(measure(plain).targets["pr"])


def test_limb_leads_follow_einthoven(plain):
    median = measure(plain).median_uv
    derived = twelve_leads(median[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]])
    np.testing.assert_allclose(median, derived, atol=1e-3)


def test_leads_and_number_types_make_no_difference_and_the_input_stays(plain):
    whole = np.rint(plain).astype(np.int16)
    before = whole.copy()
    expected = measure(whole.astype(float)).targets
    assert measure(whole).targets == measure(twelve_leads(whole)).targets == expected
    np.testing.assert_array_equal(whole, before)


@pytest.mark.parametrize("scale", [0.4, 3.0, -1.0])
def test_scale_and_polarity_keep_intervals_and_scale_amplitudes(plain, scale):
    base, scaled = measure(plain), measure(plain * scale)
    np.testing.assert_allclose(intervals(scaled), intervals(base), atol=2)
    np.testing.assert_allclose(scaled.median_uv, scale * base.median_uv, atol=3)
    if scale > 0:
        for name in AMPLITUDES:
            assert scaled.targets[name] == pytest.approx(scale * base.targets[name], abs=3)


@pytest.mark.parametrize("rate_hz", [250, 360, 1000])
def test_sampling_rates_agree(rate_hz):
    at_500, other = measure(ecg()), measure(ecg(rate_hz=rate_hz), rate_hz)
    np.testing.assert_allclose(intervals(other), intervals(at_500), atol=4)
    assert other.targets["VentRate"] == pytest.approx(at_500.targets["VentRate"], abs=0.2)
    for name in ("T_PeakAmpl_v5", "R_PeakAmpl_v5"):
        assert other.targets[name] == pytest.approx(at_500.targets[name], rel=0.03)


@pytest.mark.parametrize("seconds", [5, 60])
def test_shortest_and_longest_record(seconds):
    measured = measure(ecg(seconds=seconds) + noise((8, seconds * 500)))
    np.testing.assert_allclose(intervals(measured), [160, 92, 400], atol=14)


@pytest.mark.parametrize("lead", [0, 4, V5])
@pytest.mark.parametrize("kind", ["noise", "flat", "saturated"])
def test_one_bad_lead_does_no_harm(plain, lead, kind):
    bad = plain.copy()
    bad[lead] = {
        "noise": noise(5000, 1500, seed=lead),
        "flat": np.zeros(5000),
        "saturated": np.where(np.arange(5000) % 700 < 350, 5000, -5000) + noise(5000, 300),
    }[kind]
    measured = measure(bad)
    np.testing.assert_allclose(intervals(measured), intervals(measure(plain)), atol=8)
    assert measured.targets["VentRate"] == pytest.approx(60000 / 850, abs=0.5)


@pytest.mark.parametrize("kind", ["flat", "much noisier"])
def test_amplitudes_are_withheld_where_v5_is_bad(plain, kind):
    bad = plain.copy()
    bad[V5] = 0 if kind == "flat" else noise(5000, 1500)
    measured = measure(bad)
    for name in AMPLITUDES:
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


def fibrillation(seed):
    """Irregular beats without P waves, on fibrillation waves of about 6 Hz."""
    rng = np.random.default_rng(seed)
    onsets = 300 + np.cumsum(rng.uniform(450, 1050, 13))
    phase = np.cumsum(2 * np.pi * (6 + rng.normal(0, 1.5, 5000)) / 500)
    waves = 50 * np.sin(phase + np.linspace(0, 2, 8)[:, None])
    return ecg(onsets, p=0.0, qt=360) + waves + noise((8, 5000))


@pytest.mark.parametrize("seed", range(4))
def test_no_pr_in_atrial_fibrillation(seed):
    measured = measure(fibrillation(seed))
    for name in ("ponset", "poffset"):
        assert np.isnan(measured.fiducials[name])
    assert np.isnan(measured.targets["pr"]) and "P wave" in measured.reasons["pr"]
    assert np.isfinite(measured.targets["qrs"])


@pytest.mark.parametrize(
    ("shape", "wave", "missing", "whole"),
    [
        ({"p": 0}, "P wave", ("pr", "ponset", "poffset"), ("qrs", "qt")),
        ({"t": 0}, "no T wave", ("qt", "T_PeakAmpl_v5", "toffset"), ("qrs", "pr")),
    ],
)
def test_nothing_is_measured_of_a_wave_that_is_not_there(shape, wave, missing, whole):
    measured = measure(ecg(**shape) + noise((8, 5000)))
    values = measured.targets | measured.fiducials
    assert all(np.isnan(values[name]) and wave in measured.reasons[name] for name in missing)
    assert all(np.isfinite(values[name]) for name in whole)


@pytest.mark.parametrize("onsets", [[], [2000], [1500, 3500]])
def test_too_few_beats(onsets):
    measured = measure(
        ecg(onsets, seconds=5) + noise((8, 2500), 1) if onsets else np.zeros((8, 2500))
    )
    assert np.isnan(list(measured.targets.values())).all()
    assert np.isnan(list(measured.fiducials.values())).all()
    assert np.isnan(measured.median_uv).all() and measured.median_uv.shape == (12, 600)
    assert set(measured.reasons) == {*TARGETS, *FIDUCIALS}
    assert "at least 3 needed" in measured.reasons["qt"]


def test_median_measured_alone_agrees(plain):
    measured = measure(plain)
    median, targets, fiducials, _ = measure_median(measured.median_uv, 850)
    for name in TARGETS:
        assert targets[name] == pytest.approx(measured.targets[name], abs=1)
    assert fiducials == pytest.approx(measured.fiducials, abs=0.1)
    np.testing.assert_allclose(median, measured.median_uv, atol=1e-3)


def test_many_measure_like_one(plain):
    ecgs = [plain, np.zeros((8, 5000)), ecg(qt=430) + noise((8, 5000)), plain[:, :2500]]
    for one, other in zip(measure_many(ecgs), map(measure, ecgs), strict=True):
        assert one.targets == pytest.approx(other.targets, abs=0.02, nan_ok=True)
        assert one.reasons == other.reasons
    medians = [measure(plain).median_uv, measure(ecgs[2]).median_uv]
    alone = [measure_median(median, 850) for median in medians]
    for one, other in zip(measure_medians(medians, [850, 850]), alone, strict=True):
        assert one[1] == pytest.approx(other[1], abs=0.02)


@pytest.mark.parametrize(
    ("function", "array", "rate_or_rr", "message"),
    [
        (measure, np.zeros((3, 5000)), 500, r"\(3, 5000\); allowed: \(8, time\) or \(12, time\)"),
        (measure, np.zeros((8, 2499)), 500, "4.998 s .* 5 to 60 s"),
        (measure, np.zeros((8, 5000)), 200, "200 Hz; .* 250 to 1000 Hz"),
        (measure, np.full((8, 5000), np.nan), 500, "40000 samples"),
        (measure_median, np.zeros((8, 600)), 800, r"\(12, 600\)"),
        (measure_median, np.full((12, 600), np.nan), 800, "7200 values"),
        (measure_median, np.zeros((12, 600)), 800, "flat"),
        (measure_median, np.eye(12, 600) * 100, np.nan, "200 to 3000 ms"),
    ],
)
def test_bad_input_is_named(function, array, rate_or_rr, message):
    with pytest.raises(ValueError, match=message):
        function(array, rate_or_rr)


# Shape, true PR, true QRS; where P and T overlap, an interval may be missing, but not wrong.
DIFFICULT = {
    "complete bundle branch block": ({"qrs": 140, "slow": 70, "qt": 430}, 160, 140),
    "incomplete bundle branch block": ({"qrs": 112, "slow": 45}, 160, 112),
    "very long PR": ({"pr": 340, "rr": 1000}, 340, 92),
    "notched P": ({"pr": 180, "p_ms": 130, "notch": True}, 180, 92),
    "low voltage": ({"scale": 0.25}, 160, 92),
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
        measured = measure(_beatless(kind, seed))
        assert np.isnan(list(measured.targets.values())).all(), (seed, measured.targets)
        assert np.isnan(measured.median_uv).all()
        assert set(measured.reasons) >= set(TARGETS)


def test_implausible_values_are_missing():
    wide = measure(ecg(qrs=320, qt=600, rr=1400, pr=200))
    assert np.isnan(wide.targets["qrs"]) and "limits 30 to 250" in wide.reasons["qrs"]
