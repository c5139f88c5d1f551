"""ECGs from the Pulse2Pulse generator (Thambawita et al., Sci Rep 11:21896)."""

import warnings
from importlib import metadata, resources

import numpy as np
import torch

from ..ecg import INDEPENDENT_LEADS, SAMPLING_RATE_HZ
from ..runtime import generator, resolve_device
from .medians import Medians
from .parallel import in_parts
from .reading import block_of, measured_readings

ECG_SAMPLES = 5000  # 10 s at 500 Hz
MICROVOLT = 6000  # per unit of the generator's output
PACKAGE = "deepfake-ecg"


def load_generator(device: str | torch.device = "cpu") -> torch.nn.Module:
    """The trained generator: (record, 8, 5000) uniform noise → (record, 8, 5000), × 6000 = µV."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package uses a deprecated name
        import deepfakeecg
        from deepfakeecg import Generator

        network = Generator()
    weights = resources.files(deepfakeecg) / "checkpoints" / "g_stat.pt"
    with resources.as_file(weights) as path:
        state = torch.load(path, map_location="cpu", weights_only=True)["stat_dict"]
    network.load_state_dict(state)
    return network.eval().requires_grad_(False).to(device)


def record_ids(start: int, stop: int, seed: int) -> list[str]:
    """Ids of the records start to stop - 1 of a seed."""
    return [f"gan{seed}-{number:06d}" for number in range(start, stop)]


def synthesize(
    ids: list[str], *, network: torch.nn.Module | None = None, device: str = "cpu", batch: int = 32
) -> np.ndarray:
    """Generate one ECG for each record id; it depends on the id only.

    Returns (record, 8, 5000) float32 in µV at 500 Hz, leads in the order of INDEPENDENT_LEADS.
    """
    device = resolve_device(device)
    network = network or load_generator(device)
    shape = (len(INDEPENDENT_LEADS), ECG_SAMPLES)
    out = np.empty((len(ids), *shape), np.float32)
    for start in range(0, len(ids), batch):
        part = ids[start : start + batch]
        noise = np.stack([generator(0, "pulse2pulse", i).random(shape, np.float32) for i in part])
        with torch.inference_mode():
            ecg = network(torch.from_numpy(2 * noise - 1).to(device)) * MICROVOLT
        out[start : start + batch] = ecg.cpu().numpy()
    return out


class GanSource:
    """Generated records, measured in parallel (a build.Source).

    Raises ValueError for fewer than one record.
    """

    name = "gan"
    block_size = 256

    def __init__(self, records: int, seed: int = 1, device: str = "auto"):
        if records < 1:
            raise ValueError(f"records is {records}; allowed: at least 1")
        self.ids = record_ids(0, records, seed)
        self.block_count = -(-records // self.block_size)
        self.device = str(resolve_device(device))
        self.network = load_generator(self.device)
        self.settings = {"records": records, "seed": seed, "block_size": self.block_size}
        self.attributes = {"seed": seed, "generator": f"{PACKAGE} {metadata.version(PACKAGE)}"}

    def block(self, number: int) -> tuple[Medians, list[tuple[str, str]]]:
        """The records of the number-th block, and (record id, reason) of the rejected ones."""
        ids = self.ids[number * self.block_size : (number + 1) * self.block_size]
        ecgs = synthesize(ids, network=self.network, device=self.device)
        return block_of(ids, in_parts(measured_readings, ecgs, SAMPLING_RATE_HZ))

    def recording(self, record_id: str) -> np.ndarray:
        """The whole ECG of a record: (8, time) in µV at 500 Hz, leads as INDEPENDENT_LEADS."""
        return synthesize([record_id], network=self.network, device=self.device)[0]
