"""The optimisers and learning-rate schedules that a config can name (pure JAX, optax)."""

from typing import Any

import jax
import optax

from brainfcn_jax.training.settings import OptimizerSettings


def make_optimizer(settings: OptimizerSettings, steps: int) -> optax.GradientTransformation:
    """Return the optimiser of a run of `steps` steps, with the learning rate's schedule built in.

    "sgd" follows Caffe, where the rate is multiplied into the velocity, and so are changes of it:

        v <- momentum * v + rate * (gradient + weight_decay * w)
        w <- w - v

    "adam" is Adam with decoupled weight decay (AdamW); `momentum` is its beta 1. Weight decay
    leaves biases alone in both.

    Source: Jia et al., "Caffe: Convolutional Architecture for Fast Feature Embedding", 2014, and
    its SGDSolver; Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
    """
    decay = optax.add_decayed_weights(settings.weight_decay, mask=are_kernels)
    minus_rate = optax.scale_by_learning_rate(learning_rate_schedule(settings, steps))
    if settings.name == "sgd":
        return optax.chain(decay, minus_rate, optax.trace(settings.momentum))
    assert settings.name == "adam", settings.name
    return optax.chain(optax.scale_by_adam(b1=settings.momentum), decay, minus_rate)


def learning_rate_schedule(settings: OptimizerSettings, steps: int) -> optax.Schedule:
    """Return the learning rate of each step, counted from 0.

    rate(step) = learning_rate * min(1, (step + 1) / warmup_steps) * fall(p), where p rises from 0
    at the end of the warm-up to 1 after the last step, and fall(p) is 1 ("constant"), 1 - p
    ("linear_to_zero") or (1 + cos(pi p)) / 2 ("cosine").
    """
    peak, warmup = settings.learning_rate, settings.warmup_steps
    falling = max(steps - warmup, 1)
    after_warmup = {
        "constant": optax.constant_schedule(peak),
        "linear_to_zero": optax.linear_schedule(peak, 0.0, falling),
        "cosine": optax.cosine_decay_schedule(peak, falling),
    }[settings.schedule]
    if warmup == 0:
        return after_warmup
    rise = optax.linear_schedule(peak / warmup, peak * (warmup + 1) / warmup, warmup)
    return optax.join_schedules([rise, after_warmup], [warmup])


def are_kernels(params: Any) -> Any:
    """Return True for every leaf named "kernel", False for the rest, in the tree's own shape."""
    return jax.tree_util.tree_map_with_path(
        lambda path, _: path[-1] == jax.tree_util.DictKey("kernel"), params
    )
