"""One training step on a batch of slices beside PyTorch: time, and gradients compared.

    python benchmarks/training_beside_torch.py --out=training.json
    python benchmarks/training_beside_torch.py --height=240 --width=240 --out=training240.json

Needs `.[benchmarks]`. A step is forward, backward and the update of SGD with momentum, on the same
parameters, slices and random labels; runs take turns; medians. "as in training" is the tool's whole
step, with augmentation of the images, which PyTorch's does not have. Nothing is rematerialised.
Ours takes the convolutions of `--kernels`, the fastest here unless given.

Gradients are compared array by array, relative to the array's largest value: ours with PyTorch's at
the full size, and both with PyTorch's in float64 on a crop of `--crop` pixels. Where an activation
is within rounding of 0, or two pixels of a pooling are nearly equal, rounding decides which way the
gradient goes; the comparison with float64 shows how much of a difference is whose. On a GPU, both
are also timed in bfloat16, PyTorch compiled. Prints slices a second as well.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import measuring
import numpy as np
import optax
import torch
from absl import app, flags
from our_kernels import MAX_ISA, bfloat16_is_fast, chosen_kernels, described
from slice_batch import chosen_model, middle_slices
from torch.nn import functional
from torch_network import TorchNetwork, gradients, torch_images

from brainfcn_jax.inference.prediction import network_of
from brainfcn_jax.network.fcn import SegmentationNetwork
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.runtime.jax_environment import prepare_jax
from brainfcn_jax.training.batches import Batch
from brainfcn_jax.training.settings import AugmentationSettings
from brainfcn_jax.training.step import (
    Microbatch,
    StepRecipe,
    initial_state,
    loss_and_weight,
    train_step,
)

_STAGES = flags.DEFINE_integer("stages", 4, "Stages of the network.", 4, 5)
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file; the shipped one unless given.")
_SCAN = flags.DEFINE_string("scan", None, "Scan to take slices of; the demo's unless given.")
_SLICES = flags.DEFINE_integer("slices", 4, "Slices in the batch.", 1)
_HEIGHT = flags.DEFINE_integer("height", 176, "Height of a slice.", 16)
_WIDTH = flags.DEFINE_integer("width", 224, "Width of a slice.", 16)
_CROP = flags.DEFINE_integer("crop", 64, "Height and width compared with float64.", 16)
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of each library.", 1)
_REPEATS = flags.DEFINE_integer("repeats", 7, "Timed runs of each.", 1)
_OUT = flags.DEFINE_string("out", None, "JSON file for the numbers.", required=True)

RATE, MOMENTUM = 1e-9, 0.9
"""A rate at which the parameters stay what they are, so that all runs do the same work."""

Gradients = dict[str, np.ndarray]
Run = Callable[[], object]


def recipe_of(network: SegmentationNetwork, model: Model) -> StepRecipe:
    """What the tool's own step is told; its optimiser is the one that PyTorch gets."""
    augmentation = AugmentationSettings(10.0, (0.9, 1.1), mirror=True)
    means = model.description.channel_means
    return StepRecipe(network, optax.sgd(RATE, MOMENTUM), augmentation, means, "mean")


def our_gradients(
    recipe: StepRecipe, model: Model, stacks: np.ndarray, labels: np.ndarray
) -> Gradients:
    """By "layer/name", of the loss summed over the images."""
    batch = microbatch(stacks, labels)
    found = jax.jit(jax.grad(lambda params: loss_and_weight(params, batch, recipe)[0]))(
        jax.device_put(model.params)
    )
    return {
        f"{layer}/{name}": np.asarray(array)
        for layer, arrays in found.items()
        for name, array in arrays.items()
    }


def microbatch(stacks: np.ndarray, labels: np.ndarray) -> Microbatch:
    """All pixels of all images count."""
    valid = np.ones(labels.shape, bool)
    parts = (stacks, labels, valid, np.ones(len(stacks), np.float32))
    return Microbatch(*jax.device_put(parts))


