"""Intervention: replace a segment of one lead, and predict again.

The effects are measured on the network without any attribution method, so the same predictions
serve to judge every map.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..ecg import MS_PER_SAMPLE
from ..network.prediction import (
    check_beats,
    check_record_ids,
    in_batches,
    predict,
    prepare_for_inference,
)
from ..runtime import generator
from ..validation import check_number

SEGMENT_MS = 40
CROSSFADE_SAMPLES = 4  # around each border, so a replacement adds no step


def segment_windows(time: int, segment_ms: float = SEGMENT_MS) -> np.ndarray:
    """(segment, time) weights: 1 inside a segment, falling to 0 over CROSSFADE_SAMPLES.

    Neighbouring windows sum to one everywhere. Raises ValueError for segments that do not divide
    the beat, or are shorter than the cross-fade.
    """
    samples = segment_ms / MS_PER_SAMPLE
    if samples != int(samples) or samples < CROSSFADE_SAMPLES or time % int(samples):
        raise ValueError(
            f"segment_ms is {segment_ms}; allowed: whole parts of the beat's "
            f"{time * MS_PER_SAMPLE:g} ms, at least {CROSSFADE_SAMPLES * MS_PER_SAMPLE:g}"
        )
    starts = np.arange(0, time + 1, int(samples))
    # How far a sample lies past each border, from 0 to 1 over the cross-fade.
    after = (np.arange(time) - starts[:, None] + CROSSFADE_SAMPLES / 2 + 1) / (
        CROSSFADE_SAMPLES + 1
    )
    after = after.clip(0, 1)
    after[0], after[-1] = 1, 0
    return after[:-1] - after[1:]


def intervention_effects(
    model: nn.Module,
    beats_uv: np.ndarray | Tensor,
    donors_uv: np.ndarray,
    *,
    segment_ms: float = SEGMENT_MS,
    donors: int | None = None,
    seed: int = 0,
    record_id: Sequence[str] | None = None,
    batch_size: int | None = None,
    progress: bool = False,
) -> np.ndarray:
    """How the prediction changes when a segment is taken from another beat.

    beats_uv: (record, lead, time) µV; donors_uv: (pool, lead, time) µV, aligned like the beats.
    Every segment (one lead × segment_ms) is replaced alone, cross-faded with the rest. donors:
    how many beats of the pool each record gets, drawn from (seed, record id); by default all, in
    their order. Returns (record, donor, lead, segment): the prediction with the segment replaced
    minus the prediction, in target unit. Raises ValueError for shapes that differ, values
    that are not finite and too few donors in the pool.
    """
    beats, pool = check_beats(beats_uv), check_beats(donors_uv, "donors_uv")
    count = len(pool) if donors is None else check_number("donors", donors, 1, whole=True)
    if pool.shape[1:] != beats.shape[1:] or count > len(pool) or not len(pool):
        raise ValueError(
            f"donors_uv has shape {tuple(pool.shape)}; allowed: at least {max(count, 1)} beats of "
            f"shape {tuple(beats.shape[1:])}"
        )
    _, leads, time = beats.shape
    windows = segment_windows(time, segment_ms)
    single = np.eye(leads * len(windows)).reshape(-1, leads, len(windows))
    share = torch.from_numpy(single @ windows).to(beats)
    rows = [range(count)] * len(beats)
    if donors is not None:
        draws = [generator(seed, "donors", i) for i in check_record_ids(record_id, beats)]
        rows = [draw.choice(len(pool), count, replace=False) for draw in draws]
    model, *_ = prepare_for_inference(model)  # once, not for every pair
    untouched = predict(model, beats, batch_size=batch_size).numpy()
    effects = np.empty((len(beats), count, leads, len(windows)), untouched.dtype)

    def compute(start: int, stop: int) -> None:
        for pair in range(start, stop):
            record, donor = divmod(pair, count)
            changed = replaced(beats[record], pool[rows[record][donor]], share)
            after = predict(model, changed, batch_size=batch_size).numpy()
            effects[record, donor] = (after - untouched[record]).reshape(leads, -1)

    in_batches(compute, len(beats) * count, 1, "interventions", quiet=not progress)
    return effects


def coalition_effects(
    model: nn.Module, beat_uv: np.ndarray, donor_uv: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """The same for several segments at once: chosen (coalition, lead, segment) boolean.

    beat_uv, donor_uv: (lead, time). Returns (coalition,) changes of the prediction, target unit.
    """
    beat, donor = check_beats(np.stack([beat_uv, donor_uv]))
    windows = segment_windows(beat.shape[1], beat.shape[1] * MS_PER_SAMPLE / chosen.shape[2])
    share = torch.from_numpy(np.asarray(chosen, float) @ windows)
    after = predict(model, replaced(beat, donor, share)).numpy()
    return after - predict(model, beat[None]).numpy()


def replaced(beat: Tensor, donor: Tensor, share: Tensor) -> Tensor:
    """Copies of a beat (lead, time) with a share (row, lead, time), from 0 to 1, of the donor."""
    share = share.to(beat)
    return torch.lerp(beat.expand(share.shape), donor.to(beat).expand(share.shape), share)
