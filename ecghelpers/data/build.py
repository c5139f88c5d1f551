"""From a source of records to ``medians.h5``, block by block, so that a killed run goes on."""

import csv
import io
from pathlib import Path
from typing import Protocol

import numpy as np

from ..config import check_choice, from_project, progress
from ..data import sources
from ..files import Pieces, write_text
from ..fingerprint import code_digest
from .medians import Block, write_medians

SOURCES = ("gan", *sources.READERS)


class Source(Protocol):
    """Where records come from. Blocks are numbered from zero and always hold the same records."""

    name: str
    settings: dict  # JSON values; whatever changes the blocks
    attributes: dict  # for medians.h5, beside the source's name

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
    records: int = 0,
    seed: int = 1,
    device: str = "auto",
) -> Source:
    """The source of a name: ``gan`` (records, seed, device) or files (path, labels_path).

    A relative path starts in the project's folder, as ``results`` does.

    Raises ValueError for an unknown name, and what the source itself raises.
    """
    check_choice("source", name, SOURCES)
    if name == "gan":
        from .gan import GanSource  # torch, which reading files does without

        return GanSource(records, seed, device)
    paths = [from_project(given) if given else "" for given in (path, labels_path)]
    return sources.open_folder(name, *paths, measure_missing)


def collect(source: Source, path: str | Path) -> list[tuple[str, str]]:
    """Write all of a source's records to ``medians.h5``.

    Returns (record id, reason) of the rejected, which also go to ``rejected.csv`` beside the file.
    Finished blocks are kept beside it (files.Pieces), where the next call finds them as long as the
    source's settings and the code agree. Memory holds one block at a time. Raises ValueError if no
    record is left.
    """
    path = Path(path)
    decides = {"source": source.name, **source.settings, "code": code_digest(__name__)}
    pieces = Pieces(path, decides)
    names = [f"block{number:06d}" for number in range(source.block_count)]
    records, rejected = 0, []
    with progress(len(names), f"records from {source.name}, blocks") as bar:
        for number, name in enumerate(names):
            block = _load(pieces, name)
            if block is None:
                block = source.block(number)
                _save(pieces, name, block)
            records += len(block.record_id)
            rejected += block.rejected
            bar.update()
    write_rejected(path.with_name("rejected.csv"), rejected)
    if not records:
        reason = f"; the first was rejected because: {rejected[0][1]}" if rejected else ""
        raise ValueError(f"source {source.name!r} gave no usable record{reason}")
    blocks = (_load(pieces, name) for name in names)
    write_medians(path, blocks, records, source=source.name, **source.attributes)
    return rejected


def write_rejected(path: str | Path, rejected: list[tuple[str, str]]) -> None:
    """Write ``rejected.csv``: record id and reason."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("record_id", "reason"))
    writer.writerows(rejected)
    write_text(path, text.getvalue())


def _save(pieces: Pieces, name: str, block: Block) -> None:
    pieces.save(
        name,
        record_id=np.array(block.record_id, dtype=str),
        medians=block.medians,
        targets=block.targets,
        fiducials=block.fiducials,
        rejected=np.array(block.rejected, dtype=str).reshape(-1, 2),
        patient_id=np.array(block.patient_id, dtype=str),
    )


def _load(pieces: Pieces, name: str) -> Block | None:
    arrays = pieces.load(name)
    if arrays is None:
        return None
    for name in ("record_id", "patient_id"):
        arrays[name] = [str(i) for i in arrays[name]]
    arrays["rejected"] = [(str(i), str(reason)) for i, reason in arrays["rejected"]]
    return Block(**arrays)
