"""Splines, fields and affines of the generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import BSpline

from brainfcn_jax.synthesis.deformation import (
    along_axes,
    random_affine,
    smooth_field,
    spline_weights,
)
from brainfcn_jax.synthesis.ranges import Deformation


def test_spline_weights_of_two_places_by_hand() -> None:
    # At a knot a cubic B-spline is 2/3, at its neighbours 1/6.
    expected = [[1 / 6, 2 / 3, 1 / 6, 0], [0, 1 / 6, 2 / 3, 1 / 6]]
    np.testing.assert_allclose(spline_weights(2, 4), expected, atol=1e-6)


def test_spline_weights_are_scipys() -> None:
    knots, size = 9, 40
    places = np.linspace(1, knots - 2, size)
    basis = BSpline(np.arange(-2, knots + 2), np.eye(knots), 3)
    np.testing.assert_allclose(spline_weights(size, knots), basis(places), atol=1e-5)


@pytest.mark.parametrize(("size", "knots"), [(1, 4), (30, 4), (50, 17)])
def test_spline_weights_sum_to_one(size: int, knots: int) -> None:
    np.testing.assert_allclose(spline_weights(size, knots).sum(axis=1), 1, atol=1e-5)


def test_smooth_field_is_about_normal() -> None:
    field = smooth_field(jax.random.key(0), (60, 60, 60), (20, 20, 20))
    assert abs(float(field.mean())) < 0.1
    assert 0.85 < float(field.std()) < 1.15


def test_along_axes_is_the_triple_sum() -> None:
    random = np.random.default_rng(0)
    volume = random.standard_normal((2, 3, 4)).astype(np.float32)
    one, two, three = (random.standard_normal((n + 3, n)).astype(np.float32) for n in volume.shape)
    expected = np.einsum("ia,jb,kc,abc->ijk", one, two, three, volume)
    result = along_axes(
        jnp.asarray(volume), (jnp.asarray(one), jnp.asarray(two), jnp.asarray(three))
    )
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_an_affine_without_ranges_is_the_identity() -> None:
    nothing = Deformation(rotation_degrees=0.0, far_fraction=0.0, size=0.0, stretch=0.0, shear=0.0)
    np.testing.assert_allclose(random_affine(jax.random.key(3), nothing), np.eye(3), atol=1e-6)


def test_rotation_alone_is_orthogonal() -> None:
    turned = Deformation(rotation_degrees=30.0, size=0.0, stretch=0.0, shear=0.0)
    matrix = random_affine(jax.random.key(3), turned)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-5)
    np.testing.assert_allclose(jnp.linalg.det(matrix), 1, atol=1e-5)
