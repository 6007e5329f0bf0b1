"""The optimisers against textbook updates in numpy, and the schedules against values by hand."""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np
import optax
import pytest

from brainfcn_jax.training.optimizer import are_kernels, learning_rate_schedule, make_optimizer
from brainfcn_jax.training.settings import OptimizerSettings

Schedule = Literal["constant", "linear_to_zero", "cosine"]

SGD = OptimizerSettings(
    name="sgd",
    learning_rate=0.1,
    schedule="constant",
    warmup_steps=0,
    momentum=0.9,
    weight_decay=0.05,
)
STEPS = 6


def params_and_gradients() -> tuple[dict, list[dict]]:
    """A layer's parameters and the gradients of six steps."""
    random = np.random.default_rng(0)

    def layer() -> dict:
        return {
            "conv1_1": {
                "kernel": random.normal(size=(3, 4)).astype(np.float32),
                "bias": random.normal(size=4).astype(np.float32),
            }
        }

    return layer(), [layer() for _ in range(STEPS)]


def updated(settings: OptimizerSettings) -> dict:
    """The parameters after all steps of the optimiser under test."""
    params, gradients = params_and_gradients()
    optimizer = make_optimizer(settings, STEPS)
    params = {name: {k: jnp.asarray(v) for k, v in part.items()} for name, part in params.items()}
    state = optimizer.init(params)
    for gradient in gradients:
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
    return params["conv1_1"]


@pytest.mark.parametrize("schedule", ["constant", "linear_to_zero", "cosine"])
def test_sgd_equals_caffes_update_written_by_hand(schedule: Schedule) -> None:
    settings = dataclasses.replace(SGD, schedule=schedule, warmup_steps=2)
    rates = learning_rate_schedule(settings, STEPS)
    params, gradients = params_and_gradients()
    expected = params["conv1_1"]
    velocity = {name: np.zeros_like(value) for name, value in expected.items()}
    for step, gradient in enumerate(gradients):
        for name, decay in (("kernel", settings.weight_decay), ("bias", 0.0)):
            decayed = gradient["conv1_1"][name] + decay * expected[name]
            velocity[name] = settings.momentum * velocity[name] + float(rates(step)) * decayed
            expected[name] = expected[name] - velocity[name]

    found = updated(settings)

    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-6, atol=1e-6)


def test_adam_equals_the_textbook_with_decoupled_decay() -> None:
    settings = dataclasses.replace(SGD, name="adam")
    params, gradients = params_and_gradients()
    expected = params["conv1_1"]
    first = {name: np.zeros_like(value) for name, value in expected.items()}
    second = {name: np.zeros_like(value) for name, value in expected.items()}
    for step, gradient in enumerate(gradients, start=1):
        for name, decay in (("kernel", settings.weight_decay), ("bias", 0.0)):
            g = gradient["conv1_1"][name]
            first[name] = 0.9 * first[name] + 0.1 * g
            second[name] = 0.999 * second[name] + 0.001 * g * g
            direction = (first[name] / (1 - 0.9**step)) / (
                np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8
            )
            expected[name] = expected[name] - 0.1 * (direction + decay * expected[name])

    found = updated(settings)

    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-5)


def test_schedules_by_hand() -> None:
    def rates(schedule: Schedule, warmup_steps: int, steps: int) -> list[float]:
        settings = dataclasses.replace(
            SGD, schedule=schedule, warmup_steps=warmup_steps, learning_rate=1.0
        )
        schedule_of = learning_rate_schedule(settings, steps)
        return [round(float(schedule_of(step)), 6) for step in range(steps)]

    assert rates("constant", 0, 3) == [1, 1, 1]
    assert rates("constant", 2, 4) == [0.5, 1, 1, 1]
    assert rates("linear_to_zero", 0, 4) == [1, 0.75, 0.5, 0.25]
    assert rates("linear_to_zero", 2, 4) == [0.5, 1, 1, 0.5]
    assert rates("cosine", 0, 4) == [1, 0.853553, 0.5, 0.146447]
    assert rates("cosine", 2, 2) == [0.5, 1]


def test_tiny_rates_of_the_paper_still_move_float32_weights() -> None:
    settings = dataclasses.replace(SGD, learning_rate=1e-10, weight_decay=0.0)
    optimizer = make_optimizer(settings, 1)
    params = {"fusion": {"kernel": jnp.zeros(2)}}
    updates, _ = optimizer.update(
        {"fusion": {"kernel": jnp.asarray([1e5, 0.0])}}, optimizer.init(params), params
    )
    np.testing.assert_allclose(updates["fusion"]["kernel"], [-1e-5, 0.0], rtol=1e-6)


def test_only_kernels_decay() -> None:
    params, _ = params_and_gradients()
    assert are_kernels(params) == {"conv1_1": {"kernel": True, "bias": False}}
