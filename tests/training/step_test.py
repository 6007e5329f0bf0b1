"""The training step: losses by hand, accumulation, fillers, padding, randomness."""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.narrow import network_and_params

from brainfcn_jax.training.batches import Batch
from brainfcn_jax.training.devices import CompiledStep
from brainfcn_jax.training.settings import AugmentationSettings
from brainfcn_jax.training.step import (
    StepRecipe,
    TrainState,
    augmented_input,
    image_losses,
    initial_state,
    train_step,
)

STILL = AugmentationSettings(rotation_degrees=0.0, scale_range=(1.0, 1.0), mirror=False)
MOVING = AugmentationSettings(rotation_degrees=20.0, scale_range=(0.8, 1.2), mirror=True)
IMAGES = 6
MOST_FILLERS = 2
SIZE = 16


def batch_of(images_per_microbatch: int, fillers: int = 0) -> Batch:
    """The same six images in microbatches of any number, with fillers of random content."""
    random = np.random.default_rng(0)
    total = IMAGES + MOST_FILLERS
    size = (total, SIZE, SIZE)
    valid = np.ones(size, bool)
    valid[:, :3] = False
    leaves = (
        random.integers(0, 256, (*size, 3), np.uint8),
        random.integers(0, 8, size, np.uint8),
        valid,
        (np.arange(total) < IMAGES).astype(np.float32),
    )
    used = (leaf[: IMAGES + fillers] for leaf in leaves)
    return Batch(*(leaf.reshape(-1, images_per_microbatch, *leaf.shape[1:]) for leaf in used))


@pytest.fixture(scope="module")
def recipe() -> StepRecipe:
    """Plain gradient descent on a narrow network, without augmentation."""
    network, _ = network_and_params()
    return StepRecipe(network, optax.sgd(0.1), STILL, (100.0, 110.0, 120.0), "mean")


@pytest.fixture(scope="module")
def step(recipe: StepRecipe) -> CompiledStep:
    """The step on one device."""
    return jax.jit(functools.partial(train_step, recipe=recipe))


def state_of(recipe: StepRecipe) -> TrainState:
    """The state before the first step."""
    _, params = network_and_params()
    return initial_state(jax.random.key(3), params, recipe.optimizer)


def assert_same(found: TrainState, expected: TrainState, rtol: float = 1e-4) -> None:
    """The same parameters up to the order of the sums."""
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=rtol, atol=1e-5),
        found.params,
        expected.params,
    )


def test_losses_by_hand() -> None:
    logits = jnp.zeros((3, 2, 2, 8)).at[1, :, :, 5].set(math.log(9.0))
    labels = jnp.full((3, 2, 2), 5, jnp.int32)
    valid = jnp.ones((3, 2, 2), bool).at[0, 0, 0].set(False).at[2].set(False)
    # Without knowledge log(8) a pixel; with a score of log(9) against seven zeros log(16 / 9).
    sums = [3 * math.log(8), 4 * math.log(16 / 9), 0.0]
    np.testing.assert_allclose(image_losses(logits, labels, valid, "sum"), sums, rtol=1e-6)
    means = [math.log(8), math.log(16 / 9), 0.0]
    np.testing.assert_allclose(image_losses(logits, labels, valid, "mean"), means, rtol=1e-6)


def test_microbatches_give_the_step_of_one_large_batch(
    recipe: StepRecipe, step: CompiledStep
) -> None:
    before = state_of(recipe)
    whole, whole_metrics = step(before, batch_of(6))
    parts, metrics = step(before, batch_of(2))
    assert_same(parts, whole)
    np.testing.assert_allclose(metrics["loss"], whole_metrics["loss"], rtol=1e-5)
    assert metrics["images"] == IMAGES


def test_the_gradient_is_that_of_the_mean_over_images(
    recipe: StepRecipe, step: CompiledStep
) -> None:
    before, batch = state_of(recipe), batch_of(6)

    def mean_loss(params: dict) -> jax.Array:
        stacks = jnp.asarray(batch.images[0] - np.asarray((100, 110, 120), np.float32))
        logits, _ = recipe.network.apply({"params": params}, stacks)
        log_shares = jax.nn.log_softmax(logits)
        right = jnp.take_along_axis(log_shares, jnp.int32(batch.labels[0])[..., None], axis=-1)
        return -jnp.mean(right[..., 0][batch.valid[0]])

    loss, gradient = jax.jit(jax.value_and_grad(mean_loss))(before.params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, before.params, gradient)

    after, metrics = step(before, batch)

    assert_same(after, before._replace(params=expected))
    np.testing.assert_allclose(metrics["loss"], loss, rtol=1e-5)
    norm = math.sqrt(sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(gradient)))
    np.testing.assert_allclose(metrics["gradient_norm"], norm, rtol=1e-4)


def test_fillers_change_nothing(recipe: StepRecipe, step: CompiledStep) -> None:
    before = state_of(recipe)
    plain, _ = step(before, batch_of(2, fillers=2))
    alone, _ = step(before, batch_of(2))
    assert_same(plain, alone)


def test_what_only_pads_carries_no_loss(recipe: StepRecipe, step: CompiledStep) -> None:
    before, batch = state_of(recipe), batch_of(2)
    other = batch._replace(labels=np.where(batch.valid, batch.labels, 7).astype(np.uint8))
    assert (batch.labels != other.labels).any()
    same, _ = step(before, batch)
    also, _ = step(before, other)
    jax.tree.map(np.testing.assert_array_equal, same.params, also.params)


def test_augmentation_is_a_function_of_key_and_step(recipe: StepRecipe) -> None:
    moving = dataclasses.replace(recipe, augmentation=MOVING)
    step = jax.jit(functools.partial(train_step, recipe=moving))
    before, batch = state_of(recipe), batch_of(2)
    loss = step(before, batch)[1]["loss"]
    assert step(before, batch)[1]["loss"] == loss
    assert step(before._replace(step=jnp.int32(1)), batch)[1]["loss"] != loss
    assert step(before._replace(key=jax.random.key(4)), batch)[1]["loss"] != loss


def test_images_of_another_contrast_keep_their_labels(recipe: StepRecipe) -> None:
    remapping = dataclasses.replace(STILL, remapped_fraction=1.0)
    batch = batch_of(IMAGES)
    images, labels, valid = map(jnp.asarray, (batch.images[0], batch.labels[0], batch.valid[0]))
    key = jax.random.key(0)
    plain = augmented_input(key, images, labels, valid, recipe)
    other = dataclasses.replace(recipe, augmentation=remapping)
    changed = augmented_input(key, images, labels, valid, other)
    assert np.mean(np.asarray(plain[0]) != np.asarray(changed[0])) > 0.9
    for before, after in zip(plain[1:], changed[1:], strict=True):
        np.testing.assert_array_equal(before, after)


def test_the_state_counts_steps_and_keeps_its_key(recipe: StepRecipe, step: CompiledStep) -> None:
    before = state_of(recipe)
    after, _ = step(before, batch_of(2))
    assert after.step == before.step + 1
    assert jax.tree.map(lambda leaf: leaf.dtype, after) == jax.tree.map(
        lambda leaf: leaf.dtype, before
    )
    assert (jax.random.key_data(after.key) == jax.random.key_data(before.key)).all()
