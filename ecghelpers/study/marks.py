"""Marks: hashes in a rating by which it is later matched with its map.

They depend on text alone, never on a random generator, so that the view and the analysis of the
ratings agree. ``views/assets/view/blinding.js`` has the same ``text_hash``; a test compares them.
"""


def text_hash(text: str) -> int:
    """A 32-bit number from a text: FNV-1a over UTF-8, then MurmurHash3's finalizer."""
    value = 0x811C9DC5
    for byte in text.encode("utf-8"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def study_id(seed: int, network: dict) -> str:
    """A short name for the rated maps of one network; it changes with seed, maps and methods.

    network: target, model, methods, and maps (a fingerprint of them).
    """
    parts = (seed, network["target"], network["model"], network["maps"], *network["methods"])
    return f"{text_hash('|'.join(map(str, parts))):08x}"


def mark(study: str, *place) -> str:
    """What a rating carries of the map it is about: a hash of study and place.

    place: target, model, record, letter and method. The analysis finds the method by trying all of
    them; a reader of the file cannot see it.
    """
    return f"{text_hash('|'.join(map(str, (study, *place)))):08x}"
