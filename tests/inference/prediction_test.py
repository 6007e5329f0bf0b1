"""Inference on volumes: the same answer whatever the batches, compiled once."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.threshold_model import DESCRIPTION, WIDTHS

from brainfcn_jax.inference import prediction as predict_module
from brainfcn_jax.inference.prediction import (
    ANYTHING,
    FLUID,
    NOTHING,
    NetworkInput,
    ReadyNetwork,
    anything,
    evenly_weighted,
    predict,
)
from brainfcn_jax.inference.slice_batches import padded_windows
from brainfcn_jax.labels import BACKGROUND, CSF, TISSUES
from brainfcn_jax.network.fcn import parameter_shapes, subtract_mean, volume_to_stacks
from brainfcn_jax.network.model_file import Model


@pytest.fixture
def model() -> Model:
    """A narrow network of random weights, whose labels vary from voxel to voxel."""
    rng = np.random.default_rng(0)
    params = {
        layer: {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in names.items()}
        for layer, names in parameter_shapes(4, DESCRIPTION.maps, TISSUES.classes, WIDTHS).items()
    }
    return Model(params, dataclasses.replace(DESCRIPTION, channel_means=(60.0, 61.0, 62.0)))


def random_volume(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, 256, shape, np.uint8)


def free_input(volume: np.ndarray) -> NetworkInput:
    """Returns a volume in which any class may be, and whose voxels count alike."""
    return NetworkInput(volume, anything(volume.shape), evenly_weighted(volume.shape))


def labels_of_whole_volume(model: Model, volume: np.ndarray) -> np.ndarray:
    """The definition, without windows or batches: all slices at once, padded alike."""
    _, height, width = volume.shape
    padded = np.pad(volume, ((0, 0), (0, -height % 32), (0, -width % 32)))
    means = jnp.asarray(model.description.channel_means)
    logits, _ = ReadyNetwork(model).network.apply(
        {"params": jax.device_put(model.params)},
        subtract_mean(volume_to_stacks(jnp.asarray(padded)), means),
    )
    return np.asarray(logits.argmax(-1))[:, :height, :width]


@pytest.mark.parametrize("slices", [1, 2, 3, 5])
def test_batches_give_what_the_whole_volume_gives(model: Model, slices: int) -> None:
    volume = random_volume(slices, 30, 21)
    predicted = predict(ReadyNetwork(model), free_input(volume), 0, batch_slices=2)
    assert predicted.labels.dtype == np.uint8
    assert predicted.labels.shape == volume.shape
    expected = labels_of_whole_volume(model, volume)
    assert len(np.unique(expected)) > 1
    assert (predicted.labels == expected).mean() > 0.999  # ties of float32 sums


def test_probabilities_add_up_to_one_and_agree_with_the_labels(model: Model) -> None:
    given = free_input(random_volume(3, 30, 21))
    predicted = predict(ReadyNetwork(model), given, 0, batch_slices=2, with_probabilities=True)
    assert predicted.probabilities is not None
    assert predicted.probabilities.shape == (TISSUES.classes, 3, 30, 21)
    total = predicted.probabilities.sum(0, dtype=np.float32)
    np.testing.assert_allclose(total, 1, atol=2e-3)
    of_labels = np.take_along_axis(predicted.probabilities, predicted.labels[None].astype(int), 0)
    np.testing.assert_array_equal(of_labels[0], predicted.probabilities.max(0))


def test_entropy_and_sums_are_those_of_the_probabilities(model: Model) -> None:
    volume = random_volume(3, 30, 21)
    weights = tuple(np.linspace(0.5, 2, size, dtype=np.float32) for size in volume.shape)
    slices, rows, columns = weights
    ready = ReadyNetwork(model)
    plain = predict(ready, free_input(volume), 0, batch_slices=2, with_probabilities=True)
    given = NetworkInput(volume, anything(volume.shape), (slices, rows, columns))
    weighted = predict(ready, given, 0, batch_slices=2)
    assert plain.probabilities is not None
    shares = plain.probabilities.astype(np.float64)
    entropy = -(shares * np.log(np.maximum(shares, 1e-30))).sum(0) / np.log(TISSUES.classes)
    np.testing.assert_allclose(plain.entropy, entropy, atol=3e-3)
    np.testing.assert_allclose(plain.class_sums, shares.sum((1, 2, 3)), rtol=1e-3)
    assert plain.class_sums.sum() == pytest.approx(volume.size, rel=1e-6)
    expected = np.einsum("cijk,i,j,k->c", shares, slices, rows, columns)
    np.testing.assert_allclose(weighted.class_sums, expected, rtol=1e-3)


def test_probabilities_are_left_out_unless_asked_for(model: Model) -> None:
    given = free_input(random_volume(1, 16, 16))
    assert predict(ReadyNetwork(model), given, 0, batch_slices=2).probabilities is None


def test_volumes_of_any_depth_are_traced_once(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    traced_shapes = []

    def counted(volume: jax.Array) -> jax.Array:
        traced_shapes.append(volume.shape)
        return volume_to_stacks(volume)

    monkeypatch.setattr(predict_module, "volume_to_stacks", counted)
    ready = ReadyNetwork(model)
    for slices, height, width in [(1, 60, 33), (2, 64, 64), (3, 40, 50), (7, 33, 64)]:
        predict(ready, free_input(random_volume(slices, height, width)), 0, batch_slices=3)
    assert traced_shapes == [(5, 64, 64)]


def test_other_weights_of_the_same_network_are_not_compiled_again(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = free_input(random_volume(2, 16, 16))
    predict(ReadyNetwork(model), given, 0, batch_slices=2)
    monkeypatch.setattr(predict_module, "volume_to_stacks", None)  # a trace would call it
    description = dataclasses.replace(DESCRIPTION, channel_means=(0.0, 0.0, 0.0))
    zeros = jax.tree.map(np.zeros_like, model.params)
    labels = predict(ReadyNetwork(Model(zeros, description)), given, 0, batch_slices=2).labels
    assert not labels.any()


def test_windows_overlap_by_one_neighbour_and_are_filled_with_zeros() -> None:
    volume = np.arange(1, 4, dtype=np.uint8)[:, None, None] * np.ones((1, 1, 33), np.uint8)
    windows = list(padded_windows(volume, 2, (0, 3), (32, 64)))
    assert [window.shape for window in windows] == [(4, 32, 64)] * 2
    assert [window[:, 0, 0].tolist() for window in windows] == [[0, 1, 2, 3], [2, 3, 0, 0]]
    assert windows[0][:, 1:].max() == 0
    assert windows[0][:, :, 33:].max() == 0
    later = list(padded_windows(volume, 2, (1, 2), (32, 64)))
    assert [window[:, 0, 0].tolist() for window in later] == [[1, 2, 3, 0]]


@pytest.mark.parametrize(("backend", "precision"), [("cpu", "float32"), ("gpu", "bfloat16")])
def test_the_precision_follows_the_device(
    model: Model, monkeypatch: pytest.MonkeyPatch, backend: str, precision: str
) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    network = ReadyNetwork(model).network
    assert network.precision == precision
    assert (network.kernels == "xla") or backend == "cpu"


@pytest.mark.parametrize("span", [(2, 5), (0, 7), (3, 4), (0, 0)])
def test_slices_where_nothing_is_allowed_are_background(
    model: Model, span: tuple[int, int]
) -> None:
    volume = random_volume(7, 30, 21)
    allowed = np.full(volume.shape, NOTHING, np.uint8)
    allowed[slice(*span), 3:] = ANYTHING
    slices, rows, columns = (np.linspace(0.5, 2, n, dtype=np.float32) for n in volume.shape)
    ready = ReadyNetwork(model)
    free = predict(ready, free_input(volume), 0, batch_slices=2, with_probabilities=True)
    given = NetworkInput(volume, allowed, (slices, rows, columns))
    found = predict(ready, given, 0, batch_slices=2, with_probabilities=True)
    assert free.probabilities is not None
    expected = np.where(allowed == ANYTHING, free.probabilities, 0)
    expected[BACKGROUND][allowed == NOTHING] = 1
    assert found.probabilities is not None
    np.testing.assert_array_equal(found.probabilities, expected)
    np.testing.assert_array_equal(found.labels, np.where(allowed == ANYTHING, free.labels, 0))
    np.testing.assert_array_equal(found.entropy, np.where(allowed == ANYTHING, free.entropy, 0))
    sums = np.einsum("cijk,i,j,k->c", expected.astype(np.float64), slices, rows, columns)
    np.testing.assert_allclose(found.class_sums, sums, rtol=1e-3, atol=1e-6)


def test_only_what_is_allowed_is_found(model: Model) -> None:
    volume = random_volume(3, 30, 21)
    allowed = np.full(volume.shape, ANYTHING, np.uint8)
    allowed[:, :10], allowed[:, 10:20] = NOTHING, FLUID
    ready = ReadyNetwork(model)
    free = predict(ready, free_input(volume), 0)
    found = predict(
        ready,
        NetworkInput(volume, allowed, evenly_weighted(volume.shape)),
        0,
        with_probabilities=True,
    )
    assert found.probabilities is not None
    np.testing.assert_array_equal(found.labels[:, 20:], free.labels[:, 20:])
    assert set(np.unique(free.labels[:, :20])) > {BACKGROUND, CSF}
    assert not found.labels[:, :10].any()
    np.testing.assert_array_equal(found.probabilities[BACKGROUND, :, :10], 1)
    np.testing.assert_array_equal(found.entropy[:, :10], 0)
    assert set(np.unique(found.labels[:, 10:20])) <= {BACKGROUND, CSF}


@pytest.mark.parametrize("axis", [1, 2])
def test_slices_along_any_axis_are_labelled_alike(model: Model, axis: int) -> None:
    volume, ready = random_volume(5, 30, 21), ReadyNetwork(model)
    allowed = np.full(volume.shape, ANYTHING, np.uint8)
    allowed[:1] = NOTHING
    weights = [np.linspace(0.5, 2, n, dtype=np.float32) for n in volume.shape]
    first = NetworkInput(volume, allowed, (weights[0], weights[1], weights[2]), reach=0.5)
    expected = predict(ready, first, 0, batch_slices=2, with_probabilities=True)
    weights.insert(axis, weights.pop(0))
    turned = NetworkInput(
        np.moveaxis(volume, 0, axis),
        np.moveaxis(allowed, 0, axis),
        (weights[0], weights[1], weights[2]),
        reach=0.5,
    )
    found = predict(ready, turned, axis, batch_slices=2, with_probabilities=True)
    np.testing.assert_array_equal(np.moveaxis(found.labels, axis, 0), expected.labels)
    np.testing.assert_array_equal(np.moveaxis(found.entropy, axis, 0), expected.entropy)
    np.testing.assert_array_equal(found.class_sums, expected.class_sums)
    assert found.probabilities is not None and expected.probabilities is not None
    back = np.moveaxis(found.probabilities, 1 + axis, 1)
    np.testing.assert_array_equal(back, expected.probabilities)
