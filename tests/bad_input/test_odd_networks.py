"""Networks that come along, with cards and weights that do not belong together."""

import hashlib
import json

import pytest

from ecghelpers import shipped
from ecghelpers.model import StevenNet

CARD = {"target": "qt", "model": 1, "mean": 400.0, "sd": 20.0}
JUNK = hashlib.sha256(b"junk").hexdigest()


@pytest.fixture
def network(tmp_path, monkeypatch):
    """The weights of a whole network beside its card."""
    monkeypatch.setattr(shipped, "folder", lambda: tmp_path)
    shipped.write_network(StevenNet(), CARD, tmp_path)
    shipped.load_network("qt", 1, "cpu")
    return tmp_path / "qt" / "model1.safetensors"


def refusal(target="qt", model=1) -> str:
    with pytest.raises(ValueError) as refused:
        shipped.load_network(target, model, "cpu")
    assert str(refused.value).isprintable()
    return str(refused.value)


def test_weights_that_are_not_the_cards(network):
    whole = network.read_bytes()
    for content in (whole[:-5], whole[:2000] + b"x" + whole[2001:], b""):
        network.write_bytes(content)
        assert "is damaged or not the network that model1.json describes" in refusal()
    network.unlink()
    assert "is missing, though model1.json is there" in refusal()


def test_cards_that_are_none(network):
    card = network.with_suffix(".json")
    text = card.read_text()
    without = [{k: v for k, v in json.loads(text).items() if k != name} for name in CARD]
    wrong = [json.loads(text) | change for change in
             ({"mean": "x"}, {"sd": 0}, {"sd": None}, {"target": "pr"}, {"model": 2})]  # fmt: skip
    for content in ("", "{", "[]", "3", "null", *map(json.dumps, without), *map(json.dumps, wrong)):
        card.write_text(content)
        assert "model1" in refusal() and "take both from one version" in refusal()
    card.write_bytes(b"\xff\xfe")
    assert "is not the card of a network" in refusal()
    network.write_bytes(b"junk")
    card.write_text(json.dumps(json.loads(text) | {"sha256": JUNK}))
    assert "is no network" in refusal()


def test_networks_that_there_are_not(network):
    assert "unknown target 'qtc'; choose one of" in refusal("qtc")
    for target, model in (("qt", 2), ("qt", 0), ("pr", 1)):
        assert "does not come with the project" in refusal(target, model)
