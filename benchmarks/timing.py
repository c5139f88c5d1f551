"""Fair timing: contenders take turns, so that other load on the machine affects all of them."""

import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch


@dataclass(frozen=True)
class Row:
    """One line of the table.

    ratio: median over rounds of theirs / ours (or ours / floor, where less is better); spread: its
    smallest and largest value. at_least and aim: the ratio to be reached. details: all measured
    values, in seconds unless the name says otherwise.
    """

    work: str
    against: str
    ratio: float
    spread: tuple[float, float]
    at_least: float
    aim: float
    less_is_better: bool
    details: dict[str, float]

    @classmethod
    def of(
        cls,
        work: str,
        against: str,
        goals: tuple[float, float],
        ratios: list[float],
        less_is_better: bool = False,
        **details: float,
    ) -> "Row":
        """A row from the ratio of every round."""
        spread = (min(ratios), max(ratios))
        return cls(
            work, against, statistics.median(ratios), spread, *goals, less_is_better, details
        )

    @property
    def verdict(self) -> str:
        sign = -1 if self.less_is_better else 1
        if sign * self.ratio >= sign * self.aim:
            return "aim reached"
        return "reached" if sign * self.ratio >= sign * self.at_least else "NOT reached"


def take_turns(
    contenders: dict[str, Callable[[], object]], rounds: int, device: torch.device
) -> dict[str, list[float]]:
    """Seconds of every contender in every round, after one round of warm-up."""
    seconds = {name: [] for name in contenders}
    for round_number in range(rounds + 1):
        for name, run in contenders.items():
            took = _seconds(run, device)
            if round_number:
                seconds[name].append(took)
    return seconds


def _seconds(run: Callable[[], object], device: torch.device) -> float:
    if device.type != "cuda":
        start = time.perf_counter()
        run()
        return time.perf_counter() - start
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    run()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1000


def ratios(slow: list[float], fast: list[float]) -> list[float]:
    """Round by round."""
    return [a / b for a, b in zip(slow, fast, strict=True)]


def machine(device: torch.device) -> str:
    """The kind of processor, as part of a file name; never the host's name."""
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    else:
        name = f"{_processor()} {torch.get_num_threads()} threads"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", cpuinfo.read_text()) if cpuinfo.exists() else None
    return found[1] if found else platform.processor() or platform.machine()
