"""What a view is told of a reading study is JSON, whatever is not known."""

import json

import pandas as pd
import pytest
import reading

from ecghelpers.evaluation import review
from ecghelpers.study import for_views, reading_study

METHODS = ["saliency", "deeplift", "smoothgrad", "random"]
SCORES = dict(zip(METHODS, (2, 5, 3, 1), strict=True))
NETWORK = {"target": "qt", "model": 1, "records": ["a", "b"], "methods": METHODS, "maps": "1"}
ROWS = [review.row("all", m, "change", v, v, v, 0.0, "") for m, v in SCORES.items()]
REVIEW = pd.DataFrame(ROWS, columns=review.COLUMNS)


@pytest.fixture
def study():
    return reading_study.Study([NETWORK], seed=3)


def test_results_of_two_readers(study, tmp_path):
    for reader in ("AB", "CD"):
        for item in reading.items(study, reader):
            study.keep(tmp_path, reading.row(study, reader, item, SCORES[item.method], ""))
    (tmp_path / "broken.csv").write_text("x\n")
    told = for_views.answers(study, tmp_path, REVIEW, {})
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["readers"] == ["AB", "CD"] and told["ratings"] == 16
    assert [row["method"] for row in told["scores"]][:2] == ["deeplift", "smoothgrad"]
    assert told["scores"][0]["score"] == 5 and told["scores"][0]["records"] == 2
    assert told["agreement"]["alpha"] == pytest.approx(1) and told["agreement"]["maps"] == 8
    assert told["ranks"]["deeplift"] == {"readers": 1.0, "change": 1.0}
    assert told["rho"] == {"change": pytest.approx(1)}
    [left_out] = told["left_out"]
    assert left_out.startswith("broken.csv: ") and "columns" in left_out


def test_what_is_not_known_is_none(study, tmp_path):
    nothing = for_views.answers(study, tmp_path, None, {})
    assert nothing["ratings"] == 0 and nothing["scores"] == [] and nothing["ranks"] == {}
    assert nothing["agreement"]["alpha"] is None
    study.keep(tmp_path, reading.row(study, "AB", reading.items(study, "AB")[0], 3, ""))
    one = json.loads(json.dumps(for_views.answers(study, tmp_path, REVIEW, {}), allow_nan=False))
    assert one["scores"][0]["low"] is None and one["scores"][0]["records"] == 1


def test_the_setup_proposes_and_asks(study):
    told = for_views.setup(study.networks, REVIEW, {"a": "a", "b": "patient 7"})
    assert json.loads(json.dumps(told, allow_nan=False))["scale"] == {
        "1": "not at all",
        "5": "exactly there",
    }
    assert told["targets"] == ["qt"] and told["records"] == 2
    assert told["questions"]["qt"] == "Does it mark where you would measure the QT interval?"
    assert told["patients"] == {"b": "patient 7"}
    assert told["quantiles"][:2] == [None, None] and told["quantiles"][2] == pytest.approx(12.7062)
    values = {m: SCORES[m] for m in METHODS[:3]}
    assert told["tests"] == [["change", review.TESTS["change"].label, values]]
    assert for_views.setup(study.networks, None, {})["tests"] == []
