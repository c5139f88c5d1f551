"""Gaps between the two orders: right for a model that is known, and silent where nothing is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_networks import Linear

from ecghelpers.data.maps_and_curves import Perturbation
from ecghelpers.data.medians import Medians
from ecghelpers.ecg import FIDUCIALS, TARGETS
from ecghelpers.judging import aopc, gaps, perturbation_curves
from ecghelpers.perturbation import OPERATORS, ORDERS

RNG = np.random.default_rng(2)
RECORDS = 14
# A few spots in a few leads decide; the rest does nothing.
WEIGHTS = np.zeros((12, 600))
WEIGHTS[1, 200:260], WEIGHTS[8, 380:430] = RNG.normal(size=60), RNG.normal(size=50)
METHODS = {"right": 1.0, "shifted in time": 0.0, "inverted": -1.0}


def medians():
    smooth = np.cumsum(RNG.normal(0, 15, (RECORDS, 12, 600)), axis=-1)
    tables = np.ones((RECORDS, len(TARGETS))), np.ones((RECORDS, len(FIDUCIALS)))
    ids = np.array([f"r{number}" for number in range(RECORDS)])
    return Medians(ids, np.array(["test"] * RECORDS), smooth.astype(np.int16), *tables, {})


def drawn(model, beats_uv, method, record_id, **_):
    """Maps of a linear model: its weights, the same at another time, and their inverse."""
    weights = np.broadcast_to(WEIGHTS, beats_uv.shape)
    noise = 1e-3 * np.random.default_rng(1).random(beats_uv.shape)
    if method == "random":
        draws = [np.random.default_rng(abs(hash(i)) % 2**32).random((12, 600)) for i in record_id]
        return np.stack(draws)
    if method == "right":
        return np.abs(weights) + noise
    if method == "inverted":
        return np.abs(weights).max() - np.abs(weights) + noise
    return np.roll(np.abs(weights), 120, axis=-1) + noise


@pytest.fixture(scope="module")
def perturbed(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(perturbation_curves, "attribute", drawn)
    path = tmp_path_factory.mktemp("curves") / "perturbation.h5"
    donors = np.cumsum(RNG.normal(0, 15, (20, 12, 600)), axis=-1).astype(np.int16)
    experiment = perturbation_curves.Experiment(steps=40, seed=3, donors=donors)
    methods = [*METHODS, "random"]
    result = perturbation_curves.perturb(
        Linear(WEIGHTS), medians(), "qt", path, experiment, methods=methods
    )
    patch.undo()
    return result


def test_every_method_operator_and_order_has_its_curves(perturbed):
    for method in METHODS:
        for operator in OPERATORS:
            for order in ORDERS:
                assert perturbed.curves[method, operator, order, "prediction"].shape == (14, 41)
                for floor in perturbation_curves.FLOORS:
                    shape = (14, len(perturbed.floor_points))
                    assert perturbed.curves[method, operator, order, floor].shape == shape
    assert perturbed.floor.shape == (perturbation_curves.ORIGINAL_DRAWS, 14, 41)
    assert perturbed.floor_points[0] == 1 and perturbed.floor_points[-1] == 7200


def test_the_ends_of_curves_are_predicted_once_and_every_column_is_as_it_would_be_alone():
    records, model = medians().subset(slice(0, 3)), Linear(WEIGHTS)
    experiment = perturbation_curves.Experiment(steps=28, seed=3, donors=records.medians)
    block = perturbation_curves._Block(model, records, experiment)
    maps = RNG.random(records.medians.shape)
    for operator in OPERATORS:
        for order in ORDERS:
            curve = block.curve(maps, operator, order, experiment.points)
            plain = experiment.curve(model, records, maps, operator, order, experiment.points)
            np.testing.assert_allclose(curve, plain, rtol=1e-5)


def test_the_map_of_a_partner_is_its_own_wherever_it_is_drawn():
    def numbered(beats, record_id):
        return np.array([np.full((12, 600), float(i[1:])) for i in record_id])

    rows, partners = np.array([2, 3, 4]), np.array([4, 9, -1])
    own = numbered(None, ["r2", "r3", "r4"])
    maps = perturbation_curves._of_others(medians(), rows, partners, own, numbered)
    assert list(maps[:, 0, 0]) == [4, 9, 4]  # without a partner its own stands there


def test_a_linear_model_comes_out_right_in_both_orders(perturbed):
    """The true weights beat every floor that they can; wrong maps fail the test made for them."""
    table = gaps.gap_table(perturbed, "qt", sd=10.0)
    answers = table.set_index(["method", "floor", "operator"]).verdict
    assert (answers["right"]["random"] == "yes").all()
    assert answers["right", "shifted", "all"] == "yes"
    assert answers["inverted", "random", "all"] == "no"
    assert answers["shifted in time", "shifted", "all"] != "yes"
    # the map of this model is the same for every ECG, so another one's says as much
    assert answers["right", "other_record", "all"] == "unclear"
    summary = gaps.faithfulness(table).set_index("method")
    assert summary.loc["right", "verdict"] == "faithful"
    assert summary.loc["inverted", "verdict"] == "worse than the floor"
    sentence = gaps.faithfulness_sentence(summary.reset_index(), "QT interval", str)
    assert "beats random under most operators: right" in sentence
    published = aopc.published_table(perturbed, "qt", 10.0)
    said = gaps.verdict_table(table, summary.reset_index(), published)
    assert len(said) == len(OPERATORS) + 2 and list(said.columns) == list(METHODS)
    assert said.loc["over operators", "right"] == "faithful"
    assert said.iloc[-1]["right"] == published.set_index("method").beats_random["right"]


def test_another_records_map_fails_the_test_made_for_it(tmp_path, monkeypatch):
    """A sum of voltages, of beats with a bump each at a time of its own: only the own map fits."""
    beats = np.zeros((RECORDS, 12, 600), np.int16)
    for record, beat in enumerate(beats):
        beat[record % 12, 40 * record : 40 * record + 30] = 500
    data = replace(medians(), medians=beats)
    place = {name: number for number, name in enumerate(data.record_id)}
    noise = np.random.default_rng(4).random(beats.shape)

    def drawn(model, beats_uv, method, record_id, progress=False, **settings):
        rows = np.array([place[i.split()[0]] for i in record_id])
        if method == "random":
            seeds = [(row, "draw" in record_id[0], int(record_id[0][-1])) for row in rows]
            return np.stack([np.random.default_rng(seed).random((12, 600)) for seed in seeds])
        return np.abs(beats[rows if method == "own" else (rows + 5) % RECORDS]) + noise[rows]

    monkeypatch.setattr(perturbation_curves, "attribute", drawn)
    experiment = perturbation_curves.Experiment(steps=30, seed=3, donors=np.zeros_like(beats[:2]))
    found = perturbation_curves.perturb(
        Linear(np.ones((12, 600))),
        data,
        "qt",
        tmp_path / "curves.h5",
        experiment,
        methods=["own", "another's", "random"],
    )
    summary = gaps.faithfulness(gaps.gap_table(found, "qt", sd=100.0)).set_index("method")
    assert summary.loc["own", "better_than_other_record"] == "yes"
    assert "zero" in summary.loc["own", "operators_yes"]
    assert summary.loc["another's", "better_than_other_record"] != "yes"
    assert summary.loc["another's", "verdict"] != "faithful"


def test_the_area_counts_every_doubling_alike():
    points = np.array([1, 2, 4, 8])
    assert gaps.area_over_log(np.array([0.0, 1, 2, 3]), points) == pytest.approx(1.5)
    finer = np.array([1, 2, 3, 4, 8])
    straight = np.log2(finer)
    assert gaps.area_over_log(straight, finer) == pytest.approx(1.5)
    assert gaps.area_over_log(np.array([[5.0]]), points[:1]) == 5


def test_without_another_patient_that_floor_is_unknown(perturbed):
    curves = {
        key: np.full_like(curve, np.nan) if key[-1] == "other_record" else curve
        for key, curve in perturbed.curves.items()
    }
    alone = Perturbation(**{**vars(perturbed), "curves": curves})
    summary = gaps.faithfulness(gaps.gap_table(alone, "qt", sd=10.0))
    assert (summary.better_than_other_record == "unclear").all()


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [
        (5, 0, "faithful"),
        (3, 0, "faithful"),
        (2, 0, "depends on the operator"),
        (4, 1, "depends on the operator"),
        (0, 0, "unclear"),
        (0, 3, "worse than the floor"),
    ],
)
def test_what_operators_say_together(better, worse, verdict):
    answers = ["yes"] * better + ["no"] * worse + ["unclear"] * (5 - better - worse)
    rows = [
        {"method": "m", "target": "qt", "floor": "random", "operator": operator, "verdict": answer}
        for operator, answer in zip(OPERATORS, answers, strict=True)
    ]
    rows += [
        {"method": "m", "target": "qt", "floor": floor, "operator": "all", "verdict": "unclear"}
        for floor in gaps.FLOOR_KINDS
    ]
    table = pd.DataFrame(rows).assign(gain=0.1, gain_low=0.0, gain_high=0.2, p=0.5)
    found = gaps.faithfulness(table)
    assert found.verdict[0] == verdict
    if verdict == "depends on the operator":
        sentence = gaps.faithfulness_sentence(found, "QT", str)
        assert "better with noise added, set to zero" in sentence
