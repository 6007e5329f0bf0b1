from collections.abc import Callable

import numpy as np
import pytest
from scipy import optimize

from brainfcn_jax.measures.simplex_search import minimise

SIMPLEX = np.vstack([np.zeros(3), np.eye(3)])


def valley(point: np.ndarray) -> float:
    """Rosenbrock's: long, narrow and bent, lowest (0) at 1, 1, 1."""
    return float(np.sum(100 * (point[1:] - point[:-1] ** 2) ** 2 + (1 - point[:-1]) ** 2))


def stairs(point: np.ndarray) -> float:
    """Flat steps, as the share of voxels that differ has them."""
    return float(np.floor(8 * np.sum((point - [0.4, -1.3, 2.1]) ** 2)))


def wild(point: np.ndarray) -> float:
    return float(np.sum(np.sin(5 * point)) + np.sum(point**2))


def test_the_bottom_of_a_valley_is_found() -> None:
    point, value = minimise(valley, SIMPLEX, 1e-6, 1e-12)
    np.testing.assert_allclose(point, 1, atol=1e-4)
    assert value < 1e-8


@pytest.mark.parametrize("function", [valley, stairs, wild])
@pytest.mark.parametrize("size", [0.1, 1.0, 7.0])
def test_it_goes_where_scipys_search_goes(
    function: Callable[[np.ndarray], float], size: float
) -> None:
    point, value = minimise(function, SIMPLEX * size, 1e-3, 1e-5)
    expected = optimize.minimize(
        function,
        np.zeros(3),
        method="Nelder-Mead",
        options={"initial_simplex": SIMPLEX * size, "xatol": 1e-3, "fatol": 1e-5},
    )
    np.testing.assert_array_equal(point, expected.x)
    assert value == expected.fun
