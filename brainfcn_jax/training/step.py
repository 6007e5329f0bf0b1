"""One step of training, as a pure function of the state and the batch (pure JAX)."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

from brainfcn_jax.network.fcn import SegmentationNetwork, subtract_mean
from brainfcn_jax.training.augmentation import augment, remapped
from brainfcn_jax.training.batches import Batch
from brainfcn_jax.training.settings import AugmentationSettings

Params = Any
Metrics = dict[str, Array]


class TrainState(NamedTuple):
    """Everything that a step changes, and the key that its randomness comes from.

    Attributes:
        step: how many steps have been made.
        params: the network's parameters, float32.
        opt_state: the optimiser's.
        key: never changes; each step folds its own number into it.
    """

    step: Int[Array, ""]
    params: Params
    opt_state: optax.OptState
    key: PRNGKeyArray


@dataclass(frozen=True)
class StepRecipe:
    """What stays the same from step to step.

    Attributes:
        network: whose parameters are trained.
        optimizer: turns a step's mean gradient into updates.
        augmentation: how far images are turned, scaled and mirrored.
        channel_means: subtracted from the stacks.
        loss: "sum" or "mean" over the pixels of an image; over images it is always the mean.
    """

    network: SegmentationNetwork
    optimizer: optax.GradientTransformation
    augmentation: AugmentationSettings
    channel_means: tuple[float, float, float]
    loss: str


class Microbatch(NamedTuple):
    """Images that go through the network together, ready for it."""

    stacks: Float[Array, "image height width 3"]
    labels: Int[Array, "image height width"]
    valid: Bool[Array, "image height width"]
    weight: Float[Array, " image"]


def initial_state(
    key: PRNGKeyArray, params: Params, optimizer: optax.GradientTransformation
) -> TrainState:
    """Return the state before the first step; `key` gives all randomness of the steps."""
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        opt_state=optimizer.init(params),
        key=key,
    )


def image_losses(
    logits: Float[Array, "image height width classes"],
    labels: Int[Array, "image height width"],
    valid: Bool[Array, "image height width"],
    reduction: str,
) -> Float[Array, " image"]:
    """Return multinomial logistic loss of each image, summed or averaged over its valid pixels.

    A pixel's loss is log(sum over classes c of exp(logit_c)) - logit_label. An image without a
    valid pixel has loss 0.

    Source: Xu et al. 2017, section 2.3; summed over pixels as in Caffe's FCN recipes.
    """
    assert reduction in ("sum", "mean"), reduction
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    sums = jnp.sum(jnp.where(valid, losses, 0.0), axis=(1, 2))
    if reduction == "sum":
        return sums
    pixels = jnp.sum(valid.astype(jnp.float32), axis=(1, 2))
    return sums / jnp.maximum(pixels, 1.0)


def loss_and_weight(
    params: Params, microbatch: Microbatch, recipe: StepRecipe
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return the sum of the images' losses and the number of images; fillers count in neither."""
    logits, _ = recipe.network.apply({"params": params}, microbatch.stacks)
    losses = image_losses(logits, microbatch.labels, microbatch.valid, recipe.loss)
    return jnp.sum(losses * microbatch.weight), jnp.sum(microbatch.weight)


def augmented_input(
    key: PRNGKeyArray,
    images: UInt8[Array, "image height width 3"],
    labels: UInt8[Array, "image height width"],
    valid: Bool[Array, "image height width"],
    recipe: StepRecipe,
) -> tuple[
    Float[Array, "image height width 3"],
    Int[Array, "image height width"],
    Bool[Array, "image height width"],
]:
    """Return augmented, mean-subtracted images with their labels and valid pixels."""
    fraction = recipe.augmentation.remapped_fraction
    if fraction > 0:
        images = remapped(jax.random.fold_in(key, 1), images, fraction)
    turned, turned_labels, turned_valid = augment(
        key,
        images.astype(jnp.float32),
        labels.astype(jnp.int32),
        valid,
        recipe.augmentation.rotation_degrees,
        recipe.augmentation.scale_range,
        recipe.augmentation.mirror,
    )
    means = jnp.asarray(recipe.channel_means, jnp.float32)
    return subtract_mean(turned, means), turned_labels, turned_valid


