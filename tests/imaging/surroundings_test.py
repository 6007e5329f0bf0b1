"""What was cut away around a brain is the lowest intensity, wherever its value lay."""

import numpy as np

from brainfcn_jax.imaging.surroundings import with_lowest_surroundings

SHAPE = (20, 22, 24)
BRAIN = (slice(5, 15), slice(5, 15), slice(5, 15))


def masked(outside: float, low: float, high: float) -> np.ndarray:
    """Returns random intensities between two in a box, and one value around it."""
    data = np.full(SHAPE, outside, np.float32)
    data[BRAIN] = np.random.default_rng(0).uniform(low, high, data[BRAIN].shape)
    return data


def test_surroundings_that_are_the_lowest_are_left_alone() -> None:
    scan = masked(0, 10, 100)
    found, notes = with_lowest_surroundings(scan)
    assert found is scan and not notes


def test_surroundings_between_z_scores_are_lowered_to_the_lowest_of_them() -> None:
    scan = masked(0, -2, 2)
    scan[10, 10, 10] = 0
    given = scan.copy()
    found, notes = with_lowest_surroundings(scan)
    outside = np.ones(SHAPE, bool)
    outside[BRAIN] = False
    np.testing.assert_array_equal(found[outside], given.min())
    np.testing.assert_array_equal(found[BRAIN], given[BRAIN])
    assert found[10, 10, 10] == 0
    assert found.dtype == np.float32
    np.testing.assert_array_equal(scan, given)
    assert "the surroundings hold 0, which is not the lowest intensity" in notes[0]


def test_a_few_negatives_of_interpolation_are_raised_to_the_surroundings() -> None:
    scan = masked(0, 10, 100)
    scan[5, 5, 5:10] = -3
    found, notes = with_lowest_surroundings(scan)
    np.testing.assert_array_equal(found, np.maximum(scan, 0))
    assert notes == ("5 voxels below 0, which fills the surroundings, taken as that",)


def test_bright_surroundings_of_an_inverted_scan_are_lowered() -> None:
    scan = masked(255, 10, 100)
    found, notes = with_lowest_surroundings(scan)
    assert found[0, 0, 0] == found[-1, -1, -1] == scan.min()
    np.testing.assert_array_equal(found[BRAIN], scan[BRAIN])
    assert "the surroundings hold 255" in notes[0]


def test_a_whole_head_in_noise_is_left_alone() -> None:
    scan = masked(0, 50, 100) + np.random.default_rng(1).normal(0, 2, SHAPE).astype(np.float32)
    found, notes = with_lowest_surroundings(scan)
    assert found is scan and not notes


def test_a_value_of_fewer_than_half_of_the_faces_is_left_alone() -> None:
    scan = np.random.default_rng(2).uniform(-2, 2, SHAPE).astype(np.float32)
    scan[:6] = 0
    found, notes = with_lowest_surroundings(scan)
    assert found is scan and not notes


def test_a_constant_scan_is_left_alone() -> None:
    scan = np.full(SHAPE, 7, np.float32)
    found, notes = with_lowest_surroundings(scan)
    assert found is scan and not notes
