"""The stack transform against a plain loop, and its ends by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.network.fcn import nearer_neighbours, subtract_mean, volume_to_stacks


def test_stacks_by_hand() -> None:
    volume = jnp.asarray([10, 20, 30], jnp.uint8).reshape(3, 1, 1)
    expected = [[0, 10, 20], [10, 20, 30], [20, 30, 0]]
    assert volume_to_stacks(volume)[:, 0, 0].tolist() == expected


def test_neighbours_of_thick_slices_lie_part_of_the_way() -> None:
    stacks = jnp.asarray([[[[10.0, 40.0, 100.0]]]])
    assert nearer_neighbours(stacks, 1.0).tolist() == stacks.tolist()
    assert nearer_neighbours(stacks, 0.5).tolist() == [[[[25.0, 40.0, 70.0]]]]
    assert nearer_neighbours(stacks, 0.0).tolist() == [[[[40.0, 40.0, 40.0]]]]


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("depth", [1, 2, 7])
def test_stacks_agree_with_a_loop(depth: int, dtype: type) -> None:
    generator = np.random.default_rng(depth)
    volume: np.ndarray = generator.integers(1, 256, (depth, 4, 5)).astype(dtype)
    expected: np.ndarray = np.zeros((depth, 4, 5, 3), dtype)
    for index in range(depth):
        for channel, neighbour in enumerate((index - 1, index, index + 1)):
            if 0 <= neighbour < depth:
                expected[index, :, :, channel] = volume[neighbour]
    stacks = jax.jit(volume_to_stacks)(jnp.asarray(volume))
    assert stacks.dtype == dtype
    np.testing.assert_array_equal(stacks, expected)


def test_reversed_slices_swap_red_and_blue() -> None:
    volume = jnp.asarray(np.random.default_rng(0).integers(0, 256, (5, 3, 4)), jnp.uint8)
    np.testing.assert_array_equal(
        volume_to_stacks(volume[::-1]), volume_to_stacks(volume)[::-1, :, :, ::-1]
    )


def test_mean_is_subtracted_for_each_channel() -> None:
    stacks = jnp.asarray([[1, 2, 3], [0, 255, 0]], jnp.uint8).reshape(2, 1, 1, 3)
    result = subtract_mean(stacks, jnp.asarray([1.0, 2.5, 10.0]))
    assert result.dtype == jnp.float32
    assert result[:, 0, 0].tolist() == [[0.0, -0.5, -7.0], [-1.0, 252.5, -10.0]]


def test_mean_of_a_single_image_and_of_a_batch_of_batches() -> None:
    means = jnp.asarray([1.0, 2.0, 3.0])
    stacks = jnp.zeros((2, 5, 4, 4, 3), jnp.uint8)
    batched = subtract_mean(stacks, means)
    assert batched.shape == stacks.shape
    np.testing.assert_array_equal(batched[0, 0], subtract_mean(stacks[0, 0], means))
