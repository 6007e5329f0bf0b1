"""The network beside the same network in PyTorch: taps, gradients, and time for each.

    python benchmarks/network_against_torch.py --scan=T1w.nii.gz --vgg16=FILE --out=FILE.json

Runs slices of the scan through both with the published VGG16 weights (needs `.[benchmarks]`).
Prints the largest difference of each tap and of each gradient, relative to its largest value, then
the median time of a slice, forward and in training, runs interleaved, both on all cores. Ends with
1 when a tap differs by more than 1e-4.
"""

import functools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
from absl import app, flags
from torch.nn import functional

from brainfcn_jax.files import new_file
from brainfcn_jax.network import STAGES, SegmentationNetwork
from brainfcn_jax.nifti import load_scan
from brainfcn_jax.preprocess import equalise
from brainfcn_jax.stacks import subtract_mean, volume_to_stacks
from brainfcn_jax.weights import read_vgg16

_SCAN = flags.DEFINE_string("scan", None, "A brain scan.", required=True)
_VGG16 = flags.DEFINE_string("vgg16", None, "The published VGG16 file.", required=True)
_OUT = flags.DEFINE_string("out", None, "JSON file for the numbers.", required=True)
_STAGES = flags.DEFINE_integer("stages", 4, "Stages of the network, 4 or 5.")
_SLICES = flags.DEFINE_integer("slices", 4, "Slices in a batch.")
_SIZE = flags.DEFINE_integer("size", 240, "Height and width of a slice (padded or cut).")
_REPEATS = flags.DEFINE_integer("repeats", 7, "Timed runs of each.")

ALLOWED_DIFFERENCE = 1e-4
MEANS = (123.68, 116.779, 103.939)


def real_stacks() -> np.ndarray:
    """Stacks from the middle of the scan, mean-subtracted, in a square of the asked size."""
    data = np.moveaxis(load_scan(_SCAN.value).data, 2, 0)
    middle = len(data) // 2
    volume = equalise(jnp.asarray(data), "volume")[middle : middle + _SLICES.value]
    square = np.zeros((_SLICES.value, _SIZE.value, _SIZE.value), np.uint8)
    height, width = (min(n, _SIZE.value) for n in volume.shape[1:])
    square[:, :height, :width] = volume[:, :height, :width]
    return np.asarray(subtract_mean(volume_to_stacks(jnp.asarray(square)), jnp.array(MEANS)))


def starting_parameters(network: SegmentationNetwork) -> dict:
    """ImageNet's convolutions; specialised layers wide enough that every gradient is sizeable."""
    params = network.init(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))["params"]
    new = {k: jax.tree.map(lambda x: 10 * x, v) for k, v in params.items() if "conv" not in k}
    published = jax.tree.map(jnp.asarray, read_vgg16(_VGG16.value, network.stages))
    return {**params, **new, **published}


def torch_parameters(params: dict) -> dict[str, dict[str, torch.Tensor]]:
    """The same numbers as PyTorch keeps them: (out, in, height, width), channels last."""
    tensors: dict[str, dict[str, torch.Tensor]] = {}
    for layer, arrays in params.items():
        kernel = torch.tensor(np.asarray(arrays["kernel"]).transpose(3, 2, 0, 1).copy())
        tensors[layer] = {
            "kernel": kernel.contiguous(memory_format=torch.channels_last).requires_grad_(),
            "bias": torch.tensor(np.asarray(arrays["bias"])).requires_grad_(),
        }
    return tensors


