"""What GPUs and TPUs would run: programs lowered for them on this machine, which has neither."""

import functools
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export
from jaxtyping import Array

from brainfcn_jax.network.fcn import SegmentationNetwork
from brainfcn_jax.training.batches import Batch
from brainfcn_jax.training.devices import launch
from brainfcn_jax.training.optimizer import make_optimizer
from brainfcn_jax.training.settings import AugmentationSettings, OptimizerSettings
from brainfcn_jax.training.step import StepRecipe, initial_state, train_step

STAGES, CONVOLUTIONS = 4, 10 + 4  # of VGG16, and one of class scores a stage
SIZE = 16
PLATFORMS = ("cuda", "tpu")


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def network(request: pytest.FixtureRequest) -> SegmentationNetwork:
    return SegmentationNetwork(stages=STAGES, precision=request.param)


def shapes_of(network: SegmentationNetwork) -> dict[str, dict[str, jax.ShapeDtypeStruct]]:
    """The parameters' shapes."""
    images = jnp.zeros((1, SIZE, SIZE, 3))
    found = jax.eval_shape(lambda key: network.init(key, images)["params"], jax.random.key(0))
    return dict(found)


def convolutions(program: str) -> list[tuple[str, str, str]]:
    """Number types of each convolution's images, kernel and sums."""
    number = r"tensor<[\dx]*x(\w+)>"
    return re.findall(rf"stablehlo\.convolution.*: \({number}, {number}\) -> {number}", program)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_inference_is_plain_convolutions_summed_in_float32(
    network: SegmentationNetwork, platform: str
) -> None:
    def labels(params: dict[str, dict[str, Array]], images: Array) -> Array:
        return jnp.argmax(network.apply({"params": params}, images)[0], axis=-1)

    images = jax.ShapeDtypeStruct((2, SIZE, SIZE, 3), jnp.float32)
    lowered = export.export(jax.jit(labels), platforms=[platform])(shapes_of(network), images)
    program = lowered.mlir_module()
    assert "custom_call" not in program
    products = {"float32": "f32", "bfloat16": "bf16"}[network.precision]
    assert convolutions(program) == [(products, products, "f32")] * CONVOLUTIONS


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_training_step_is_plain_too_and_takes_the_memory_of_the_state_before(
    network: SegmentationNetwork, platform: str
) -> None:
    optimizer = make_optimizer(
        OptimizerSettings(
            name="sgd",
            learning_rate=1e-3,
            schedule="constant",
            warmup_steps=0,
            momentum=0.9,
            weight_decay=0.005,
        ),
        10,
    )
    still = AugmentationSettings(rotation_degrees=0.0, scale_range=(1.0, 1.0), mirror=False)
    recipe = StepRecipe(network, optimizer, still, (1.0, 2.0, 3.0), "mean")
    state = jax.eval_shape(
        lambda params: initial_state(jax.random.key(1), params, optimizer), shapes_of(network)
    )
    pixels = (1, 2, SIZE, SIZE)  # microbatch, image, height, width
    batch = Batch(
        images=np.zeros((*pixels, 3), np.uint8),
        labels=np.zeros(pixels, np.uint8),
        valid=np.ones(pixels, bool),
        weight=np.ones(pixels[:2], np.float32),
    )
    step: Any = launch(functools.partial(train_step, recipe=recipe), "jit")
    program = export.export(step, platforms=[platform])(state, batch).mlir_module()
    assert "custom_call" not in program
    products = {"float32": "f32", "bfloat16": "bf16"}[network.precision]
    found = convolutions(program)
    assert set(found) == {(products, products, "f32")}
    # Forward; by the kernel; and by the images, which the first layer has no use for.
    assert len(found) == 3 * CONVOLUTIONS - 1
    assert step.trace(state, batch).lower().as_text().count("tf.aliasing_output") == len(
        jax.tree.leaves(state)
    )
