"""The reading study's setup and results for a view are JSON, whatever is not known."""

import json

import pytest
import reading

from ecghelpers.ecg import TARGETS
from ecghelpers.study import for_views, reading_study

METHODS = ["saliency", "deeplift", "smoothgrad", "random"]
SCORES = dict(zip(METHODS, (2, 5, 3, 1), strict=True))
NETWORK = {"target": "qt", "model": 1, "records": ["a", "b"], "methods": METHODS, "maps": "1"}


@pytest.fixture
def study():
    return reading_study.Study([NETWORK], seed=3)


def test_results_of_two_raters(study, tmp_path):
    for reader in ("AB", "CD"):
        for item in reading.items(study, reader):
            study.keep(tmp_path, reading.row(study, reader, item, SCORES[item.method], ""))
    (tmp_path / "broken.csv").write_text("x\n")
    told = for_views.answers(study, tmp_path, {})
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert [row[0] for row in told["rows"]][:2] == ["DeepLIFT", "SmoothGrad"]
    assert told["rows"][0][1].startswith("5.00 (") and told["rows"][0][2] == "2"
    text = " ".join(told["sentences"])
    assert "16 ratings by 2 rater(s): AB, CD." in text and "α 1.00" in text
    assert "Left out: broken.csv: " in text


def test_one_rater_has_no_agreement_and_none_no_scores(study, tmp_path):
    assert for_views.answers(study, tmp_path, {})["rows"] == []
    study.keep(tmp_path, reading.row(study, "AB", reading.items(study, "AB")[0], 3, ""))
    told = for_views.answers(study, tmp_path, {})
    assert len(told["rows"]) == 1 and "α" not in " ".join(told["sentences"])


def test_the_setup_proposes_twenty_maps_of_one_target(study):
    told = for_views.setup([NETWORK | {"target": target} for target in ("pr", "qt")])
    assert told["targets"] == ["qt"] and told["records"] == 2
    assert told["questions"]["qt"] == "Does it mark where you would measure the QT interval?"
    of_all = for_views.setup([NETWORK | {"target": target} for target in TARGETS])
    assert len(set(of_all["questions"].values())) == len(TARGETS)
    assert for_views.setup([NETWORK | {"target": "pr"}])["targets"] == ["pr"]
