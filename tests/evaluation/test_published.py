"""Errors, curves, intervals and verdicts, against figures worked out by hand."""

import numpy as np
import pytest
from small_networks import beats, medians_of, steven_net

from ecghelpers.ecg import BEAT_SHAPE
from ecghelpers.evaluation import performance, published
from ecghelpers.evaluation.performance import model_errors
from ecghelpers.evaluation.published import aopc, area, perturbation_table
from ecghelpers.evaluation.statistics import mean_interval
from ecghelpers.evaluation.waves import wave_mass

RNG = np.random.default_rng(2)


def test_model_errors_by_hand():
    found = model_errors(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 8]))
    assert found["n"] == 4 and found["mae"] == 1 and found["rmse"] == 2
    assert found["r2"] == pytest.approx(1 - 16 / 5)
    with pytest.raises(ValueError, match="no records"):
        model_errors(np.array([]), np.array([]))
    with pytest.raises(ValueError, match="prediction holds NaN or infinity"):
        model_errors(np.ones(4), np.full(4, np.nan))


@pytest.mark.parametrize("place", ["truth", "saliency"])
def test_nan_gives_no_verdict_but_an_error(place):
    truth, curve = np.zeros(8), np.ones((8, 4))
    {"truth": truth, "saliency": curve}[place].flat[5] = np.nan
    with pytest.raises(ValueError, match=f"{place} holds NaN or infinity"):
        perturbation_table(truth, {"saliency": curve, "random": np.ones((8, 4))}, "qt", 1.0)


def test_area_and_aopc_by_hand():
    assert area(np.array([0.0, 2.0, 4.0]), 2) == 2
    assert area(np.array([[5.0] * 11]), 10)[0] == 5
    assert aopc(np.array([[10.0, 12, 7]]))[0] == pytest.approx(2.5)


def test_the_interval_covers_the_mean_about_as_often_as_it_says():
    _, low, high = mean_interval(RNG.normal(3, 1, (8, 400)))
    assert 370 <= ((low <= 3) & (high >= 3)).sum() <= 392


def curves(rise: float, n: int = 60, steps: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and predictions whose error grows by `rise` a step, on top of a shared spread."""
    spread = np.random.default_rng(0).normal(0, 5, (n, 1))
    return np.zeros(n), np.abs(spread) + rise * np.arange(steps + 1)[None]


def test_an_interval_over_patients_is_wider_than_one_over_their_records():
    values = np.repeat(RNG.normal(0, 1, 10), 8)
    records = mean_interval(values)
    patients = mean_interval(values, np.repeat(np.arange(10), 8))
    assert patients[2] - patients[1] > 1.5 * (records[2] - records[1])


def test_two_records_give_no_verdict_and_one_has_no_sd():
    values, splits = np.arange(3.0)[:, None], ["train", "train", "test"]
    records = medians_of(np.zeros((3, *BEAT_SHAPE)), split=splits, targets=values)
    alone = performance.test_sd(records)
    assert np.isnan(list(alone.values())).all()
    for records, sd in ((2, 1.0), (1, alone["qt"])):
        truth, level = curves(1.0, n=records)
        given = {"saliency": curves(9.0, n=records)[1], "random": level}
        row = perturbation_table(truth, given, "qt", sd).set_index("method").loc["saliency"]
        assert row.beats_random == "unclear" and np.isnan(row.aopc_sd) == (records == 1)


def test_the_verdict_is_paired_against_random():
    truth, level = curves(1.0)
    noisy = level + np.random.default_rng(1).normal(0, 0.5, level.shape)
    found = perturbation_table(
        truth,
        {"saliency": curves(1.2)[1], "deeplift": curves(0.9)[1], "smoothgrad": noisy}
        | {"random": level},
        "qt",
        sd=10,
    ).set_index("method")
    assert list(found.loc[["saliency", "deeplift", "random"], "beats_random"]) == ["yes", "no", ""]
    assert found.loc["smoothgrad", "beats_random"] == "unclear"
    assert found.loc["saliency", "gain"] == pytest.approx(0.2 * 15)
    assert found.loc["saliency", "aopc"] == pytest.approx(1.2 * 15.5)
    assert found.loc["saliency", "aopc_sd"] == pytest.approx(1.2 * 15.5 / 10)
    rise = 1.2 * np.arange(5 + 1).mean()
    assert found.loc["saliency", "auc5"] == pytest.approx(level[:, 0].mean() + rise)
    assert {f"auc{k}_low" for k in (5, 10, 15, 25)} <= set(found)


def test_wave_mass_by_hand():
    maps = np.zeros((2, 12, 600))
    maps[:, 0, 110], maps[:, 5, 230], maps[:, 7, 400], maps[:, 8, 10] = 1, -2, 4, 1
    fiducials = np.array([[100, 149, 210, 259, 350, 449], [np.nan, np.nan, 210, 259, 350, 449]])
    found = wave_mass(maps, fiducials)
    np.testing.assert_allclose(
        found.loc[0, ["P", "QRS", "T", "elsewhere"]], [1 / 8, 2 / 8, 4 / 8, 1 / 8]
    )
    np.testing.assert_allclose(found.loc[0, ["time_P", "time_T"]], [50 / 600, 100 / 600])
    assert np.isnan(found.loc[1, "P"]) and found.loc[1, "QRS"] == 2 / 8
    nothing = wave_mass(0 * maps, fiducials)
    assert nothing[["P", "QRS", "T", "elsewhere"]].isna().all(None)


def test_neighbouring_beats_have_a_share_of_their_own():
    maps = np.zeros((1, 12, 600))
    maps[:, 0, [50, 90, 110, 230, 500]] = 1  # T before, between, P, QRS, next P at 60 beats/min
    fiducials = np.array([[100, 149, 210, 259, 350, 449.0]])
    slow = wave_mass(maps, fiducials, np.array([60.0])).loc[0]
    assert slow["neighbouring beats"] == 0 and slow["elsewhere"] == pytest.approx(3 / 5)
    fast = wave_mass(maps, fiducials, np.array([75.0])).loc[0]  # 400 samples: T ends 49, P at 500
    assert fast["neighbouring beats"] == 0
    faster = wave_mass(maps, fiducials, np.array([76.0])).loc[0]
    assert faster["neighbouring beats"] == pytest.approx(2 / 5)
    assert faster["elsewhere"] == pytest.approx(1 / 5)
    total = faster[["P", "QRS", "T", "neighbouring beats", "elsewhere"]].sum()
    assert total == pytest.approx(1)


def test_curves_are_resumed_only_for_the_same_beats(tmp_path, monkeypatch):
    computed, compute = [], published.perturbation_curve

    def counted(*given, **options):
        computed.append(given)
        return compute(*given, **options)

    def perturbed(medians):
        maps = {"random": np.random.default_rng(0).normal(size=medians.shape)}
        given = (medians_of(medians, targets=1), "qt", maps, tmp_path / "perturbation.h5")
        curves = published.perturb(steven_net(), *given, published.Procedure(steps=2))
        return curves.prediction["random"]

    monkeypatch.setattr(published, "perturbation_curve", counted)
    two = beats(2, seed=3, dtype=np.int16)
    np.testing.assert_array_equal(first := perturbed(two), perturbed(two))
    assert len(computed) == 1
    assert (perturbed(two[::-1].copy()) != first).any() and len(computed) == 2
