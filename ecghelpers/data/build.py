"""From a source of records to ``medians.h5``, block by block, so that a killed run can resume."""

import hmac
import json
import secrets
from collections import Counter
from dataclasses import fields, replace
from itertools import compress
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from ..data import sources
from ..files import ResumeCache, write_table
from ..measurement import LABELS_VERSION
from ..paths import from_project
from ..runtime import progress
from ..validation import check_choice
from .medians import Block, split_of, write_medians

SOURCES = ("gan", *sources.READERS)


class Source(Protocol):
    """A source of records. Blocks are numbered from zero and always contain the same records."""

    name: str
    settings: dict  # JSON values that determine the blocks
    attributes: dict  # for medians.h5, besides the source's name

    @property
    def block_count(self) -> int: ...

    def block(self, number: int) -> Block: ...

    def recording(self, record_id: str) -> np.ndarray | None: ...  # (8, time) µV at 500 Hz, if any


def open_source(
    name: str,
    path: str | Path = "",
    labels_path: str | Path = "",
    *,
    measure_missing: bool = False,
    labels: str = "measured",
    records: int = 0,
    seed: int = 1,
    device: str = "auto",
) -> Source:
    """A source by name: ``gan`` (records, seed, device) or files (path, labels_path, labels).

    Relative paths start in the project's folder, as ``results`` does. Raises ValueError for an
    unknown name, and the errors of the source itself.
    """
    check_choice("source", name, SOURCES)
    if name == "gan":
        from .gan import GanSource  # imports torch, which files do not need

        return GanSource(records, seed, device)
    paths = [from_project(given) if given else "" for given in (path, labels_path)]
    return sources.FileSource(name, *paths, measure_missing, labels)


def collect(source: Source, path: str | Path) -> list[tuple[str, str]]:
    """Write all of a source's records to ``medians.h5``.

    Returns (record id, reason) of the rejected records and writes them to ``rejected.csv`` beside
    the file. Finished blocks are cached there (files.ResumeCache) for the next call with the same
    settings. Memory holds one block at a time. Raises ValueError if no record is usable.
    """
    path = Path(path)
    settings = {"source": source.name, **source.settings, "labels_version": LABELS_VERSION}
    pieces = ResumeCache(path, settings)
    names = [f"block{number:06d}" for number in range(source.block_count)]
    key = _key(pieces)
    kept: list[np.ndarray] = []
    rejected: list[tuple[str, str]] = []
    rules: Counter[str] = Counter()
    seen: dict[str, str] = {}
    with progress(len(names), f"records from {source.name}, blocks") as bar:
        for number, name in enumerate(names):
            block = _load(pieces, name)
            if block is None:
                block = _without_ids(source.block(number), key)
                _save(pieces, name, block)
            again = _same_recordings(block, seen)
            rejected += block.rejected + again
            twice = {record for record, _ in again}
            kept.append(np.array([i not in twice for i in block.record_id], bool))
            rules.update(compress(block.rule, kept[-1]))
            bar.update()
    table = pd.DataFrame(rejected, columns=["record_id", "reason"])
    write_table(table, path.with_name("rejected.csv"))
    records = int(sum(mask.sum() for mask in kept))
    if not records:
        reason = f"; the first was rejected because: {rejected[0][1]}" if rejected else ""
        raise ValueError(f"source {source.name!r} has no usable record{reason}")
    origins = {rule or "not known": count for rule, count in rules.items()}
    attributes = {**source.attributes, "patients_from": json.dumps(origins)}
    blocks = (_load(pieces, name).kept(mask) for name, mask in zip(names, kept, strict=True))
    write_medians(path, blocks, records, source=source.name, **attributes)
    pieces.path("key").unlink(missing_ok=True)  # so that nobody can test ids against the hashes
    return rejected


def _key(pieces: ResumeCache) -> bytes:
    """The random key that hashes patients' ids; it is deleted with the cache."""
    stored = pieces.load("key")
    if stored is None:
        stored = {"key": np.frombuffer(secrets.token_bytes(32), np.uint8)}
        pieces.save("key", **stored)
    return stored["key"].tobytes()


def _without_ids(block: Block, key: bytes) -> Block:
    """The block with the split of each record, and a keyed hash in place of each patient's id."""
    patients = block.patient_id or [""] * len(block.record_id)
    split = list(map(split_of, block.record_id, patients))
    hashed = [who and hmac.digest(key, who.encode(), "sha256").hex()[:32] for who in patients]
    return replace(block, split=split, patient_id=hashed)


def _same_recordings(block: Block, seen: dict[str, str]) -> list[tuple[str, str]]:
    """The records whose recording was seen before under another id; updates seen."""
    again = []
    for record, digest in zip(block.record_id, block.digest, strict=False):
        if (first := seen.setdefault(digest, record)) != record:
            again.append((record, f"duplicate recording: the same samples as {first}"))
    return again


def _save(pieces: ResumeCache, name: str, block: Block) -> None:
    values = {each.name: getattr(block, each.name) for each in fields(block)}
    values["rejected"] = np.array(block.rejected, dtype=str).reshape(-1, 2)
    arrays = {
        k: v if isinstance(v, np.ndarray) else np.array(v, dtype=str)
        for k, v in values.items()
        if v is not None
    }
    pieces.save(name, **arrays)


def _load(pieces: ResumeCache, name: str) -> Block | None:
    arrays = pieces.load(name)
    if arrays is None:
        return None
    rejected = [(str(i), str(reason)) for i, reason in arrays.pop("rejected")]
    words = {k: [str(word) for word in v] for k, v in arrays.items() if v.dtype.kind == "U"}
    return Block(**(arrays | words), rejected=rejected)
