"""jit on one device and pmap on eight simulated ones make the same steps."""

import functools

import jax
import numpy as np
from support.narrow import network_and_params

from brainfcn_jax.training.batches import Batch, BatchShape, TrainingVolume, batches
from brainfcn_jax.training.devices import (
    abstract,
    device_count,
    launch,
    run_compiled,
    split_microbatches,
)
from brainfcn_jax.training.optimizer import make_optimizer
from brainfcn_jax.training.settings import AugmentationSettings, OptimizerSettings
from brainfcn_jax.training.step import StepRecipe, initial_state, train_step

STEPS = 3
SGD = OptimizerSettings(
    name="sgd",
    learning_rate=1e-2,
    schedule="linear_to_zero",
    warmup_steps=1,
    momentum=0.9,
    weight_decay=0.005,
)
MOVING = AugmentationSettings(rotation_degrees=20.0, scale_range=(0.8, 1.2), mirror=True)


def tiny_batches() -> list[Batch]:
    """Batches of 13 images in eight microbatches of two: devices 7 and 8 get only fillers."""
    random = np.random.default_rng(0)
    volume = TrainingVolume(
        name="a",
        stacks=random.integers(0, 256, (9, 14, 16, 3), np.uint8),
        labels=random.integers(0, 8, (9, 14, 16), np.uint8),
        has_head=np.ones(9, bool),
    )
    shape = BatchShape(images=13, microbatches=8, images_per_microbatch=2, height=16, width=16)
    return list(batches([volume], shape, 0, range(STEPS), range(shape.microbatches)))


def test_jit_and_pmap_agree_on_eight_devices(devices: list[jax.Device]) -> None:
    assert len(devices) == 8
    network, params = network_and_params()
    recipe = StepRecipe(network, make_optimizer(SGD, STEPS), MOVING, (99.0, 100.0, 101.0), "mean")
    step = functools.partial(train_step, recipe=recipe)
    one, eight = launch(step, "jit"), launch(step, "pmap")
    shared = initial_state(jax.random.key(1), params, recipe.optimizer)
    alone = jax.tree.map(lambda leaf: leaf.copy(), shared)

    for batch in tiny_batches():
        alone, alone_metrics = one(alone, batch)
        shared, shared_metrics = eight(shared, batch)
        assert shared_metrics["images"] == alone_metrics["images"] == 13
        for name, value in alone_metrics.items():
            np.testing.assert_allclose(shared_metrics[name], value, rtol=1e-5, err_msg=name)

    assert shared.step == alone.step == STEPS
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6),
        (shared.params, shared.opt_state),
        (alone.params, alone.opt_state),
    )
    moved = jax.tree.map(lambda a, b: float(abs(a - b).max()), alone.params, params)
    assert min(jax.tree.leaves(moved)) > 0


def test_microbatches_go_to_devices_in_equal_runs() -> None:
    batch = tiny_batches()[0]
    split = split_microbatches(batch, 4)
    assert split.images.shape == (4, 2, 2, 16, 16, 3)
    np.testing.assert_array_equal(split.weight[3, 1], batch.weight[7])


def test_device_count(devices: list[jax.Device]) -> None:
    assert device_count("jit") == 1
    assert device_count("pmap") == len(devices)


def test_abstract_keeps_shapes_and_places() -> None:
    state = initial_state(jax.random.key(0), {"a": {"kernel": np.ones(3)}}, make_optimizer(SGD, 1))
    state = run_compiled(lambda _, s: s, None, state)
    found = abstract(state)
    assert found.params["a"]["kernel"].shape == (3,)
    assert found.params["a"]["kernel"].sharding == state.params["a"]["kernel"].sharding
    assert found.key.dtype == state.key.dtype
