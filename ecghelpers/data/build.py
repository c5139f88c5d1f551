"""From a source of records to ``medians.h5``, block by block, so that a killed run can resume."""

import hmac
import json
import secrets
import time
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
from .medians import Medians, write_medians

REPORT_S = 30
SOURCES = ("gan", *sources.READERS)


class Source(Protocol):
    """A source of records. Blocks are numbered from zero and always contain the same records."""

    name: str
    settings: dict  # JSON values that determine the blocks
    attributes: dict  # for medians.h5, besides the source's name
    block_count: int

    # the records, and (record id, reason) of the rejected ones
    def block(self, number: int) -> tuple[Medians, list[tuple[str, str]]]: ...

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
    tables, rejected, told = [], [], time.monotonic()
    with progress(len(names), f"records from {source.name}, blocks") as bar:
        for number, name in enumerate(names):
            stored = pieces.load(name)
            if stored is None:
                block, unusable = source.block(number)
                people = block.patient_id.tolist()
                hashed = [p and hmac.digest(key, p.encode(), "sha256").hex()[:32] for p in people]
                stored = block.arrays | {"patient_id": np.array(hashed, str)}
                stored["rejected"] = np.array(unusable, str).reshape(-1, 2)
                pieces.save(name, **stored)
            tables.append(pd.DataFrame({k: stored[k] for k in ("record_id", "digest", "rule")}))
            rejected += [(str(record), str(reason)) for record, reason in stored["rejected"]]
            bar.update()
            if bar.disable and time.monotonic() - told > REPORT_S:  # in a log instead of the bar
                told = time.monotonic()
                print(f"{number + 1} of {len(names)} blocks of records", flush=True)
    table = pd.concat(tables, keys=range(len(names)))
    first = table.groupby("digest")["record_id"].transform("first")
    again = (table["digest"] != "") & (first != table["record_id"])
    same = "duplicate recording: the same samples as " + first[again]
    rejected += zip(table["record_id"][again], same, strict=True)
    reasons = pd.DataFrame(rejected, columns=["record_id", "reason"])
    write_table(reasons, path.with_name("rejected.csv"))
    if again.all():
        reason = f"; the first was rejected because: {rejected[0][1]}" if rejected else ""
        raise ValueError(f"source {source.name!r} has no usable record{reason}")
    origins = table["rule"][~again].replace("", "not known").value_counts().to_dict()
    attributes = {**source.attributes, "patients_from": json.dumps(origins)}
    kept = {name: ~again[number].to_numpy() for number, name in enumerate(names) if number in again}
    parts = (_load(pieces, name).subset(rows) for name, rows in kept.items())
    write_medians(path, parts, int((~again).sum()), source=source.name, **attributes)
    pieces.path("key").unlink(missing_ok=True)  # so that nobody can test ids against the hashes
    return rejected


def _key(pieces: ResumeCache) -> bytes:
    """The random key that hashes patients' ids; it is deleted with the cache."""
    stored = pieces.load("key")
    if stored is None:
        stored = {"key": np.frombuffer(secrets.token_bytes(32), np.uint8)}
        pieces.save("key", **stored)
    return stored["key"].tobytes()


def _load(pieces: ResumeCache, name: str) -> Medians:
    arrays = pieces.load(name)
    del arrays["rejected"]
    return Medians(**arrays)
