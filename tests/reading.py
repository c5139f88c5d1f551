"""The order of a reading study and its rows, as the view makes them: written again, to test it."""

from datetime import UTC, datetime
from typing import NamedTuple

from ecghelpers.study import reading_study
from ecghelpers.study.reading_study import mark, text_hash
from ecghelpers.views.content import POOL

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Item(NamedTuple):
    """One map to be rated; code is the letter that hides the method from this reader."""

    target: str
    model: int
    record: str
    code: str
    method: str


def shuffled(items, key):
    """The items in an order that key decides, whatever order they came in."""
    return sorted(items, key=lambda item: (text_hash(f"{key}|{item}"), item))


def letters(methods, seed, reader, *place):
    """Letter → method for one reader at one place (target, model, record): another at each."""
    key = "|".join(map(str, (seed, reader, *place)))
    return dict(zip(LETTERS, shuffled(methods, key), strict=False))


def items(study, reader, targets=None, records=None):
    """All maps in the order in which this reader, named by reader_name, sees them."""
    found = {}
    for network in study.networks:
        target, model = network["target"], network["model"]
        if target in (targets or [target]):
            pool = shuffled(network["records"][:POOL], f"{study.seed}|records")
            for record in pool[:records]:
                codes = letters(network["methods"], study.seed, reader, target, model, record)
                for code, method in codes.items():
                    key = "|".join((target, str(model), record, method))
                    found[key] = Item(target, model, record, code, method)
    return [found[key] for key in shuffled(list(found), f"{study.seed}|{reader}|study")]


def row(study, reader, item, score, text="", beside="", settings=""):
    """One rating as a row of a reader's file."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    name = study.names[item.target, item.model]
    *key, _ = item
    values = (reader, now, "1", name, *key, beside, score, text, mark(name, *item), settings)
    return dict(zip(reading_study.COLUMNS, values, strict=True))
