"""The setup of the reading study that a view gets."""

from ecghelpers.ecg import TARGETS
from ecghelpers.study import for_views

NETWORK = {"target": "qt", "model": 1, "records": ["a", "b"], "methods": ["saliency"], "maps": "1"}


def test_the_setup_proposes_two_records_of_one_target():
    told = for_views.setup([NETWORK | {"target": target} for target in ("pr", "qt")])
    assert told["targets"] == ["qt"] and told["records"] == 2
    assert told["questions"]["qt"] == "Does it mark where you would measure the QT interval?"
    of_all = for_views.setup([NETWORK | {"target": target} for target in TARGETS])
    assert len(set(of_all["questions"].values())) == len(TARGETS)
    assert for_views.setup([NETWORK | {"target": "pr"}])["targets"] == ["pr"]
