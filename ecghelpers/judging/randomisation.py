"""Does a map depend on what the network has learnt? Maps of networks that have forgotten it."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from ..attribution import METHODS, attribute, multiplied
from ..config import generator
from ..model import ResModule, StevenNet
from ..prediction import prepare_for_inference
from ..training import Trainer, TrainingConfig, fit
from ..truth.similarity import similarity_table

STAGES = ("fc1", *(f"block{number}" for number in range(8, 0, -1)), "init_block")
DRAWS, NOISE = 4, 0.02  # noisy copies a map is averaged over; their σ as a fraction of the range


def cascade(
    model: StevenNet,
    beats_uv: np.ndarray,
    seed: int = 0,
    stages: Sequence[str] = STAGES,
    record: str = "",
) -> Iterator[tuple[str, StevenNet]]:
    """Copies of a network whose weights are shuffled from the output down, one more part at a time.

    Cascading randomisation of Adebayo et al., arXiv 1810.03292. Every weight tensor of a part keeps
    its values in another order, so that scales stay. beats_uv: (record, 12, 600) µV by which the
    batch norms of shuffled parts are set anew, so that they let through what now comes. record:
    whose shuffle it is, each another. Yields (stage, copy); the given network is not changed.
    """
    copied = copy.deepcopy(model).eval()
    done: list[str] = []
    for stage in STAGES:
        draw = generator(seed, "shuffled weights", stage, record)
        _shuffle(copied.get_submodule(stage), draw)
        done.append(stage)
        if stage in stages:
            _renew_statistics(copied, done, beats_uv)
            yield stage, copy.deepcopy(copied)


@torch.no_grad()
def _shuffle(part: torch.nn.Module, draw: np.random.Generator) -> None:
    for weights in part.parameters():
        order = torch.from_numpy(draw.permutation(weights.numel())).to(weights.device)
        weights.copy_(weights.flatten()[order].view_as(weights))


@torch.no_grad()
def _renew_statistics(model: StevenNet, parts: Sequence[str], beats_uv: np.ndarray) -> None:
    """Mean and variance in the batch norms of these parts, as the beats give them."""
    norms = [
        norm
        for part in parts
        if isinstance(block := model.get_submodule(part), ResModule)
        for norm in (block.bn1, block.bn2)
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean over all that passes, not a running one
        norm.train()
    weight = model.fc1.weight
    model(torch.as_tensor(np.asarray(beats_uv)).to(weight.device, weight.dtype))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def smooth_maps(
    model: StevenNet,
    beats_uv: np.ndarray,
    method: str,
    record_id: Sequence[str],
    *,
    draws: int = DRAWS,
    noise: float = NOISE,
    seed: int = 0,
    **options,
) -> np.ndarray:
    """A method's maps averaged over noisy copies of each beat: (record, 12, 600) → the same shape.

    What smooth MPRT compares (Hedström et al., arXiv 2405.02383), because single maps are noisy and
    their similarity falls for that alone. Noise: N(0, (noise · (max - min))²), from (seed, record
    id, draw), the same for every network. options: as attribute takes them.
    """
    beats = np.asarray(beats_uv, np.float32)
    span = np.ptp(beats, axis=(1, 2))[:, None, None]
    fields = [
        generator(seed, "smooth maps", i, str(number)).standard_normal(beats.shape[1:])
        for number in range(draws)
        for i in record_id
    ]
    field = np.array(fields).reshape(draws, *beats.shape)
    # All copies at once: networks are several times slower on single beats.
    noisy = (beats + noise * span * field).astype(np.float32).reshape(-1, *beats.shape[1:])
    common = {"record_id": [*record_id] * draws, "seed": seed, "progress": False}
    maps = attribute(model, noisy, method, **common, **options)
    return maps.reshape(draws, *beats.shape).mean(0, dtype=np.float64)


def randomisation_table(
    model: StevenNet,
    beats_uv: np.ndarray,
    record_id: Sequence[str],
    *,
    methods: Sequence[str] = tuple(METHODS),
    stages: Sequence[str] = STAGES,
    calibration: np.ndarray | None = None,
    groups: Sequence | None = None,
    draws: int = DRAWS,
    noise: float = NOISE,
    seed: int = 0,
    **options,
) -> pd.DataFrame:
    """How alike the maps of shuffled networks are to the trained network's.

    Each record has a shuffle of its own, so that the interval over records is one over shuffles
    too: some maps hardly depend on the record, and with one shuffle its draw would decide.
    beats_uv: (record, 12, 600) µV; calibration: more beats for the batch norms of the shuffled
    networks, by default these. Columns: stage (the part down to which weights are shuffled), then
    those of similarity_table. A method whose maps stay alike when the whole network is shuffled
    (``init_block``) does not show what the network has learnt.
    """
    given = {"draws": draws, "noise": noise, "seed": seed, **options}

    def maps_of(network: StevenNet, rows: slice) -> dict[str, np.ndarray]:
        network, *_ = prepare_for_inference(network)  # once, not for every map
        beats, ids = beats_uv[rows], record_id[rows]
        return {m: smooth_maps(network, beats, m, ids, **given) for m in methods}

    trained = maps_of(model, slice(None))
    shuffled = {stage: {m: np.empty_like(trained[m]) for m in methods} for stage in stages}
    calibration = beats_uv if calibration is None else calibration
    for row, record in enumerate(record_id):
        for stage, network in cascade(model, calibration, seed, stages, str(record)):
            for method, own in maps_of(network, slice(row, row + 1)).items():
                shuffled[stage][method][row] = own[0]
    common = {"beats_uv": beats_uv, "groups": groups, "seed": seed}
    common["multiplied"] = multiplied(options.get("multiply_by_inputs", True))
    return _by_stage(trained, shuffled, record_id, common)


def _by_stage(
    trained: dict, shuffled: dict, record_id: Sequence[str], common: dict
) -> pd.DataFrame:
    """similarity_table of every stage's maps with the trained network's, one below the other."""
    tables = [
        similarity_table(trained, maps, record_id, **common).assign(stage=stage)
        for stage, maps in shuffled.items()
    ]
    return pd.concat(tables, ignore_index=True)


def train_on_permuted_labels(
    settings: TrainingConfig,
    training: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    device: torch.device,
) -> StevenNet:
    """A network trained alike, but on labels dealt out anew: it can learn only the labels' mean.

    training, validation: (beats, values) as Trainer takes them. The last epoch is kept, for there
    is nothing to choose by.
    """
    mixed = [
        (beats, generator(settings.seed, "permuted labels", part).permutation(values))
        for part, (beats, values) in (("training", training), ("validation", validation))
    ]
    named = replace(settings, target=f"{settings.target} permuted")
    trainer = Trainer(named, *mixed, device)
    trainer.recipe = replace(trainer.recipe, keep="last")
    return fit(trainer)
