"""The paper's network in PyTorch, with the parameters of ours: what ours is compared with.

It exists in two forms. "published" computes all maps, resizes, concatenates and fuses them;
"folded" is the same function in fewer operations: since fusion, resize and specialised layers are
linear, each stage has one convolution straight to the classes' scores.
"""

import functools
from collections.abc import Mapping

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brainfcn_jax.network.fcn import VGG16_WIDTHS

Parameters = Mapping[str, Mapping[str, np.ndarray]]
FORMS = ("published", "folded")


class TorchNetwork(nn.Module):
    """Class scores (image, class, height, width) of mean-subtracted images (image, 3, ...)."""

    def __init__(self, params: Parameters, stages: int, form: str = "published") -> None:
        super().__init__()
        self.stages, self.form = stages, form
        params = folded(params, stages) if form == "folded" else params
        self.layers = nn.ModuleDict(
            {name: convolution(layer["kernel"], layer["bias"]) for name, layer in params.items()}
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """As the class says."""
        size, special, x = images.shape[2:], [], images
        for stage, widths in enumerate(VGG16_WIDTHS[: self.stages], start=1):
            x = x if stage == 1 else functional.max_pool2d(x, 2)
            for index in range(1, len(widths) + 1):
                x = functional.relu(self.layers[f"conv{stage}_{index}"](x))
            maps = self.layers[f"specialised{stage}"](x)
            resized = functional.interpolate(maps, size, mode="bilinear") if stage > 1 else maps
            special.append(resized)
        if self.form == "folded":
            return functools.reduce(torch.add, special)
        return self.layers["fusion"](torch.cat(special, 1))


def convolution(kernel: np.ndarray, bias: np.ndarray) -> nn.Conv2d:
    """The layer of a (height, width, in, out) kernel, zero-padded to keep the size."""
    height, width, channels_in, channels_out = kernel.shape
    layer = nn.Conv2d(channels_in, channels_out, (height, width), padding=height // 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.asarray(kernel).transpose(3, 2, 0, 1)))
        layer.bias.copy_(torch.tensor(np.asarray(bias)))
    return layer


def folded(params: Parameters, stages: int) -> dict[str, dict[str, np.ndarray]]:
    """Parameters without "fusion": it is multiplied into each specialised layer, in float64."""
    kernel = np.asarray(params["fusion"]["kernel"], np.float64)[0, 0]
    shares = np.split(kernel, stages)  # stages x (maps, classes)
    new = {name: dict(layer) for name, layer in params.items() if name != "fusion"}
    for stage, share in enumerate(shares, start=1):
        layer = new[f"specialised{stage}"]
        bias = np.asarray(layer["bias"]) @ share
        bias = bias + np.asarray(params["fusion"]["bias"]) * (stage == 1)
        new[f"specialised{stage}"] = {
            "kernel": (np.asarray(layer["kernel"]) @ share).astype(np.float32),
            "bias": bias.astype(np.float32),
        }
    return new


def torch_images(stacks: np.ndarray) -> torch.Tensor:
    """Slices (image, height, width, 3) as PyTorch wants them, channels last in memory."""
    images = torch.tensor(np.ascontiguousarray(stacks)).permute(0, 3, 1, 2)
    return images.to(memory_format=torch.channels_last)


def gradients(network: TorchNetwork) -> dict[str, np.ndarray]:
    """What the last backward pass left, by "layer/name", in the order of axes that ours have."""
    found = {}
    for name, layer in network.layers.items():
        found[f"{name}/kernel"] = layer.weight.grad.cpu().numpy().transpose(2, 3, 1, 0)
        found[f"{name}/bias"] = layer.bias.grad.cpu().numpy()
    return found
