"""One compiled program equalises volumes of many sizes, and gives what `equalise` gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.imaging import equalisation
from brainfcn_jax.imaging.equalisation import (
    compiled_size,
    equalise,
    equalise_volume,
    find_head_threshold,
    head_threshold,
)

exact_equalise = jax.jit(equalise, static_argnames="mode")
exact_threshold = jax.jit(head_threshold)


def head_in_noise(shape: tuple[int, int, int], lowest: float) -> np.ndarray:
    generator = np.random.default_rng(sum(shape))
    volume = generator.uniform(lowest, lowest + 10, shape).astype(np.float32)
    middle = tuple(slice(n // 4, -(n // 4)) for n in shape)
    volume[middle] = generator.uniform(lowest + 200, lowest + 900, volume[middle].shape)
    return volume


@pytest.mark.parametrize("lowest", [0.0, 5.0, -300.0])
@pytest.mark.parametrize("shape", [(9, 10, 11), (41, 40, 43)], ids=str)
def test_the_same_as_without_filling_up(shape: tuple[int, int, int], lowest: float) -> None:
    volume = head_in_noise(shape, lowest)
    threshold = exact_threshold(jnp.asarray(volume))
    assert find_head_threshold(volume) == threshold
    for mode in ("head", "volume"):
        np.testing.assert_array_equal(
            equalise_volume(volume, mode), exact_equalise(jnp.asarray(volume), mode)
        )


def test_the_same_with_the_threshold_of_a_larger_volume() -> None:
    volume = head_in_noise((12, 13, 14), 50.0)
    threshold = find_head_threshold(volume)
    part = volume[3:9, 3:10, 3:11]  # nothing in it is as low as the threshold
    expected = exact_equalise(jnp.asarray(part), "head", threshold)
    np.testing.assert_array_equal(equalise_volume(part, "head", threshold), expected)


def test_axes_may_come_in_any_order() -> None:
    volume = head_in_noise((9, 10, 11), 0.0)
    turned = equalise_volume(np.moveaxis(volume, 2, 0), "head")
    np.testing.assert_array_equal(np.moveaxis(turned, 0, 2), equalise_volume(volume, "head"))


def test_arrays_may_lie_in_memory_as_they_like() -> None:
    volume = head_in_noise((9, 10, 11), 0.0)
    for view in (volume[::-1], volume[1:8, 2:9, 1:], np.moveaxis(volume, 0, 1)[:, ::-1], volume.T):
        expected = equalise_volume(np.ascontiguousarray(view), "head")
        np.testing.assert_array_equal(equalise_volume(view, "head"), expected)


def test_volumes_of_like_size_share_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    traced = []

    def counted(volume: jax.Array, mode: str, threshold: None, voxels: jax.Array) -> jax.Array:
        traced.append(volume.shape)
        return equalise(volume, mode, threshold, voxels)

    compiled = jax.jit(counted, static_argnames="mode")
    monkeypatch.setattr(equalisation, "_compiled_equalise", compiled)
    for shape in [(50, 60, 70), (51, 60, 69), (52, 58, 70), (9, 10, 11), (30, 40, 50)]:
        equalise_volume(head_in_noise(shape, 0.0), "head")
    assert len(traced) == 2


@pytest.mark.parametrize("voxels", [1, 2**16, 2**16 + 1, 100_000, 2**24, 2**24 + 1, 2**29])
def test_little_is_filled_up(voxels: int) -> None:
    size = compiled_size(voxels)
    assert voxels <= size <= max(2**16, voxels * 1.125 + 1)
    assert compiled_size(size) == size
