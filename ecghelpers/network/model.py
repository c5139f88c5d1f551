"""StevenNet, its faster form for inference, and its checkpoints."""

import copy
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ..ecg import LEADS
from ..files import atomic_write
from .checkpoints import load_weights, read_safetensors
from .convolution import FFTConv1d, records_at_once, uses_fft
from .fused import can_fuse, run_blocks


class ResModule(nn.Module):
    """Two convolutions, each followed by batch norm and ReLU, and a residual connection.

    DeepLIFT needs every ReLU to be used once, hence two of them.
    """

    def __init__(
        self,
        in_channels: int,
        taps: tuple[int, int] = (50, 50),
        residual: bool = True,
        convolution: type[nn.Conv1d] = FFTConv1d,
    ):
        super().__init__()
        self.conv1 = convolution(in_channels, 64, taps[0], padding="same")
        self.bn1 = nn.BatchNorm1d(64)
        self.relu1 = nn.ReLU()
        self.conv2 = convolution(64, 32, taps[1], padding="same")
        self.bn2 = nn.BatchNorm1d(32)
        self.relu2 = nn.ReLU()
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu1(self.bn1(self.conv1(x)))
        out = self.relu2(self.bn2(self.conv2(out)))
        return x + out if self.residual else out


class StevenNet(nn.Module):
    """The network of Hicks et al., Sci Rep 11:10949: (record, 12, time) → (record, 1).

    Parameters are named as in ecg-heatmapping-review, so that its checkpoints load. convolution:
    ``nn.Conv1d`` gives the plain network that benchmarks and tests compare with. Raises ValueError
    for an input that is not (record, 12, time).
    """

    def __init__(self, convolution: type[nn.Conv1d] = FFTConv1d):
        super().__init__()
        self.init_block = ResModule(len(LEADS), (8, 3), residual=False, convolution=convolution)
        self.pool = nn.AvgPool1d(2)
        for number in range(1, 9):
            self.add_module(f"block{number}", ResModule(32, convolution=convolution))
        self.avgpool = nn.AdaptiveAvgPool1d(1)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(32, 1)

    @property
    def blocks(self) -> list[ResModule]:
        """The eight residual blocks in order."""
        return [self.get_submodule(f"block{number}") for number in range(1, 9)]

    def forward(self, x: Tensor) -> Tensor:
        check_shape(x)
        x = self.pool(self.init_block(x))  # (record, 32, time / 2)
        x = nn.Sequential(*self.blocks)(x)
        return self.fc1(self.flatten(self.avgpool(x)))


def check_shape(x: Tensor) -> None:
    """Raise ValueError unless x is (record, 12, time)."""
    if x.ndim != 3 or x.shape[1] != len(LEADS):
        raise ValueError(
            f"got beats of shape {tuple(x.shape)}; allowed: (record, {len(LEADS)}, time) "
            f"with the leads {' '.join(LEADS)}"
        )


@torch.no_grad()
def fold_scaling(
    model: StevenNet, input_scale: float, target_mean: float, target_std: float
) -> StevenNet:
    """Fold the scaling of inputs and target into a copy of the model.

    model: trained on beats_uv * input_scale to give (target - target_mean) / target_std.
    Returns a StevenNet that takes µV and gives the target's unit.
    """
    folded = copy.deepcopy(model)
    folded.init_block.conv1.weight.mul_(input_scale)
    folded.fc1.weight.mul_(target_std)
    folded.fc1.bias.mul_(target_std).add_(target_mean)
    return folded


@torch.no_grad()
def _fold_batch_norm(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> None:
    """Fold the batch norm's running statistics into the convolution before it."""
    scale = norm.weight.double() * (norm.running_var.double() + norm.eps).rsqrt()
    bias = norm.bias.double() + (conv.bias.double() - norm.running_mean.double()) * scale
    conv.weight.copy_(conv.weight.double() * scale[:, None, None])
    conv.bias.copy_(bias)


class FusedStevenNet(StevenNet):
    """A StevenNet for inference only, made by ``fuse``."""

    def forward(self, x: Tensor) -> Tensor:
        check_shape(x)
        if not can_fuse(self):
            return super().forward(x)
        parts = x.split(records_at_once(x))
        x = torch.cat([self.pool(self.init_block(part)) for part in parts])
        if uses_fft(x.device, x.dtype, self.block1.conv1.kernel_size[0], len(x)):
            x = run_blocks(self.blocks, x)
        else:
            x = nn.Sequential(*self.blocks)(x)
        return self.fc1(self.flatten(self.avgpool(x)))


@torch.inference_mode(False)  # gradients with respect to the beats may be needed later
def fuse(model: StevenNet) -> FusedStevenNet:
    """Return a faster copy that computes the same function, for inference and attribution.

    Batch norm is folded into the convolutions, weights take no gradient, and their spectra are
    computed once. block8.bn2 stays, so that guided Grad-CAM at block8.conv2 sees the same values
    as in the model. Module names stay; later changes of the model do not reach the copy. A
    FusedStevenNet is returned unchanged.
    """
    if isinstance(model, FusedStevenNet):
        return model
    fused = FusedStevenNet().to(model.fc1.weight)
    fused.load_state_dict(model.state_dict())
    for name, block in fused.named_children():
        if isinstance(block, ResModule):
            _fold_batch_norm(block.conv1, block.bn1)
            block.bn1 = nn.Identity()
            if name != "block8":
                _fold_batch_norm(block.conv2, block.bn2)
                block.bn2 = nn.Identity()
    for module in fused.modules():
        if isinstance(module, FFTConv1d):
            module.freeze()
    return fused.eval().requires_grad_(False)


def save_model(path: str | Path, model: StevenNet, metadata: dict[str, str] | None = None) -> None:
    """Write the model's weights and metadata (text to text) as safetensors, in one atomic step."""
    weights = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    with atomic_write(path) as temporary:
        save_file(weights, temporary, metadata=metadata)


def load_model(path: str | Path, device: str | torch.device = "cpu") -> StevenNet:
    """Read a StevenNet, in evaluation mode, from safetensors or from an original .pt state dict.

    Raises ValueError as ``checkpoints.load_weights`` does.
    """
    model = StevenNet()
    load_weights(Path(path), model)
    return model.to(device).eval()


def read_metadata(path: str | Path) -> dict[str, str]:
    """Read the metadata that ``save_model`` wrote. Raises ValueError as ``load_model`` does."""
    return read_safetensors(Path(path), weights=False)[1]
