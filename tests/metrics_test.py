"""The measures by hand, rebuilt from SimpleITK's parts, beside other programs, and in general."""

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Bool, Float
from scipy import ndimage

from brainfcn_jax.labels import MRBRAINS13, MRBRAINS13_TESTING, NEOBRAINS12, TISSUE_SCHEME
from brainfcn_jax.metrics import (
    absolute_volume_difference_percent,
    dice,
    hausdorff_95_mm,
    mean_surface_distance_mm,
    score,
    surface_distances_mm,
    volumetric_similarity,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import surface_distance
    from medpy.metric import binary as medpy

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

uses_surface_distance = pytest.mark.filterwarnings(
    r"ignore:Please import `\w+` from the `scipy.ndimage` namespace:DeprecationWarning"
)


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


# Parity with the definitions rebuilt from SimpleITK's parts.


def simpleitk_distances(
    a: Mask, b: Mask, spacing_mm: Spacing, slice_axis: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]]:
    """Directed distances: mask less BinaryErode in the plane, then SignedMaurerDistanceMap."""
    radius = [0 if axis == slice_axis else 1 for axis in range(3)]
    boundaries = []
    for mask in (a, b):
        image = SimpleITK.GetImageFromArray(mask.transpose(2, 1, 0).astype(np.uint8))
        image.SetSpacing(spacing_mm)
        boundaries.append(SimpleITK.Subtract(image, SimpleITK.BinaryErode(image, radius)))
    outside = [
        np.maximum(
            SimpleITK.GetArrayFromImage(
                SimpleITK.SignedMaurerDistanceMap(boundary, False, False, True)
            ),
            0,
        )
        for boundary in boundaries
    ]
    on_a, on_b = (SimpleITK.GetArrayFromImage(boundary) > 0 for boundary in boundaries)
    return outside[1][on_a], outside[0][on_b]


def same_as_simpleitk(a: Mask, b: Mask, spacing_mm: Spacing, slice_axis: int) -> None:
    expected = simpleitk_distances(a, b, spacing_mm, slice_axis)
    found = surface_distances_mm(a, b, spacing_mm, slice_axis)
    assert [d.size for d in found] == [d.size for d in expected]
    if not all(d.size for d in expected):
        return
    hausdorff = max(np.percentile(d, 95) for d in expected)
    mean = (expected[0].mean(dtype=float) + expected[1].mean(dtype=float)) / 2
    assert hausdorff_95_mm(a, b, spacing_mm, slice_axis) == pytest.approx(hausdorff, rel=1e-5)
    assert mean_surface_distance_mm(a, b, spacing_mm, slice_axis) == pytest.approx(mean, rel=1e-5)


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS, slice_axis=AXES)
@settings(max_examples=150, deadline=None)
def test_random_masks_equal_simpleitk(
    masks: tuple[Mask, Mask], spacing_mm: Spacing, slice_axis: int
) -> None:
    same_as_simpleitk(*masks, spacing_mm, slice_axis)


@pytest.mark.parametrize("slice_axis", [0, 1, 2])
@pytest.mark.parametrize("spacing_mm", [UNIT_MM, (0.96, 0.96, 3.0), (0.35, 2.0, 0.35)])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(block(2, 6), block(6, 11), id="touching"),
        pytest.param(block(0, 4), block(7, 12), id="apart, at the edge"),
        pytest.param(block(2, 9), block(4, 6), id="one in the other"),
    ],
)
def test_blocks_equal_simpleitk(a: Mask, b: Mask, spacing_mm: Spacing, slice_axis: int) -> None:
    same_as_simpleitk(a, b, spacing_mm, slice_axis)


@given(masks=MASK_PAIRS)
@settings(max_examples=100, deadline=None)
def test_overlap_equals_simpleitk(masks: tuple[Mask, Mask]) -> None:
    a, b = masks
    if not (a.any() or b.any()):
        return
    images = [SimpleITK.GetImageFromArray(mask.astype(np.uint8)) for mask in masks]
    overlap = SimpleITK.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    assert dice(a, b) == pytest.approx(overlap.GetDiceCoefficient(1))
    # ITK's volume similarity is signed, 2 (|A| - |B|) / (|A| + |B|).
    similarity = 1 - abs(overlap.GetVolumeSimilarity(1)) / 2
    assert volumetric_similarity(a, b) == pytest.approx(similarity)


# Beside MedPy and surface-distance: equal where the definitions are, bounded where they differ.


def smooth_blob(seed: int, shape: tuple[int, int, int] = (20, 18, 16)) -> Mask:
    """A random smooth mask that stays two voxels off the image's edge."""
    noise = np.random.default_rng(seed).normal(size=shape)
    inner = ndimage.gaussian_filter(noise, 2)
    blob = np.zeros(shape, bool)
    core = (slice(2, -2),) * 3
    blob[core] = (inner > np.quantile(inner, 0.6))[core]
    return blob


