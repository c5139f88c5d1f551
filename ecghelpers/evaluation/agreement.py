"""Agreement of maps with interventions on the network, a value for each ECG.

The replacement determines the question: the same segment of other records (would a change matter?),
a flat line (what does the segment contribute?) or the mean training beat (why does this ECG differ
from the average one?).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from torch import nn

from ..data.maps_and_curves import Intervention
from ..data.medians import Medians
from ..network.prediction import prepare_for_inference
from ..perturbation.intervention import coalition_effects
from ..runtime import generator
from . import metrics
from .controls import mean_of_others

COALITION_SHARES = (0.05, 0.2, 0.5)  # of all segments, replaced together
COLUMNS = ["part", "method", "score", "record_id", "value"]
CEILING = "ceiling"


def agreement(
    maps: Mapping[str, np.ndarray],
    measured: Intervention,
    *,
    groups: Sequence | None = None,
) -> pd.DataFrame:
    """How well each map agrees with the interventions on its ECG: rows of COLUMNS.

    maps: method or control → (record, 12, 600), the records of ``measured``; groups: (record,)
    patients. Scores:

    ``donors``: Spearman's correlation of |map| summed over segments with the mean absolute effect
    of other records' segments. ``top``: the share of the tenth of segments with the largest such
    effects that is in the map's top tenth. ``signed_flat``, ``signed_mean``: Pearson's correlation
    of the signed sums with minus the effect. ``own``: ``donors`` minus the same correlation for the
    mean map of the other ECGs. ``own_over_another``: ``donors`` minus the mean of that correlation
    over the maps of other patients' ECGs.

    The rows ``ceiling`` hold the agreement that a perfect map is expected to reach: the square root
    of the reliability, which is the score ``reliability``.
    """
    wanted = np.abs(measured.effect).mean(1)
    groups = np.asarray(measured.record_id if groups is None else groups)
    same = groups[:, None] == groups  # (record, record) of one patient
    values: dict[tuple[str, str], np.ndarray] = {}
    for method, given in maps.items():
        signed = metrics.segment_sums(given)
        absolute = metrics.segment_sums(np.abs(given))
        donors = metrics.spearman(absolute, wanted)
        others = metrics.spearman(mean_of_others(absolute), wanted)
        crossed = metrics.spearman_of_pairs(wanted, absolute)
        crossed = np.ma.masked_array(crossed, same | np.isnan(crossed)).mean(1).filled(np.nan)
        values |= {
            (method, "donors"): donors,
            (method, "top"): metrics.top_overlap(absolute, wanted),
            (method, "signed_flat"): metrics.pearson(signed, -measured.effect_flat),
            (method, "signed_mean"): metrics.pearson(signed, -measured.effect_mean),
            (method, "own"): donors - others,
            (method, "own_over_another"): donors - crossed,
        }
    reliable = metrics.reliability(np.abs(measured.effect))
    values[CEILING, "reliability"] = reliable
    values[CEILING, "donors"] = np.sqrt(reliable.clip(0))
    return long_table("agreement", values, measured.record_id)


def coalitions(
    model: nn.Module,
    records: Medians,
    maps: Mapping[str, np.ndarray],
    mean_beat_uv: np.ndarray,
    *,
    count: int = 6,
    seed: int = 0,
) -> pd.DataFrame:
    """Sensitivity-n: correlation of a map's sum over many segments with their joint effect.

    Random 5, 20 and 50 % of the segments are set to the mean beat together, ``count`` times each;
    scores ``coalition_5`` … hold, for each record, Pearson's correlation over coalitions of the
    map's sum with minus the effect (Ancona et al., arXiv 1711.06104). It does not favour maps that
    are right for single segments only. A map's sign counts.
    """
    model, *_ = prepare_for_inference(model)  # once for all coalitions
    sums = {method: metrics.segment_sums(given) for method, given in maps.items()}
    shape = next(iter(sums.values())).shape[1:]
    values: dict[tuple[str, str], list] = {}
    for row, record in enumerate(records.record_id):
        beat = np.asarray(records.medians[row], np.float32)
        for share in COALITION_SHARES:
            draw = generator(seed, "coalitions", record, str(share))
            chosen = np.zeros((count, np.prod(shape)), bool)
            size = round(share * chosen.shape[1])
            for members in chosen:
                members[draw.choice(len(members), size, replace=False)] = True
            chosen = chosen.reshape(count, *shape)
            effect = coalition_effects(model, beat, mean_beat_uv, chosen)
            for method, total in sums.items():
                summed = (chosen * total[row]).sum((1, 2))
                found = metrics.pearson(summed[None], -effect[None])[0]
                values.setdefault((method, f"coalition_{100 * share:.0f}"), []).append(found)
    return long_table("coalitions", {k: np.array(v) for k, v in values.items()}, records.record_id)


def long_table(part: str, values: Mapping[tuple[str, str], np.ndarray], record_id) -> pd.DataFrame:
    """(method, score) → (record,) as rows of COLUMNS."""
    tables = [pd.DataFrame(columns=COLUMNS)]
    for (method, score), found in values.items():
        row = {"part": part, "method": method, "score": score, "record_id": record_id}
        tables.append(pd.DataFrame(row | {"value": found}))
    return pd.concat(tables[1:] or tables, ignore_index=True)
