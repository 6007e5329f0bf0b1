"""The network beside the same network in PyTorch: taps, gradients, and time for each.

    python benchmarks/network_against_torch.py --scan=T1w.nii.gz --vgg16=FILE --out=FILE.json

Runs slices of the scan through both with the published VGG16 weights (needs `.[benchmarks]`).
Prints the largest difference of each tap and of each gradient, relative to its largest value, then
the median time of a slice, forward and in training, runs interleaved, both on all cores. Ends with
1 when a tap or a gradient differs by more than 1e-4.
"""

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

from brainfcn_jax.devices import run_compiled
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
    params = run_compiled(network.init, jax.random.key(0), jnp.zeros((1, 16, 16, 3)))["params"]
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


def main(argv: list[str]) -> None:
    """Compares, times, prints and writes."""
    del argv
    network = SegmentationNetwork(stages=_STAGES.value)
    params, stacks = starting_parameters(network), real_stacks()
    labels = np.random.default_rng(0).integers(0, 8, stacks.shape[:3])
    tensors = torch_parameters(params)
    images = torch.tensor(stacks.transpose(0, 3, 1, 2).copy()).contiguous(
        memory_format=torch.channels_last
    )
    target = torch.tensor(labels)

    def torch_loss() -> torch.Tensor:
        scores = torch_network(images, tensors, network.stages)["fusion"]
        return functional.cross_entropy(scores, target)

    def loss(params: dict, precision: str) -> jax.Array:
        model = SegmentationNetwork(stages=network.stages, precision=precision)
        scores, _ = model.apply({"params": params}, jnp.asarray(stacks))
        chosen = jax.nn.one_hot(labels, 8)
        return -jnp.mean(jnp.sum(jax.nn.log_softmax(scores) * chosen, -1))

    leaves = [tensor for layer in tensors.values() for tensor in layer.values()]
    forward = jax.jit(lambda p, x: network.apply({"params": p}, x))
    gradients = {
        precision: jax.jit(lambda p, precision=precision: jax.grad(loss)(p, precision))
        for precision in ("float32", "bfloat16")
    }
    short = SegmentationNetwork(stages=network.stages, precision="bfloat16")
    short_forward = jax.jit(lambda p, x: short.apply({"params": p}, x)[0])
    logits_only = jax.jit(lambda p, x: network.apply({"params": p}, x)[0])

    _, taps = forward(params, stacks)
    with torch.no_grad():
        expected = torch_network(images, tensors, network.stages)
    differences = {
        name: relative_difference(np.asarray(taps[name]), tap.numpy().transpose(0, 2, 3, 1))
        for name, tap in expected.items()
    }
    found = gradients["float32"](params)
    expected_gradients = iter(torch.autograd.grad(torch_loss(), leaves))
    for layer in tensors:
        by_kernel, by_bias = next(expected_gradients), next(expected_gradients)
        differences[f"gradient of {layer}/kernel"] = relative_difference(
            np.asarray(found[layer]["kernel"]), by_kernel.numpy().transpose(2, 3, 1, 0)
        )
        differences[f"gradient of {layer}/bias"] = relative_difference(
            np.asarray(found[layer]["bias"]), by_bias.numpy()
        )

    def torch_forward() -> None:
        with torch.no_grad():
            torch_network(images, tensors, network.stages)

    x = jnp.asarray(stacks)
    runs: dict[str, Callable[[], object]] = {
        "forward, PyTorch float32": torch_forward,
        "forward, ours float32": lambda: logits_only(params, x).block_until_ready(),
        "forward, ours bfloat16": lambda: short_forward(params, x).block_until_ready(),
        "training, PyTorch float32": lambda: torch.autograd.grad(torch_loss(), leaves),
        "training, ours float32": lambda: jax.block_until_ready(gradients["float32"](params)),
        "training, ours bfloat16": lambda: jax.block_until_ready(gradients["bfloat16"](params)),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(_REPEATS.value + 1):
        for name, run in runs.items():
            took = seconds(run)
            if repeat:
                times[name].append(1000 * took / _SLICES.value)

    for name, difference in differences.items():
        print(f"{difference:.1e}  {name}")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, milliseconds in medians.items():
        peer = medians[name.partition(",")[0] + ", PyTorch float32"]
        print(f"{milliseconds:7.1f} ms a slice  {peer / milliseconds:5.2f} x PyTorch  {name}")
    with new_file(Path(_OUT.value)) as temporary:
        temporary.write_text(json.dumps({"differences": differences, "medians_ms": medians}))
    sys.exit(int(max(differences.values()) > ALLOWED_DIFFERENCE))


if __name__ == "__main__":
    app.run(main)
