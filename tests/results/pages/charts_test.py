"""Geometry of the pages' charts, by hand."""

import numpy as np
import pytest

from brainfcn_jax.imaging.histograms import Histogram
from brainfcn_jax.results.pages.charts import histogram_area, outliers, round_values, strip


def test_a_histogram_is_drawn_bar_by_bar() -> None:
    histogram = Histogram(np.array([0.0, 1.0, 2.0, 4.0]), np.array([2, 4, 0]))
    area = histogram_area(histogram, 100, 40)
    assert area.path == "M0 40.0V20.0H25.0V0.0H50.0V40.0H100.0V40.0Z"
    assert area.ticks == ((0.0, "0"), (25.0, "1"), (50.0, "2"), (75.0, "3"), (100.0, "4"))


def test_an_empty_histogram_is_flat() -> None:
    histogram = Histogram(np.array([0.0, 1.0]), np.array([0]))
    assert histogram_area(histogram, 10, 5).path == "M0 5.0V5.0H10.0V5.0Z"


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        (0.0, 10.0, [0, 2, 4, 6, 8, 10]),
        (-0.5, 255.5, [0, 100, 200]),
        (3.0, 3.9, [3, 3.2, 3.4, 3.6, 3.8]),
        (-1e-3, 1e-3, [-1e-3, -5e-4, 0, 5e-4, 1e-3]),
        (1e6, 4.2e6, [1e6, 2e6, 3e6, 4e6]),
    ],
)
def test_ticks_are_round_numbers(lowest: float, highest: float, expected: list[float]) -> None:
    assert round_values(lowest, highest) == pytest.approx(expected, abs=1e-12)


def test_dots_lie_along_their_values() -> None:
    found = strip({"a": 10.0, "b": 20.0, "c": 15.0}, 108, 20)
    assert (found.lowest, found.highest) == pytest.approx((9.6, 20.4))
    assert found.median == pytest.approx(54)
    assert [(dot.name, round(dot.x, 6)) for dot in found.dots] == [("a", 4), ("b", 104), ("c", 54)]
    assert all(0 <= dot.y <= 20 for dot in found.dots)


def test_no_volume_is_negative_at_the_end_of_a_line() -> None:
    found = strip({"a": 0.0, "b": 10.0, "c": 5.0}, 104, 20)
    assert (found.lowest, found.highest) == pytest.approx((0, 10.4))
    assert [round(dot.x, 6) for dot in found.dots] == [0, 100, 50]
    assert strip({"a": 0.0, "b": 0.0}, 100, 20).lowest == 0
    assert strip({"a": -1.0, "b": 1.0}, 100, 20).lowest < -1


def test_equal_values_lie_in_the_middle() -> None:
    found = strip({"a": 3.0, "b": 3.0}, 100, 20)
    assert [dot.x for dot in found.dots] == [50, 50]


def test_the_modified_z_score_by_hand() -> None:
    # Median 3, deviations 2 1 1 0 0 0 1 1: MAD 1; the limit is 3 + 3.5 / 0.6745 = 8.189.
    values = [1.0, 2.0, 2.0, 3.0, 3.0, 3.0, 4.0, 4.0]
    assert not outliers(values).any()
    assert outliers([*values, 8.18]).tolist() == [False] * 9
    assert outliers([*values, 8.20]).tolist() == [False] * 8 + [True]


def test_small_or_equal_groups_have_no_outliers() -> None:
    assert not outliers([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 1e3]).any()
    assert not outliers([5.0] * 9 + [100.0]).any()
    assert outliers([]).shape == (0,)
