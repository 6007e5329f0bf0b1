"""The measures rebuilt from SimpleITK's parts, and beside MedPy and surface-distance."""

import warnings

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import Bool, Float
from scipy import ndimage

from brainfcn_jax.measures.metrics import (
    dice,
    hausdorff_95_mm,
    mean_surface_distance_mm,
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
MASK_PAIRS = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)

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
@settings(max_examples=150)
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
@settings(max_examples=100)
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
        medpy.hd95(mask_at(), mask_at((2, 2, 2)))