def microbatch_gradient(
    state: TrainState, number: Int[Array, ""], part: Any, recipe: StepRecipe
) -> tuple[Params, Float[Array, ""], Float[Array, ""]]:
    """Return the gradient of a microbatch's summed loss, that loss, and its number of images.

    `part` is a microbatch of a `Batch`, traced.
    """
    key = jax.random.fold_in(jax.random.fold_in(state.key, state.step), number)
    prepared = augmented_input(key, part.images, part.labels, part.valid, recipe)
    microbatch = Microbatch(*prepared, weight=part.weight)
    (loss, weight), gradient = jax.value_and_grad(loss_and_weight, has_aux=True)(
        state.params, microbatch, recipe
    )
    return gradient, loss, weight


def train_step(
    state: TrainState, batch: Batch, *, recipe: StepRecipe, axis_name: str | None = None
) -> tuple[TrainState, Metrics]:
    """Return one optimiser step on the mean loss of a batch's images.

    >>> few = ((2, 2), (2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2))
    >>> network = SegmentationNetwork(stages=1, widths=few)
    >>> still = AugmentationSettings(rotation_degrees=0.0, scale_range=(1.0, 1.0), mirror=False)
    >>> recipe = StepRecipe(network, optax.sgd(0.1), still, (0.0, 0.0, 0.0), "mean")
    >>> params = network.init(jax.random.key(0), jnp.zeros((1, 4, 4, 3)))["params"]
    >>> state = initial_state(jax.random.key(1), params, recipe.optimizer)
    >>> pixels = (1, 1, 4, 4)  # microbatch, image, height, width
    >>> batch = Batch(
    ...     images=np.full((*pixels, 3), 9, np.uint8),
    ...     labels=np.ones(pixels, np.uint8),
    ...     valid=np.ones(pixels, bool),
    ...     weight=np.ones((1, 1), np.float32),
    ... )
    >>> after, metrics = train_step(state, batch, recipe=recipe)
    >>> int(after.step), round(float(metrics["loss"]), 2)  # log 8: nothing is known of 8 classes
    (1, 2.08)

    The batch's leaves are (microbatch, image, ...): gradients are summed over microbatches one
    after the other, so that no more than one microbatch's activations exist at a time, and over
    `axis_name` when the microbatches are shared out over devices; the division by the number of
    images comes once, at the end. A microbatch's randomness depends on its number in the whole
    batch alone, not on the device it falls to.

    Returns:
        The state after the step, and of the step: `loss` (mean over images), `images`,
        `gradient_norm`, and `parameter_norm` after the update (not finite when any one is not).
    """
    microbatches = batch.weight.shape[0]
    first = 0 if axis_name is None else lax.axis_index(axis_name) * microbatches

    def add_microbatch(totals: Any, numbered: tuple[Array, Any]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, totals, microbatch_gradient(state, *numbered, recipe)), None

    zero = jnp.zeros((), jnp.float32)
    nothing = (jax.tree.map(jnp.zeros_like, state.params), zero, zero)
    numbers = first + jnp.arange(microbatches, dtype=jnp.int32)
    totals, _ = lax.scan(add_microbatch, nothing, (numbers, batch))
    if axis_name is not None:
        totals = lax.psum(totals, axis_name)
    gradient_sum, loss_sum, images = totals
    gradient = jax.tree.map(lambda total: total / images, gradient_sum)

    updates, opt_state = recipe.optimizer.update(gradient, state.opt_state, state.params)
    params = optax.apply_updates(state.params, updates)
    metrics = {
        "loss": loss_sum / images,
        "images": images,
        "gradient_norm": optax.tree.norm(gradient),
        "parameter_norm": optax.tree.norm(params),
    }
    return TrainState(state.step + 1, params, opt_state, state.key), metrics