def torch_network(images: torch.Tensor, params: dict, stages: int) -> dict[str, torch.Tensor]:
    """Every tap of the paper's network, in its own order: resize, concatenation, fusion."""
    taps, special, x = {}, [], images
    for stage, widths in enumerate(STAGES[:stages], start=1):
        x = x if stage == 1 else functional.max_pool2d(x, 2)
        for index in range(1, len(widths) + 1):
            name = f"conv{stage}_{index}"
            x = functional.conv2d(x, params[name]["kernel"], params[name]["bias"], padding=1)
            x = taps[name] = functional.relu(x)
        name = f"specialised{stage}"
        taps[name] = functional.conv2d(x, params[name]["kernel"], params[name]["bias"], padding=1)
        special.append(
            functional.interpolate(taps[name], images.shape[2:], mode="bilinear")
            if stage > 1
            else taps[name]
        )
    layer = params["fusion"]
    taps["fusion"] = functional.conv2d(torch.cat(special, 1), layer["kernel"], layer["bias"])
    return taps


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference over the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def seconds(run: Callable[[], object]) -> float:
    """Time of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compiled_gradient(network: SegmentationNetwork, stacks: np.ndarray, labels: np.ndarray):
    """The gradient of the mean loss by the parameters, compiled."""

    def loss(params: dict) -> jax.Array:
        scores, _ = network.apply({"params": params}, jnp.asarray(stacks))
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(scores) * jax.nn.one_hot(labels, 8), -1))

    return jax.jit(jax.grad(loss))


def torch_gradient(
    images: torch.Tensor, target: torch.Tensor, tensors: dict, stages: int
) -> list[torch.Tensor]:
    """The same gradient, layer by layer, kernel before bias."""
    leaves = [tensor for layer in tensors.values() for tensor in layer.values()]
    loss = functional.cross_entropy(torch_network(images, tensors, stages)["fusion"], target)
    return list(torch.autograd.grad(loss, leaves))


def gradient_differences(found: dict, expected: list[torch.Tensor]) -> dict[str, float]:
    """Relative difference of each layer's gradients."""
    differences = {}
    for layer, by_kernel, by_bias in zip(found, expected[::2], expected[1::2], strict=True):
        kernel, bias = (np.asarray(found[layer][name]) for name in ("kernel", "bias"))
        differences[f"gradient of {layer}/kernel"] = relative_difference(
            kernel, by_kernel.numpy().transpose(2, 3, 1, 0)
        )
        differences[f"gradient of {layer}/bias"] = relative_difference(bias, by_bias.numpy())
    return differences


def median_times_ms(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median time a slice of each run, all interleaved, the first round left out."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(_REPEATS.value + 1):
        for name, run in runs.items():
            took = seconds(run)
            if repeat:
                times[name].append(1000 * took / _SLICES.value)
    return {name: statistics.median(values) for name, values in times.items()}


def main(argv: list[str]) -> None:
    """Compares, times, prints and writes."""
    del argv
    network = SegmentationNetwork(stages=_STAGES.value)
    short = SegmentationNetwork(stages=_STAGES.value, precision="bfloat16")
    params, stacks = starting_parameters(network), real_stacks()
    params = {layer: params[layer] for layer in sorted(params)}
    labels = np.random.default_rng(0).integers(0, 8, stacks.shape[:3])
    tensors, target = torch_parameters(params), torch.tensor(labels)
    images = torch.tensor(stacks.transpose(0, 3, 1, 2).copy())
    images = images.contiguous(memory_format=torch.channels_last)
    x = jnp.asarray(stacks)

    def torch_forward() -> dict[str, torch.Tensor]:
        with torch.no_grad():
            return torch_network(images, tensors, network.stages)

    _, taps = jax.jit(lambda p, x: network.apply({"params": p}, x))(params, x)
    differences = {
        name: relative_difference(np.asarray(taps[name]), tap.numpy().transpose(0, 2, 3, 1))
        for name, tap in torch_forward().items()
    }
    gradient = compiled_gradient(network, stacks, labels)
    short_gradient = compiled_gradient(short, stacks, labels)
    torch_step = functools.partial(torch_gradient, images, target, tensors, network.stages)
    differences |= gradient_differences(gradient(params), torch_step())

    scores = jax.jit(lambda p, x: network.apply({"params": p}, x)[0])
    short_scores = jax.jit(lambda p, x: short.apply({"params": p}, x)[0])
    medians = median_times_ms(
        {
            "forward, PyTorch float32": torch_forward,
            "forward, ours float32": lambda: scores(params, x).block_until_ready(),
            "forward, ours bfloat16": lambda: short_scores(params, x).block_until_ready(),
            "training, PyTorch float32": torch_step,
            "training, ours float32": lambda: jax.block_until_ready(gradient(params)),
            "training, ours bfloat16": lambda: jax.block_until_ready(short_gradient(params)),
        }
    )
    report(differences, medians)
    sys.exit(int(max(differences[tap] for tap in taps) > ALLOWED_DIFFERENCE))


def report(differences: dict[str, float], medians_ms: dict[str, float]) -> None:
    """Prints both tables and writes the numbers."""
    for name, difference in differences.items():
        print(f"{difference:.1e}  {name}")
    for name, milliseconds in medians_ms.items():
        peer = medians_ms[name.partition(",")[0] + ", PyTorch float32"]
        print(f"{milliseconds:7.1f} ms a slice  {peer / milliseconds:5.2f} x PyTorch  {name}")
    with new_file(Path(_OUT.value)) as temporary:
        temporary.write_text(json.dumps({"differences": differences, "medians_ms": medians_ms}))


if __name__ == "__main__":
    app.run(main)
