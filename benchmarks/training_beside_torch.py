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
import sys
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import measuring
import networks
import numpy as np
import optax
from arguments import Flags

from brainfcn_jax.network.model_file import Model
from brainfcn_jax.training.batches import Batch
from brainfcn_jax.training.settings import AugmentationSettings
from brainfcn_jax.training.step import (
    Microbatch,
    StepRecipe,
    initial_state,
    loss_and_weight,
    train_step,
)

RATE, MOMENTUM = 1e-9, 0.9
"""A rate at which the parameters stay what they are, so that all runs do the same work."""

Gradients = dict[str, np.ndarray]
Run = Callable[[], object]


def recipe_of(model: Model, precision: str, asked: str | None) -> StepRecipe:
    """Return what the tool's own step is told; its optimiser is the one that PyTorch gets."""
    network = networks.network_in(precision, model, networks.chosen_kernels(asked, precision))
    augmentation = AugmentationSettings(10.0, (0.9, 1.1), mirror=True)
    means = model.description.channel_means
    return StepRecipe(network, optax.sgd(RATE, MOMENTUM), augmentation, means, "mean")


def our_gradients(
    recipe: StepRecipe, model: Model, stacks: np.ndarray, labels: np.ndarray
) -> Gradients:
    """Return them by "layer/name", of the loss summed over the images."""
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
    """Return a batch in which all pixels of all images count."""
    valid = np.ones(labels.shape, bool)
    parts = (stacks, labels, valid, np.ones(len(stacks), np.float32))
    return Microbatch(*jax.device_put(parts))


def relative_difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest difference over the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def compared_gradients(
    recipe: StepRecipe, model: Model, stacks: np.ndarray, labels: np.ndarray, crop: int
) -> list[dict[str, Any]]:
    """Return a row for each array."""
    import torch_peers

    rows, columns = (slice((n - crop) // 2, (n - crop) // 2 + crop) for n in labels.shape[1:])
    small, small_labels = stacks[:, rows, columns], labels[:, rows, columns]
    exact = torch_peers.gradients(model, small, small_labels, "float64")
    ours_small = our_gradients(recipe, model, small, small_labels)
    torch_small = torch_peers.gradients(model, small, small_labels, "float32")
    ours = our_gradients(recipe, model, stacks, labels)
    others = torch_peers.gradients(model, stacks, labels, "float32")
    return [
        {
            "gradient": name,
            "ours from PyTorch's": relative_difference(ours[name], others[name]),
            "ours from float64 (crop)": relative_difference(ours_small[name], exact[name]),
            "PyTorch's from float64 (crop)": relative_difference(torch_small[name], exact[name]),
        }
        for name in exact
    ]


def our_runs(
    model: Model, stacks: np.ndarray, labels: np.ndarray, asked: str | None
) -> dict[str, Run]:
    """Return ours, in bfloat16 too where it is not emulated, bare and as in training."""
    runs: dict[str, Run] = {}
    for precision in ("float32", "bfloat16") if networks.bfloat16_is_fast(asked) else ("float32",):
        recipe = recipe_of(model, precision, asked)
        name = networks.described(precision, recipe.network.kernels)
        runs[name] = our_bare_run(recipe, model, stacks, labels)
        runs[f"{name}, as in training"] = our_whole_run(recipe, model, stacks, labels)
    return runs


def our_bare_run(recipe: StepRecipe, model: Model, stacks: np.ndarray, labels: np.ndarray) -> Run:
    """Return forward, backward and update; the state of the last step is the next one's."""
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
    """Return `train_step` on one microbatch of uint8 images, which it augments."""
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


def flags() -> Flags:
    """Return the flags."""
    found = Flags(__doc__)
    found.slices(176, 224)
    found.kernels()
    found.timing(7)
    found.number("crop", 64, "Height and width compared with float64.", 16)
    return found


def main(arguments: Sequence[str]) -> None:
    """Compare, time, print and write."""
    import torch
    import torch_peers

    asked = flags().parse_args(arguments)
    networks.prepare(asked)
    torch.set_num_threads(asked.threads)
    model = networks.chosen_model(asked)
    stacks = networks.middle_slices(model, asked)
    labels = np.random.default_rng(0).integers(0, 8, stacks.shape[:3])
    recipe = recipe_of(model, "float32", asked.kernels)
    gradients = compared_gradients(recipe, model, stacks, labels, asked.crop)
    runs = our_runs(model, stacks, labels, asked.kernels)
    runs |= torch_peers.training_runs(model, stacks, labels, RATE, MOMENTUM)
    medians = measuring.interleaved_medians(runs, asked.repeats)
    peer = min(took for name, took in medians.items() if "ours" not in name and "32" in name)
    rows = [
        {
            "training step": name,
            "ms a slice": 1000 * took / asked.slices,
            "slices a second": asked.slices / took,
            "times as fast as PyTorch float32": peer / took,
        }
        for name, took in medians.items()
    ]
    tables = {networks.title(asked): rows, "Relative differences": gradients}
    measuring.write_results(asked.out, tables)


if __name__ == "__main__":
    main(sys.argv[1:])
