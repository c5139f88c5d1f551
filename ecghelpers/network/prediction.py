"""Batched inference with input validation and bounded memory."""

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ..ecg import BEAT_SHAPE
from ..lazy_rows import LazyRows
from ..runtime import generator, progress
from ..validation import check_number
from .checkpoints import check_values
from .model import StevenNet, fuse

BATCH_SIZE = {"cpu": 128, "cuda": 1024}


def check_beats(beats_uv: np.ndarray | Tensor, what: str = "beats_uv", first: int = 0) -> Tensor:
    """Return (record, lead, time) as a floating-point tensor on the CPU.

    first: number of the first record, for messages. Raises ValueError for anything but real
    numbers, for another number of dimensions, and, naming the record, for values that are not
    finite.
    """
    if not isinstance(beats_uv, Tensor):
        beats_uv = np.asarray(beats_uv)
        if beats_uv.dtype.kind not in "iuf":
            raise ValueError(f"{what} holds {beats_uv.dtype}; allowed: real numbers, in µV")
        # A copy: torch takes neither negative strides, nor foreign byte order, nor constant arrays.
        beats_uv = torch.from_numpy(beats_uv.astype(beats_uv.dtype.newbyteorder("="), order="C"))
    tensor = beats_uv.detach().cpu()
    tensor = tensor if tensor.is_floating_point() else tensor.float()
    if tensor.ndim != 3:
        raise ValueError(
            f"{what} has shape {tuple(tensor.shape)}; allowed: (record, lead, time), "
            f"for example (8, {BEAT_SHAPE[0]}, {BEAT_SHAPE[1]})"
        )
    bad = ~torch.isfinite(tensor).flatten(1).all(1)
    if bad.any():
        position = first + int(bad.nonzero()[0])
        raise ValueError(
            f"{what} holds NaN or infinity in record {position} (and {int(bad.sum()) - 1} more); "
            "only finite values are allowed: leave such records out"
        )
    return tensor


def check_record_ids(record_id: Sequence[str] | None, beats: Tensor) -> list[str]:
    """Return one id per record; without ids, each is derived from the record's content.

    Raises ValueError if the number of ids differs from the number of records.
    """
    if record_id is None:
        content = beats.to(torch.float32).numpy()
        return [str(generator(0, beat.tobytes().hex()).integers(2**63)) for beat in content]
    if len(record_id) != len(beats):
        raise ValueError(f"got {len(record_id)} record ids for {len(beats)} records; give one each")
    return list(map(str, record_id))


def prepare_for_inference(model: nn.Module) -> tuple[nn.Module, torch.device, torch.dtype]:
    """Return the model in its fastest form for inference, with its device and precision.

    On CUDA, TF32 is switched off: its 10-bit mantissa would show in maps and curves. Raises
    ValueError for weights that are not finite and for a negative variance.
    """
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    weights = dict([*model.named_parameters(), *model.named_buffers()])
    check_values(weights, "the network's ")
    model = fuse(model) if isinstance(model, StevenNet) else model
    for tensor in weights.values():
        if tensor.is_floating_point():
            return model, tensor.device, tensor.dtype
    return model, torch.device("cpu"), torch.float32


def like(result: Tensor, given: np.ndarray | Tensor) -> np.ndarray | Tensor:
    """Return the result as an array where an array was given, else as a tensor."""
    return result if isinstance(given, Tensor) else result.numpy()


def batch_of(batch_size: int | None, device: torch.device) -> int:
    """Return batch_size, or the device's default for None. Raises ValueError below one."""
    if batch_size is None:
        return BATCH_SIZE[device.type]
    return int(check_number("batch_size", batch_size, 1, whole=True))


def in_batches(
    compute: Callable[[int, int], None],
    count: int,
    batch_size: int,
    description: str = "",
    quiet: bool = True,
) -> None:
    """Call compute(start, stop) for successive batches; halve them when GPU memory runs out."""
    start = 0
    with progress(count, description, quiet=quiet) as bar:
        while start < count:
            stop = min(start + batch_size, count)
            try:
                compute(start, stop)
            except torch.cuda.OutOfMemoryError:
                if batch_size == 1:
                    raise
                torch.cuda.empty_cache()
                batch_size = max(1, batch_size // 2)
                warnings.warn(
                    f"out of GPU memory: continuing with batches of {batch_size}", stacklevel=2
                )
                continue
            bar.update(stop - start)
            start = stop


def predict(
    model: nn.Module, beats_uv: np.ndarray | Tensor | LazyRows, *, batch_size: int | None = None
) -> np.ndarray | Tensor:
    """Predict the target of every beat: (record, lead, time) in µV → (record,) in target unit.

    Beats that lie in a file are read batch by batch.
    """
    if not isinstance(beats_uv, Tensor | LazyRows):
        beats_uv = np.asarray(beats_uv)
    # Values are checked batch by batch, because the beats may exceed memory.
    check_beats(beats_uv[:1] if beats_uv.ndim else beats_uv)
    model, device, dtype = prepare_for_inference(model)
    out = torch.empty(len(beats_uv), dtype=dtype)

    def compute(start: int, stop: int) -> None:
        beats = check_beats(beats_uv[start:stop], first=start)
        out[start:stop] = model(beats.to(device, dtype)).flatten().cpu()

    with torch.inference_mode():
        in_batches(compute, len(beats_uv), batch_of(batch_size, device))
    return like(out, beats_uv)