def torch_loss(
    network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """The mean over an image's pixels, summed over the images, as ours has it."""
    return functional.cross_entropy(network(images).float(), labels) * len(images)


def torch_gradients(
    model: Model, stacks: np.ndarray, labels: np.ndarray, dtype: torch.dtype
) -> Gradients:
    """The same, from PyTorch on the CPU."""
    network = TorchNetwork(model.params, model.description.stages).to(dtype)
    scores = network(torch_images(stacks).to(dtype))
    loss = functional.cross_entropy(scores, torch.tensor(labels)) * len(stacks)
    loss.backward()
    return gradients(network)


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest difference over the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def compared_gradients(
    recipe: StepRecipe, model: Model, stacks: np.ndarray, labels: np.ndarray
) -> list[dict[str, Any]]:
    """A row for each array."""
    crop = (slice(None), slice(_CROP.value), slice(_CROP.value))
    middle = tuple(slice((n - _CROP.value) // 2, None) for n in labels.shape[1:])
    small, small_labels = stacks[:, *middle][crop], labels[:, *middle][crop]
    exact = torch_gradients(model, small, small_labels, torch.float64)
    ours_small = our_gradients(recipe, model, small, small_labels)
    torch_small = torch_gradients(model, small, small_labels, torch.float32)
    ours = our_gradients(recipe, model, stacks, labels)
    others = torch_gradients(model, stacks, labels, torch.float32)
    return [
        {
            "gradient": name,
            "ours from PyTorch's": relative_difference(ours[name], others[name]),
            "ours from float64 (crop)": relative_difference(ours_small[name], exact[name]),
            "PyTorch's from float64 (crop)": relative_difference(torch_small[name], exact[name]),
        }
        for name in exact
    ]


def network_in(precision: str, model: Model) -> SegmentationNetwork:
    """The model's network with the convolutions of `--kernels`."""
    return network_of(model).clone(precision=precision, kernels=chosen_kernels(precision))


def our_runs(model: Model, stacks: np.ndarray, labels: np.ndarray) -> dict[str, Run]:
    """Ours, in bfloat16 too where it is not emulated, bare and as in training."""
    runs: dict[str, Run] = {}
    for precision in ("float32", "bfloat16") if bfloat16_is_fast() else ("float32",):
        recipe = recipe_of(network_in(precision, model), model)
        name = f"ours {precision}, {described(recipe.network.kernels)}"
        runs[name] = our_bare_run(recipe, model, stacks, labels)
        runs[f"{name}, as in training"] = our_whole_run(recipe, model, stacks, labels)
    return runs


def our_bare_run(recipe: StepRecipe, model: Model, stacks: np.ndarray, labels: np.ndarray) -> Run:
    """Forward, backward and update; the state of the last step is the next one's."""
    batch = microbatch(stacks, labels)

    @functools.partial(jax.jit, donate_argnums=0)
    def step(state: Any, batch: Microbatch) -> Any:
        params, opt_state = state
        loss = functools.partial(loss_and_weight, recipe=recipe)
        (_, weight), total = jax.value_and_grad(loss, has_aux=True)(params, batch)
        gradient = jax.tree.map(lambda part: part / weight, total)
        updates, opt_state = recipe.optimizer.update(gradient, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    params = jax.tree.map(jnp.array, model.params)
    states = [(params, recipe.optimizer.init(params))]

    def run() -> None:
        states[0] = jax.block_until_ready(step(states[0], batch))

    return run


def our_whole_run(recipe: StepRecipe, model: Model, stacks: np.ndarray, labels: np.ndarray) -> Run:
    """`train_step` on one microbatch of uint8 images, which it augments."""
    means = np.asarray(recipe.channel_means, np.float32)
    images = np.clip(np.rint(stacks + means), 0, 255).astype(np.uint8)
    weight = np.ones((1, len(stacks)), np.float32)
    valid = np.ones((1, *labels.shape), bool)
    batch = jax.device_put(Batch(images[None], labels[None].astype(np.uint8), valid, weight))
    step = jax.jit(functools.partial(train_step, recipe=recipe), donate_argnums=0)
    params = jax.tree.map(jnp.array, model.params)
    states = [initial_state(jax.random.key(0), params, recipe.optimizer)]

    def run() -> None:
        states[0] = jax.block_until_ready(step(states[0], batch)[0])

    return run


def torch_runs(model: Model, stacks: np.ndarray, labels: np.ndarray) -> dict[str, Run]:
    """PyTorch's, eager and compiled; in bfloat16 too on a GPU."""
    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    runs: dict[str, Run] = {}
    for precision in ("float32", "bfloat16") if device == "cuda" else ("float32",):
        for name, wrap in {"PyTorch eager": lambda f: f, "torch.compile": torch.compile}.items():
            network = TorchNetwork(model.params, model.description.stages)
            network = network.to(device, memory_format=torch.channels_last)
            arguments = (torch_images(stacks).to(device), torch.tensor(labels).to(device))
            runs[f"{name} {precision}"] = torch_step(
                network, wrap(functools.partial(torch_loss, network)), arguments, precision
            )
    return runs


def torch_step(
    network: TorchNetwork,
    loss: Callable[..., torch.Tensor],
    arguments: tuple[torch.Tensor, torch.Tensor],
    precision: str,
) -> Run:
    """Forward, backward and update in PyTorch."""
    images, labels = arguments
    optimizer = torch.optim.SGD(network.parameters(), RATE, MOMENTUM)
    short = torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bfloat16")

    def run() -> None:
        optimizer.zero_grad(set_to_none=True)
        with short:
            total = loss(images, labels)
        (total / len(images)).backward()
        optimizer.step()
        if images.is_cuda:
            torch.cuda.synchronize()

    return run


def main(argv: list[str]) -> None:
    """Compares, times, prints and writes."""
    del argv
    measuring.use_threads(_THREADS.value)
    measuring.limit_instruction_sets(MAX_ISA.value)
    prepare_jax()
    torch.set_num_threads(_THREADS.value)
    model = chosen_model(_STAGES.value, _WEIGHTS.value)
    height, width = _HEIGHT.value, _WIDTH.value
    stacks = middle_slices(model, _SCAN.value, _SLICES.value, height, width)
    labels = np.random.default_rng(0).integers(0, 8, stacks.shape[:3])
    compared = compared_gradients(
        recipe_of(network_in("float32", model), model), model, stacks, labels
    )
    runs = our_runs(model, stacks, labels) | torch_runs(model, stacks, labels)
    medians = measuring.interleaved_medians(runs, _REPEATS.value)
    peer = min(took for name, took in medians.items() if "ours" not in name and "32" in name)
    rows = [
        {
            "training step": name,
            "ms a slice": 1000 * took / _SLICES.value,
            "slices a second": _SLICES.value / took,
            "times as fast as PyTorch float32": peer / took,
        }
        for name, took in medians.items()
    ]
    title = f"{_STAGES.value} stages, {_SLICES.value} slices of {height}x{width}"
    title += f", at most {MAX_ISA.value}" if MAX_ISA.value else ""
    measuring.write_results(
        _OUT.value,
        {f"{title}, {_THREADS.value} threads": rows, "Relative differences": compared},
    )


if __name__ == "__main__":
    app.run(main)
