"""The lowest value of a function, searched for with a simplex (numpy).

`scipy.optimize` has the same search, and takes a tenth of all imports of a run.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Point = Float[np.ndarray, " axis"]

_MOST_ROUNDS = 600


def minimise(
    function: Callable[[Point], float],
    simplex: Float[np.ndarray, "corner axis"],
    point_tolerance: float,
    value_tolerance: float,
) -> tuple[Point, float]:
    """Find where a function is low, without derivatives, and how low it is there.

    Each round moves the worst corner of the simplex through the middle of the others (by once or
    twice its distance, or half of it), or else halves the simplex towards its best corner. The
    search ends when all corners are within the tolerances of the best one.
    Source: Nelder and Mead, "A simplex method for function minimization", Comput J 7:308, 1965.

    Args:
        function: what is minimised.
        simplex: the first corners, one more than there are axes.
        point_tolerance: largest difference along an axis at the end.
        value_tolerance: largest difference of the function's values at the end.
    """
    points = np.array(simplex, np.float64)
    values = np.array([function(point) for point in points])
    for _ in range(_MOST_ROUNDS):
        order = np.argsort(values, kind="stable")
        points, values = points[order], values[order]
        apart = np.abs(points[1:] - points[0]).max(), np.abs(values[1:] - values[0]).max()
        if apart[0] <= point_tolerance and apart[1] <= value_tolerance:
            break
        moved = _moved_worst(function, points, values)
        if moved is not None:
            points[-1], values[-1] = moved
        else:
            points[1:] = points[0] + 0.5 * (points[1:] - points[0])
            values[1:] = [function(point) for point in points[1:]]
    best = int(np.argmin(values))
    return points[best], float(values[best])


def _moved_worst(
    function: Callable[[Point], float],
    points: Float[np.ndarray, "corner axis"],
    values: Float[np.ndarray, " corner"],
) -> tuple[Point, float] | None:
    """Return a better place for the worst (last) corner and its value; None when none is found."""
    middle = points[:-1].sum(axis=0) / (len(points) - 1)

    def beyond(step: float) -> tuple[Point, float]:
        point = (1 + step) * middle - step * points[-1]
        return point, function(point)

    reflected = beyond(1.0)
    if reflected[1] < values[0]:
        further = beyond(2.0)
        return further if further[1] < reflected[1] else reflected
    if reflected[1] < values[-2]:
        return reflected
    if reflected[1] < values[-1]:
        nearer = beyond(0.5)
        return nearer if nearer[1] <= reflected[1] else None
    inside = beyond(-0.5)
    return inside if inside[1] < values[-1] else None
