"""Compare maps with Shapley values, and print the table of docs/evaluation.md.

    python benchmarks/shapley.py results/reference

The folder's first test ECGs, for model 1 of each target. The players are the 360 segments of the
interventions; those outside a coalition take the mean training beat. Some minutes on one core.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from captum.attr import ShapleyValueSampling

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from ecghelpers.attribution.maps import training_beat  # noqa: E402
from ecghelpers.data.maps_and_curves import read_attributions  # noqa: E402
from ecghelpers.data.medians import read_medians  # noqa: E402
from ecghelpers.evaluation import agreement, metrics  # noqa: E402
from ecghelpers.evaluation.controls import label, maps_and_controls  # noqa: E402
from ecghelpers.network.model import load_model  # noqa: E402
from ecghelpers.network.prediction import predict  # noqa: E402
from ecghelpers.paths import Results  # noqa: E402
from ecghelpers.perturbation.intervention import segment_windows  # noqa: E402

AT_ONCE = 32  # coalitions per prediction


def shapley_values(model, beats: np.ndarray, mean_beat: np.ndarray, permutations: int):
    """Shapley value of each segment (record, lead, segment) in target unit, by Captum."""
    windows = segment_windows(beats.shape[2])
    shape = beats.shape[1], len(windows)
    players = np.arange(np.prod(shape)).reshape(shape)[:, windows.argmax(0)]
    explained = ShapleyValueSampling(lambda x: predict(model, x))
    torch.manual_seed(0)
    values = explained.attribute(
        torch.from_numpy(beats),
        torch.from_numpy(mean_beat[None]),
        feature_mask=torch.from_numpy(np.ascontiguousarray(players[None])),
        n_samples=permutations,
        perturbations_per_eval=AT_ONCE,
    )
    first = np.unique(windows.argmax(0), return_index=True)[1]
    return values.numpy()[:, :, first]  # every sample has the value of its segment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--target", nargs="+", default=["qt", "pr"])
    parser.add_argument("--records", type=int, default=4)
    parser.add_argument("--permutations", type=int, default=20)
    parser.add_argument("--coalitions", type=int, default=24, help="of each size")
    options = parser.parse_args()
    folder, tables = Results(options.results.absolute()), []
    data = read_medians(folder.medians)
    mean_beat = training_beat(data)[0].astype(np.float32)
    for target in options.target:
        model = load_model(folder.network(target, 1))
        stored = read_attributions(folder.attributions(target, 1))
        drawn = data.subset(pd.Index(data.record_id).get_indexer(stored.record_id))
        chosen = drawn.subset(slice(options.records))
        beats = np.asarray(chosen.medians, np.float32)
        maps = maps_and_controls(stored, drawn.medians)
        maps = {method: values[: options.records] for method, values in maps.items()}
        values = shapley_values(model, beats, mean_beat, options.permutations)
        found = {
            (method, "shapley"): metrics.pearson(metrics.segment_sums(m), values)
            for method, m in maps.items()
        }
        tables += [
            agreement.long_table("shapley", found, chosen.record_id),
            agreement.coalitions(model, chosen, maps, mean_beat, count=options.coalitions),
        ]
    table = pd.concat(tables).pivot_table("value", "method", "score", sort=False)
    print(table.rename(index=label).sort_values("shapley", ascending=False).round(2).to_string())


if __name__ == "__main__":
    main()
