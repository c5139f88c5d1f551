"""Rows 1 to 3: the forward pass of the fused network."""

import math
import statistics

import torch
from torch import nn

from ecghelpers.network.model import StevenNet
from ecghelpers.network.prediction import BATCH_SIZE

from .setting import Setting, check_agreement, double, made_up_beats
from .timing import Row, ratios, take_turns

PLAIN_BATCHES = {"cpu": (8, 16, 32, 64, 128), "cuda": (64, 256, 1024, 4096)}
MATRIX = 2048


def rows(setting: Setting) -> list[Row]:
    """Time per beat of the fused network, of plain networks and of the bare arithmetic."""
    device, fast, plain = setting.device, setting.fast, setting.plain
    size = BATCH_SIZE[device.type]
    with torch.inference_mode():
        some = made_up_beats(size, device)
        check_agreement(fast(some), double(plain)(some.double()), 1e-6, "fused network")
        batch = best_batch(setting)
        single, many, ours = made_up_beats(1), made_up_beats(batch), made_up_beats(size)
        single, many, ours = single.to(device), many.to(device), ours.to(device)
        square = torch.randn(MATRIX, MATRIX, device=device)
        singles = min(16, size)
        seconds = take_turns(
            {
                "ours": lambda: fast(ours),
                "one": lambda: [plain(single) for _ in range(singles)],
                "batch": lambda: plain(many),
                "matrix": lambda: square @ square,
            },
            5 * setting.rounds,
            device,
        )
    per_beat = {"ours": size, "one": singles, "batch": batch}
    beat = {name: [s / count for s in seconds[name]] for name, count in per_beat.items()}
    floor = [operations(plain) * s / (2 * MATRIX**3) for s in seconds["matrix"]]
    median = {name: statistics.median(values) for name, values in beat.items()}
    rate = 2 * MATRIX**3 / statistics.median(seconds["matrix"])
    work, ours_s = "forward pass, fused network", {"ours": median["ours"]}
    return [
        Row.of(
            work,
            "one beat at a time, plain",
            (8, 11),
            ratios(beat["one"], beat["ours"]),
            **ours_s,
            theirs=median["one"],
        ),
        Row.of(
            work,
            f"plain, best batch size ({batch})",
            (6.5, 9),
            ratios(beat["batch"], beat["ours"]),
            **ours_s,
            theirs=median["batch"],
        ),
        Row.of(
            work,
            "arithmetic floor",
            (2.5, 2),
            ratios(beat["ours"], floor),
            less_is_better=True,
            **ours_s,
            theirs=statistics.median(floor),
            operations=operations(plain),
            operations_per_second=rate,
        ),
    ]


def best_batch(setting: Setting) -> int:
    """The batch size at which the plain network is fastest here."""
    sizes = PLAIN_BATCHES[setting.device.type]
    beats = {size: made_up_beats(size, setting.device) for size in sizes}
    seconds = take_turns(
        {size: lambda size=size: setting.plain(beats[size]) for size in sizes}, 3, setting.device
    )
    return min(sizes, key=lambda size: min(seconds[size]) / size)


def operations(network: StevenNet, time: int = 600, length: int = 336) -> float:
    """Floating-point operations a beat that the FFT form needs, additions and multiplications.

    First block: direct. A long convolution: a complex product (8 operations) at length / 2 + 1
    frequencies, and 2.5 n log2 n for the real transform of each channel in and out.
    """
    total = 0.0
    for module in network.modules():
        if not isinstance(module, nn.Conv1d):
            continue
        inputs, outputs, taps = module.in_channels, module.out_channels, module.kernel_size[0]
        if taps < 16:
            total += 2 * time * taps * inputs * outputs
        else:
            total += 8 * (length // 2 + 1) * inputs * outputs
            total += 2.5 * length * math.log2(length) * (inputs + outputs)
    return total
