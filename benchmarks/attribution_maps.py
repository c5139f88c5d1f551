"""Row 6: all ten attribution maps."""

import statistics
import warnings

import torch
from captum import attr
from torch import Tensor, nn

from ecghelpers.attribution import attribute

from .setting import Setting, check_agreement, made_up_beats
from .timing import Row, ratios, take_turns

RECORDS = 16
WITHOUT_DRAWS = (
    "saliency",
    "deeplift",
    "inputxgradient",
    "integrated_gradients",
    "deconvolution",
    "guided_gradcam",
    "guided_backprop",
)
NAMES = (*WITHOUT_DRAWS, "smoothgrad", "gradientshap", "random")  # those of ``literal_map``


def rows(setting: Setting) -> list[Row]:
    """Our maps against Captum's on the plain network, one ECG a call."""
    beats = made_up_beats(RECORDS)

    def ours(methods=NAMES) -> dict[str, Tensor]:
        return {name: attribute(setting.fast, beats, name, progress=False) for name in methods}

    def theirs(methods=NAMES) -> dict[str, Tensor]:
        one = [beats[i : i + 1].to(setting.device) for i in range(len(beats))]
        return {
            name: torch.cat([literal_map(setting.plain, x, name).cpu() for x in one])
            for name in methods
        }

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum announces its hooks every time
        found, wanted = ours(WITHOUT_DRAWS), theirs(WITHOUT_DRAWS)
        for name in WITHOUT_DRAWS:
            # In single precision a ReLU close to zero may open in one network, not in the other.
            check_agreement(found[name], wanted[name], 2e-2, name)
        seconds = take_turns({"ours": ours, "theirs": theirs}, setting.rounds, setting.device)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    found = ratios(seconds["theirs"], seconds["ours"])
    work = f"{len(NAMES)} attribution maps for {RECORDS} ECGs"
    return [Row.of(work, "Captum, plain, one at a time", (5, 8), found, **medians)]


def literal_map(model: nn.Module, x: Tensor, name: str) -> Tensor:
    """One ECG's map straight from Captum, with the original's numbers of draws and steps."""
    x = x.clone().requires_grad_()
    sigma = 0.02 * float(x.detach().max() - x.detach().min())
    zero = torch.zeros_like(x)
    run = {
        "saliency": lambda: attr.Saliency(model).attribute(x, abs=False),
        "deeplift": lambda: attr.DeepLift(model).attribute(x, zero),
        "smoothgrad": lambda: attr.NoiseTunnel(attr.Saliency(model)).attribute(
            x, nt_samples=25, stdevs=sigma, abs=False
        ),
        "inputxgradient": lambda: attr.InputXGradient(model).attribute(x),
        "integrated_gradients": lambda: attr.IntegratedGradients(model).attribute(x, n_steps=50),
        "deconvolution": lambda: attr.Deconvolution(model).attribute(x),
        "guided_gradcam": lambda: attr.GuidedGradCam(model, model.block8.conv2).attribute(
            x, interpolate_mode="linear"
        ),
        "guided_backprop": lambda: attr.GuidedBackprop(model).attribute(x),
        "gradientshap": lambda: attr.GradientShap(model).attribute(
            x, zero, n_samples=50, stdevs=sigma
        ),
        "random": lambda: torch.randn_like(x),
    }
    return run[name]().detach()
