"""The network against an independent numpy one, and the shape of its parameters."""

import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.imaging import equalisation, nifti
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.network import fcn, kernels, vgg16

VGG16 = os.environ.get("BRAINFCN_VGG16")
PUBLISHED_MEANS = (123.68, 116.779, 103.939)


def random_parameters(stages: int, maps: int = 4, classes: int = 8) -> dict:
    """Parameters of which every layer, the biases too, makes a difference."""
    rng = np.random.default_rng(stages)
    params = {}
    for layer, shapes in fcn.parameter_shapes(stages, maps, classes).items():
        spread = np.sqrt(2 / np.prod(shapes["kernel"][:3]))
        kernel, bias = spread * rng.normal(size=shapes["kernel"]), rng.normal(size=shapes["bias"])
        params[layer] = {"kernel": jnp.float32(kernel), "bias": jnp.float32(bias)}
    return params


def numpy_convolution(x: np.ndarray, layer: dict) -> np.ndarray:
    """Zero-padded cross-correlation in float64, kernel position by kernel position."""
    kernel = np.asarray(layer["kernel"], np.float64)
    reach = kernel.shape[0] // 2
    padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach), (0, 0)))
    result = np.zeros((*x.shape[:3], kernel.shape[3])) + np.asarray(layer["bias"], np.float64)
    for i, j in np.ndindex(*kernel.shape[:2]):
        result += padded[:, i : i + x.shape[1], j : j + x.shape[2]] @ kernel[i, j]
    return result


def numpy_resize(x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear, axis by axis, pixel centres at (i + 1/2) / n, edges held."""
    for axis, length in zip((1, 2), size, strict=True):
        at = np.clip((np.arange(length) + 0.5) * x.shape[axis] / length - 0.5, 0, None)
        low = np.minimum(at.astype(int), x.shape[axis] - 1)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        share = (at - low).reshape([-1 if a == axis else 1 for a in range(4)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x


def numpy_network(images: np.ndarray, params: dict, stages: int) -> dict[str, np.ndarray]:
    """The paper's order of things: special maps, resize, concatenation, 1x1 convolution."""
    taps, special, x = {}, [], images.astype(np.float64)
    for stage in range(1, stages + 1):
        if stage > 1:
            n, h, w, c = x.shape
            x = x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))
        for name in (f"conv{stage}_{i}" for i in range(1, len(fcn.VGG16_WIDTHS[stage - 1]) + 1)):
            x = taps[name] = np.maximum(numpy_convolution(x, params[name]), 0)
        name = f"specialised{stage}"
        taps[name] = numpy_convolution(x, params[name])
        special.append(numpy_resize(taps[name], images.shape[1:3]))
    taps["fusion"] = numpy_convolution(np.concatenate(special, axis=-1), params["fusion"])
    return taps


def assert_taps_agree(
    images: np.ndarray, params: dict, stages: int, maps: int, whose: str, packed: bool = False
) -> None:
    model = fcn.SegmentationNetwork(stages=stages, maps=maps, kernels=whose)
    ready = fcn.packed_kernels(model, params) if packed else {}
    logits, taps = jax.jit(model.apply)({"params": params}, jnp.asarray(images), ready)
    expected = numpy_network(images, params, stages)
    assert taps.keys() == expected.keys()
    np.testing.assert_array_equal(logits, taps["fusion"])
    for name, tap in expected.items():
        error = np.abs(np.asarray(taps[name], np.float64) - tap).max()
        assert error <= 1e-4 * np.abs(tap).max(), (name, error, np.abs(tap).max())


@pytest.mark.parametrize(
    ("whose", "packed"), [("xla", False), ("vector", False), ("vector", True), ("tiles", False)]
)
@pytest.mark.parametrize("stages", [4, 5])
def test_every_tap_equals_the_numpy_network(stages: int, whose: str, packed: bool) -> None:
    if whose not in kernels.usable("float32"):
        pytest.skip("this processor has no such kernels, or they are not built")
    images = np.random.default_rng(0).normal(0, 50, (2, 32, 48, 3)).astype(np.float32)
    assert_taps_agree(images, random_parameters(stages), stages, 4, whose, packed)


PUBLISHED = pytest.param(
    True, marks=pytest.mark.skipif(not VGG16, reason="BRAINFCN_VGG16 is not set")
)


@pytest.mark.parametrize("published", [False, PUBLISHED])
def test_a_real_slice_gives_the_numpy_networks_taps(published: bool) -> None:
    scan = nifti.load_scan(demo_scan())
    volume = equalisation.equalise(jnp.moveaxis(jnp.asarray(scan.data), 2, 0), "volume")
    images = fcn.subtract_mean(
        fcn.volume_to_stacks(volume)[90:91, 40:152, 60:172], jnp.array(PUBLISHED_MEANS)
    )
    params = random_parameters(5)
    if published:
        params |= jax.tree.map(jnp.asarray, vgg16.read_vgg16(VGG16 or "", 5))
    assert_taps_agree(np.asarray(images), params, 5, 4, kernels.fastest("float32"))


@pytest.mark.parametrize("stages", [4, 5])
def test_initial_parameters_have_the_published_names_shapes_and_spread(stages: int) -> None:
    model = fcn.SegmentationNetwork(stages=stages, maps=16)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 16, 16, 3)))["params"]
    assert jax.tree.map(jnp.shape, params) == fcn.parameter_shapes(stages, 16, 8)
    assert f"conv{stages + 1}_1" not in params
    for layer in [f"specialised{stage}" for stage in range(1, stages + 1)] + ["fusion"]:
        np.testing.assert_allclose(jnp.std(params[layer]["kernel"]), 0.001, rtol=0.2)
        assert not jnp.any(params[layer]["bias"])


def test_misshapen_parameters_are_refused() -> None:
    few = ((4, 4), (4, 4), (4, 4, 4), (4, 4, 4), (4, 4, 4))
    network = fcn.SegmentationNetwork(stages=2, widths=few)
    images = jnp.zeros((1, 8, 8, 3))
    params = network.init(jax.random.key(0), images)["params"]
    for name, array in (("bias", jnp.zeros(1)), ("kernel", jnp.zeros((1, 1, 4, 4)))):
        misshapen = params | {"conv1_2": params["conv1_2"] | {name: array}}
        with pytest.raises(AssertionError):
            network.apply({"params": misshapen}, images)


def test_bfloat16_stays_near_float32_and_gives_float32_scores() -> None:
    images = 50 * jax.random.normal(jax.random.key(1), (1, 32, 32, 3))
    params = random_parameters(4)
    exact, _ = fcn.SegmentationNetwork(maps=4).apply({"params": params}, images)
    short, _ = fcn.SegmentationNetwork(maps=4, precision="bfloat16").apply(
        {"params": params}, images
    )
    assert short.dtype == jnp.float32
    assert 0 < float(jnp.abs(short - exact).max()) <= 0.05 * float(jnp.abs(exact).max())


def test_resize_keeps_constants_and_linear_ramps() -> None:
    ramp = jnp.broadcast_to(jnp.arange(8.0).reshape(1, 8, 1, 1), (1, 8, 4, 1))
    resized = fcn.resize_bilinear(ramp, (32, 16))
    np.testing.assert_allclose(
        resized[0, 4:-4, 0, 0], (np.arange(4, 28) + 0.5) / 4 - 0.5, rtol=1e-6
    )
    np.testing.assert_array_equal(fcn.resize_bilinear(jnp.ones((1, 2, 2, 3)), (8, 8)), 1)
