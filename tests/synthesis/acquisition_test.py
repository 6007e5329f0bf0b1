"""Sampling, interpolation, noise and bias of the generator."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.synthesis.acquisition import (
    acquire,
    bias_field,
    interpolation_matrix,
    rician,
    sample_sizes,
    sampling_matrix,
)
from brainfcn_jax.synthesis.ranges import Acquisition, Contrasts

SHARP = Acquisition(blur_mm=(0.1, 0.1), ringing_fraction=0.0, ghost_fraction=0.0)


def test_sampling_on_the_grid_without_blur_changes_nothing() -> None:
    matrix = sampling_matrix(jax.random.key(0), 9, jnp.float32(1), 1.0, SHARP)
    np.testing.assert_allclose(matrix, np.eye(9), atol=1e-6)
    np.testing.assert_allclose(interpolation_matrix(9, jnp.float32(1)), np.eye(9), atol=1e-6)


def test_interpolation_between_samples_two_places_apart_by_hand() -> None:
    # Samples 0, 1, 2 lie at places 0.5, 2.5, 4.5.
    matrix = interpolation_matrix(6, jnp.float32(2))
    samples = jnp.array([0.0, 2.0, 4.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(matrix @ samples, [0, 0.5, 1.5, 2.5, 3.5, 4], atol=1e-6)


@pytest.mark.parametrize("voxel", [1.0, 1.3, 2.0, 4.7])
@pytest.mark.parametrize("ringing", [0.0, 1.0])
def test_a_constant_stays_constant_at_every_resolution(voxel: float, ringing: float) -> None:
    ranges = replace(SHARP, blur_mm=(0.5, 0.5), ringing_fraction=ringing)
    down = sampling_matrix(jax.random.key(1), 23, jnp.float32(voxel), 1.0, ranges)
    up = interpolation_matrix(23, jnp.float32(voxel))
    np.testing.assert_allclose(up @ down @ jnp.ones(23), 1, atol=1e-4)


def test_samples_are_never_finer_than_the_grid_and_thick_along_slices() -> None:
    ranges = Acquisition(thick_fraction=1.0, thick_along_slices=1.0, in_plane_fraction=0.0)
    for seed in range(5):
        first, second, third = sample_sizes(jax.random.key(seed), 1.0, ranges).tolist()
        assert ranges.thick_mm[0] <= first <= ranges.thick_mm[1]
        assert (second, third) == (1, 1)


def test_rician_noise_has_the_deviation_far_above_it_and_rayleighs_mean_at_zero() -> None:
    bright = rician(jax.random.key(0), jnp.full((40, 40, 40), 10.0), jnp.float32(0.1))
    dark = rician(jax.random.key(1), jnp.zeros((40, 40, 40)), jnp.float32(0.1))
    np.testing.assert_allclose(bright.std(), 0.1, rtol=0.02)
    np.testing.assert_allclose(bright.mean(), 10.0005, atol=2e-3)
    np.testing.assert_allclose(dark.mean(), 0.1 * np.sqrt(np.pi / 2), rtol=0.01)


def test_acquired_at_the_grid_without_noise_is_the_same() -> None:
    ranges = replace(SHARP, thick_fraction=0.0, in_plane_fraction=0.0, noise=(1e-7, 1e-7))
    volume = jax.random.uniform(jax.random.key(2), (6, 7, 8))
    np.testing.assert_allclose(acquire(jax.random.key(3), volume, 1.0, ranges), volume, atol=1e-4)


def test_bias_is_positive_and_smooth() -> None:
    strong = Contrasts(strong_bias_fraction=1.0)
    field = bias_field(jax.random.key(0), (30, 30, 30), 2.0, strong)
    assert float(field.min()) > 0
    assert float(jnp.abs(jnp.diff(field, axis=0)).max()) < 0.2
