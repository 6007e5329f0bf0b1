"""The measures by hand, for empty masks, in general, and by structure."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Bool

from brainfcn_jax.measures.metrics import (
    absolute_volume_difference_percent,
    dice,
    hausdorff_95_mm,
    mean_surface_distance_mm,
    score,
    surface_distances_mm,
    volumetric_similarity,
)
from brainfcn_jax.schemes import MRBRAINS13, MRBRAINS13_TESTING, NEOBRAINS12, TISSUE_SCHEME

Mask = Bool[np.ndarray, "x y z"]
Spacing = tuple[float, float, float]

UNIT_MM = (1.0, 1.0, 1.0)
LENGTHS_MM = st.floats(0.25, 4.0)
SPACINGS = st.tuples(LENGTHS_MM, LENGTHS_MM, LENGTHS_MM)
AXES = st.integers(0, 2)
MARGINS = st.tuples(st.integers(1, 4), st.integers(1, 4))
MASK_PAIRS = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)
EVERY_MEASURE = (
    dice,
    volumetric_similarity,
    absolute_volume_difference_percent,
    lambda a, b: hausdorff_95_mm(a, b, UNIT_MM),
    lambda a, b: mean_surface_distance_mm(a, b, UNIT_MM),
)
DISTANCES = (hausdorff_95_mm, mean_surface_distance_mm)


def mask_at(*voxels: tuple[int, int, int], shape: tuple[int, int, int] = (12, 6, 5)) -> Mask:
    mask = np.zeros(shape, bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


def block(start: int, stop: int, shape: tuple[int, int, int] = (12, 10, 9)) -> Mask:
    """A block from `start` to `stop` along x and 2 to 7 along y and z."""
    mask = np.zeros(shape, bool)
    mask[start:stop, 2:7, 2:7] = True
    return mask


# Golden values by hand.


def test_overlap_and_volumes_by_hand() -> None:
    a = mask_at((1, 1, 1), (2, 1, 1), (3, 1, 1))
    b = mask_at((2, 1, 1), (3, 1, 1), (4, 1, 1), (5, 1, 1), (6, 1, 1))
    assert dice(a, b) == 2 * 2 / (3 + 5)
    assert volumetric_similarity(a, b) == 1 - 2 / 8
    assert absolute_volume_difference_percent(a, b) == 40.0
    assert absolute_volume_difference_percent(b, a) == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    ("spacing_mm", "distance"),
    [((1.0, 1.0, 1.0), 5.0), ((2.0, 0.5, 1.0), math.hypot(6, 2)), ((1.0, 1.0, 9.0), 5.0)],
)
def test_distance_between_two_voxels(spacing_mm: Spacing, distance: float) -> None:
    a, b = mask_at((1, 0, 2)), mask_at((4, 4, 2))
    for measure in DISTANCES:
        assert measure(a, b, spacing_mm) == pytest.approx(distance)


def test_distances_count_across_slices_too() -> None:
    a, b = mask_at((3, 3, 0)), mask_at((3, 3, 4))
    assert hausdorff_95_mm(a, b, (0.96, 0.96, 3.0)) == pytest.approx(12.0)


def test_the_larger_directed_percentile_and_the_mean_of_means() -> None:
    a = mask_at((0, 3, 2))
    b = mask_at((0, 3, 2), (10, 3, 2))
    from_a, from_b = surface_distances_mm(a, b, UNIT_MM)
    assert (from_a.tolist(), from_b.tolist()) == ([0.0], [0.0, 10.0])
    assert hausdorff_95_mm(a, b, UNIT_MM) == pytest.approx(9.5)
    assert mean_surface_distance_mm(a, b, UNIT_MM) == pytest.approx((0 + 5) / 2)


def test_the_boundary_is_taken_within_the_slice() -> None:
    """A 5x5x5 block: the inner 3x3 of every slice is no boundary, top and bottom included."""
    cube = block(2, 7)
    from_a, _ = surface_distances_mm(cube, cube, UNIT_MM, slice_axis=2)
    assert from_a.size == 5 * (25 - 9)
    flat = mask_at(*[(x, y, 2) for x in range(1, 6) for y in range(1, 4)])
    assert surface_distances_mm(flat, flat, UNIT_MM, slice_axis=2)[0].size == 15 - 3
    assert surface_distances_mm(flat, flat, UNIT_MM, slice_axis=0)[0].size == 15


def test_the_edge_of_the_image_is_no_boundary() -> None:
    half = np.zeros((6, 4, 3), bool)
    half[:3] = True
    assert surface_distances_mm(half, half, UNIT_MM, slice_axis=2)[0].size == 4 * 3


@pytest.mark.parametrize("shift", [1, 2, 3])
def test_a_shifted_block_is_no_further_than_the_shift(shift: int) -> None:
    a, b = block(2, 7), block(2 + shift, 7 + shift)
    assert hausdorff_95_mm(a, b, (1.5, 1.0, 1.0)) == pytest.approx(1.5 * shift)
    assert dice(a, b) == pytest.approx((5 - shift) / 5)


# Empty masks, and masks without a boundary.

EMPTY, ONE = mask_at(), mask_at((2, 2, 2))
FULL = np.ones_like(ONE)


@pytest.mark.parametrize("measure", EVERY_MEASURE)
def test_two_empty_masks_have_nothing_to_measure(measure: Callable[[Mask, Mask], float]) -> None:
    assert math.isnan(measure(EMPTY, EMPTY))


@pytest.mark.parametrize(
    ("prediction", "reference", "volume_difference"), [(EMPTY, ONE, 100.0), (ONE, EMPTY, math.inf)]
)
def test_one_empty_mask_is_the_worst(
    prediction: Mask, reference: Mask, volume_difference: float
) -> None:
    assert dice(prediction, reference) == 0
    assert volumetric_similarity(prediction, reference) == 0
    assert absolute_volume_difference_percent(prediction, reference) == volume_difference
    for measure in DISTANCES:
        assert measure(prediction, reference, UNIT_MM) == math.inf


def test_a_mask_that_fills_its_slices_has_no_boundary() -> None:
    for measure in DISTANCES:
        assert math.isnan(measure(FULL, FULL, UNIT_MM))
        assert measure(FULL, ONE, UNIT_MM) == math.inf
    assert dice(FULL, FULL) == 1


@pytest.mark.parametrize("spacing_mm", [(1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (1.0, math.nan, 1.0)])
def test_says_what_spacing_it_cannot_take(spacing_mm: Spacing) -> None:
    with pytest.raises(ValueError, match=r"spacing_mm must be three positive lengths, found \("):
        surface_distances_mm(ONE, ONE, spacing_mm)


def test_says_what_axis_it_cannot_take() -> None:
    with pytest.raises(ValueError, match="slice_axis must be 0, 1 or 2, found 3"):
        surface_distances_mm(ONE, ONE, UNIT_MM, slice_axis=3)


# Properties.


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS, slice_axis=AXES)
@settings(max_examples=100)
def test_symmetry(masks: tuple[Mask, Mask], spacing_mm: Spacing, slice_axis: int) -> None:
    a, b = masks
    np.testing.assert_equal(dice(a, b), dice(b, a))
    np.testing.assert_equal(volumetric_similarity(a, b), volumetric_similarity(b, a))
    for measure in DISTANCES:
        np.testing.assert_equal(
            measure(a, b, spacing_mm, slice_axis), measure(b, a, spacing_mm, slice_axis)
        )


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS)
@settings(max_examples=50)
def test_identity(masks: tuple[Mask, Mask], spacing_mm: Spacing) -> None:
    a = np.pad(masks[0], 1)
    a[1, 1, 1] = True
    a = np.pad(a, 1)
    assert dice(a, a) == volumetric_similarity(a, a) == 1
    assert absolute_volume_difference_percent(a, a) == 0
    for measure in DISTANCES:
        assert measure(a, a, spacing_mm) == 0


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS, factor=st.sampled_from([0.5, 2.0, 4.0]))
@settings(max_examples=100)
def test_distances_scale_with_the_spacing(
    masks: tuple[Mask, Mask], spacing_mm: Spacing, factor: float
) -> None:
    x, y, z = spacing_mm
    scaled_mm = (factor * x, factor * y, factor * z)
    for measure in DISTANCES:
        np.testing.assert_allclose(
            measure(*masks, scaled_mm), factor * measure(*masks, spacing_mm), rtol=1e-12
        )


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS, margins=st.lists(MARGINS, min_size=3, max_size=3))
@settings(max_examples=50)
def test_empty_space_around_changes_nothing(
    masks: tuple[Mask, Mask], spacing_mm: Spacing, margins: list[tuple[int, int]]
) -> None:
    near_a, near_b = (np.pad(mask, 1) for mask in masks)
    far_a, far_b = (np.pad(mask, margins) for mask in masks)
    for measure in DISTANCES:
        np.testing.assert_equal(
            measure(near_a, near_b, spacing_mm), measure(far_a, far_b, spacing_mm)
        )


# Structures of the schemes.


def test_tissues_are_scored_one_by_one() -> None:
    reference = np.zeros((8, 8, 9), np.uint8)
    for tissue in range(1, 8):
        reference[2:6, 2:6, tissue] = tissue
    prediction = reference.copy()
    prediction[2:6, 2:6, 3] = 0
    scores = {row.structure: row for row in score(prediction, reference, UNIT_MM, TISSUE_SCHEME)}
    assert list(scores) == ["CoGM", "BGT", "WM", "BS", "CB", "Vent", "CSF"]
    assert [row.dice for row in scores.values()] == [1, 1, 0, 1, 1, 1, 1]
    assert scores["CoGM"].hausdorff_95_mm == scores["CoGM"].mean_surface_distance_mm == 0
    assert scores["WM"].hausdorff_95_mm == math.inf
    assert scores["WM"].absolute_volume_difference_percent == 100


def test_mrbrains_merges_tissues_and_ignores_cerebellum_and_brainstem() -> None:
    reference = np.array([1, 2, 3, 4, 5, 6, 7, 8, 0]).reshape(9, 1, 1).repeat(2, axis=1)
    prediction = np.array([1, 2, 3, 3, 7, 6, 1, 3, 0], np.uint8).reshape(9, 1, 1).repeat(2, axis=1)
    scores = score(prediction, reference, UNIT_MM, MRBRAINS13)
    assert [row.structure for row in scores] == ["GM", "WM", "CSF"]
    assert [row.dice for row in scores] == [1, 1, 1]
    assert [row.absolute_volume_difference_percent for row in scores] == [0, 0, 0]


def test_mrbrains_testing_codes() -> None:
    reference = np.array([2, 2, 3, 1, 1, 0]).reshape(6, 1, 1)
    prediction = np.array([1, 2, 3, 6, 7, 4], np.uint8).reshape(6, 1, 1)
    scores = score(prediction, reference, UNIT_MM, MRBRAINS13_TESTING)
    assert [(row.structure, row.dice) for row in scores] == [("GM", 1), ("WM", 1), ("CSF", 1)]


def test_neobrains_scores_myelinated_white_matter_in_merged_white_matter() -> None:
    reference = np.array([2, 5, 0, 1, 8]).reshape(5, 1, 1)
    prediction = np.array([3, 3, 0, 5, 7], np.uint8).reshape(5, 1, 1)
    scores = {row.structure: row.dice for row in score(prediction, reference, UNIT_MM, NEOBRAINS12)}
    assert (scores["WM"], scores["CB"], scores["CSF"]) == (1, 1, 1)
    assert math.isnan(scores["BS"])


def test_the_slice_axis_reaches_the_distances() -> None:
    a, b = block(2, 9).astype(np.uint8), block(4, 6).astype(np.uint8)
    for axis in range(3):
        found = score(a, b, UNIT_MM, TISSUE_SCHEME, slice_axis=axis)[0]
        assert found.mean_surface_distance_mm == mean_surface_distance_mm(
            a == 1, b == 1, UNIT_MM, axis
        )