@pytest.mark.parametrize("seed", range(4))
def test_medpy_agrees_within_one_slice(seed: int) -> None:
    """In 2D with 8 neighbours MedPy's boundary is ours; it pools the two directions."""
    a, b = smooth_blob(seed)[:, :, 8], smooth_blob(seed + 10)[:, :, 8]
    spacing = (0.7, 1.3)
    volume_a, volume_b = a[:, :, None], b[:, :, None]
    from_a, from_b = surface_distances_mm(volume_a, volume_b, (*spacing, 5.0))
    assert dice(volume_a, volume_b) == pytest.approx(medpy.dc(a, b))
    directed = [medpy.asd(*pair, spacing, connectivity=2) for pair in ((a, b), (b, a))]
    assert mean_surface_distance_mm(volume_a, volume_b, (*spacing, 5.0)) == pytest.approx(
        np.mean(directed)
    )
    assert medpy.assd(a, b, spacing, connectivity=2) == pytest.approx(
        np.concatenate([from_a, from_b]).mean()
    )
    pooled = medpy.hd95(a, b, spacing, connectivity=2)
    assert pooled == pytest.approx(np.percentile(np.concatenate([from_a, from_b]), 95))
    assert hausdorff_95_mm(volume_a, volume_b, (*spacing, 5.0)) >= pooled - 1e-9


@uses_surface_distance
@pytest.mark.parametrize("spacing_mm", [UNIT_MM, (0.96, 0.96, 3.0)])
@pytest.mark.parametrize("seed", range(4))
def test_other_programs_in_3d_are_within_a_voxel(seed: int, spacing_mm: Spacing) -> None:
    """Their boundaries are three-dimensional, so the distances differ by less than a voxel."""
    a, b = smooth_blob(seed), smooth_blob(seed + 10)
    voxel_mm = float(np.linalg.norm(spacing_mm))
    hausdorff = hausdorff_95_mm(a, b, spacing_mm)
    mean = mean_surface_distance_mm(a, b, spacing_mm)
    surfaces = surface_distance.compute_surface_distances(a, b, spacing_mm)
    directed = surface_distance.compute_average_surface_distance(surfaces)
    assert dice(a, b) == pytest.approx(surface_distance.compute_dice_coefficient(a, b))
    assert hausdorff == pytest.approx(
        surface_distance.compute_robust_hausdorff(surfaces, 95), abs=voxel_mm
    )
    assert mean == pytest.approx(np.mean(directed), abs=voxel_mm / 2)
    assert hausdorff == pytest.approx(medpy.hd95(a, b, spacing_mm), abs=voxel_mm)
    assert mean == pytest.approx(medpy.assd(a, b, spacing_mm), abs=voxel_mm / 2)


def test_medpy_pools_where_we_take_the_larger_direction() -> None:
    a, b = mask_at((0, 3, 2)), mask_at((0, 3, 2), (10, 3, 2))
    assert medpy.hd95(a, b) == pytest.approx(9.0)
    assert medpy.assd(a, b) == pytest.approx(10 / 3)
    assert mean_surface_distance_mm(a, b, UNIT_MM) == pytest.approx(2.5)
    assert hausdorff_95_mm(a, b, UNIT_MM) == pytest.approx(9.5)


@uses_surface_distance
def test_other_programs_count_the_edge_of_the_image_as_boundary() -> None:
    half, more = np.zeros((2, 8, 6, 4), bool)
    half[:3], more[:5] = True, True
    assert mean_surface_distance_mm(half, more, UNIT_MM) == pytest.approx(2.0)
    assert medpy.assd(half, more) < 1.0
    surfaces = surface_distance.compute_surface_distances(half, more, UNIT_MM)
    assert np.mean(surface_distance.compute_average_surface_distance(surfaces)) < 1.0


def test_medpy_raises_for_an_empty_mask() -> None:
    with pytest.raises(RuntimeError, match="does not contain any binary object"):
        medpy.hd95(EMPTY, ONE)


# Properties.


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS, slice_axis=AXES)
@settings(max_examples=100, deadline=None)
def test_symmetry(masks: tuple[Mask, Mask], spacing_mm: Spacing, slice_axis: int) -> None:
    a, b = masks
    np.testing.assert_equal(dice(a, b), dice(b, a))
    np.testing.assert_equal(volumetric_similarity(a, b), volumetric_similarity(b, a))
    for measure in DISTANCES:
        np.testing.assert_equal(
            measure(a, b, spacing_mm, slice_axis), measure(b, a, spacing_mm, slice_axis)
        )


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS)
@settings(max_examples=50, deadline=None)
def test_identity(masks: tuple[Mask, Mask], spacing_mm: Spacing) -> None:
    a = np.pad(masks[0], 1)
    a[1, 1, 1] = True
    a = np.pad(a, 1)
    assert dice(a, a) == volumetric_similarity(a, a) == 1
    assert absolute_volume_difference_percent(a, a) == 0
    for measure in DISTANCES:
        assert measure(a, a, spacing_mm) == 0


@given(masks=MASK_PAIRS, spacing_mm=SPACINGS, factor=st.sampled_from([0.5, 2.0, 4.0]))
@settings(max_examples=100, deadline=None)
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
@settings(max_examples=50, deadline=None)
def test_empty_space_around_changes_nothing(
    masks: tuple[Mask, Mask], spacing_mm: Spacing, margins: list[tuple[int, int]]
) -> None:
    near = [np.pad(mask, 1) for mask in masks]
    far = [np.pad(mask, margins) for mask in masks]
    for measure in DISTANCES:
        np.testing.assert_equal(measure(*near, spacing_mm), measure(*far, spacing_mm))


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
