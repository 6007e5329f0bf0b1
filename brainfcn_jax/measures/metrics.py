"""The challenges' measures of how far two label maps agree (numpy and scipy).

docs/measures.md holds the definitions in one table, beside those of other programs.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, UInt8
from scipy import ndimage

from brainfcn_jax.imaging.boxes import bounding_box, box_slices, grown
from brainfcn_jax.schemes import CodeScheme

Mask = Bool[np.ndarray, "x y z"]
Distances = Float[np.ndarray, " _"]

PERCENTILE = 95.0


@dataclass(frozen=True)
class Score:
    """How well one structure was segmented; nan and inf where the measures say so."""

    structure: str
    dice: float
    hausdorff_95_mm: float
    mean_surface_distance_mm: float
    absolute_volume_difference_percent: float
    volumetric_similarity: float


def score(
    prediction: UInt8[np.ndarray, "x y z"],
    reference: Integer[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    scheme: CodeScheme,
    *,
    slice_axis: int = 2,
) -> list[Score]:
    """Measure every structure that the scheme scores, in its order.

    `prediction` holds classes, `reference` the scheme's own codes, both on one grid with
    `spacing_mm` along its axes. A predicted voxel counts as none where the reference has one of
    the scheme's ignored codes. `slice_axis` is the axis across which slices are counted; see
    `surface_distances_mm`, which also says what is raised.
    """
    box = _joint_box(prediction != 0, reference != 0)
    prediction, reference = prediction[box], reference[box]
    scored = ~np.isin(reference, list(scheme.ignored_codes))
    return [
        _score_structure(
            structure.name,
            np.isin(prediction, list(structure.classes)) & scored,
            np.isin(reference, list(structure.codes)),
            spacing_mm,
            slice_axis,
        )
        for structure in scheme.structures
    ]


def _score_structure(
    name: str,
    prediction: Mask,
    reference: Mask,
    spacing_mm: tuple[float, float, float],
    slice_axis: int,
) -> Score:
    """Return the measures of one structure, from its distances, which are found once."""
    distances = surface_distances_mm(prediction, reference, spacing_mm, slice_axis)
    return Score(
        structure=name,
        dice=dice(prediction, reference),
        hausdorff_95_mm=_hausdorff_95(*distances),
        mean_surface_distance_mm=_mean_distance(*distances),
        absolute_volume_difference_percent=absolute_volume_difference_percent(
            prediction, reference
        ),
        volumetric_similarity=volumetric_similarity(prediction, reference),
    )


def dice(a: Mask, b: Mask) -> float:
    """Return the Dice coefficient 2|A and B| / (|A| + |B|), 0 to 1; nan when both are empty.

    >>> a, b = np.zeros((2, 4, 4, 1), bool)
    >>> a[:2], b[1:3] = True, True
    >>> dice(a, b)
    0.5
    """
    total = _voxels(a) + _voxels(b)
    return 2 * _voxels(a & b) / total if total else math.nan


def absolute_volume_difference_percent(prediction: Mask, reference: Mask) -> float:
    """Return 100 ||P| - |R|| / |R|, in percent of the reference's volume.

    nan when both masks are empty, inf when only the reference is.
    Source: the evaluation of the MRBrainS13 challenge.
    """
    predicted, expected = _voxels(prediction), _voxels(reference)
    if expected == 0:
        return math.nan if predicted == 0 else math.inf
    return 100 * abs(predicted - expected) / expected


def volumetric_similarity(a: Mask, b: Mask) -> float:
    """Return 1 - ||A| - |B|| / (|A| + |B|), 0 to 1; nan when both masks are empty.

    Source: Taha and Hanbury 2015, "Metrics for evaluating 3D medical image segmentation".
    """
    total = _voxels(a) + _voxels(b)
    return 1 - abs(_voxels(a) - _voxels(b)) / total if total else math.nan


def hausdorff_95_mm(
    a: Mask, b: Mask, spacing_mm: tuple[float, float, float], slice_axis: int = 2
) -> float:
    """Return the larger of the two directed 95th percentiles of the boundary distances, in mm.

    >>> a, b = np.zeros((2, 9, 9, 3), bool)
    >>> a[2:5, 2:7], b[4:7, 2:7] = True, True  # the same square, two voxels further
    >>> hausdorff_95_mm(a, b, spacing_mm=(1.5, 1.0, 3.0))
    3.0

    Percentiles are interpolated linearly. See `surface_distances_mm` for boundary and distance.
    nan when neither mask has a boundary, inf when only one has.
    Source: the evaluation of the MRBrainS challenge.
    """
    return _hausdorff_95(*surface_distances_mm(a, b, spacing_mm, slice_axis))


def mean_surface_distance_mm(
    a: Mask, b: Mask, spacing_mm: tuple[float, float, float], slice_axis: int = 2
) -> float:
    """Return the mean of the two directed means of the boundary distances, in mm.

    See `surface_distances_mm` for boundary and distance. nan when neither mask has a boundary,
    inf when only one has. NeoBrainS12 publishes no formula; this one is our choice.
    """
    return _mean_distance(*surface_distances_mm(a, b, spacing_mm, slice_axis))


def surface_distances_mm(
    a: Mask, b: Mask, spacing_mm: tuple[float, float, float], slice_axis: int = 2
) -> tuple[Distances, Distances]:
    """Return distances, in mm, from each boundary voxel of A to the nearest of B, and the reverse.

    The boundary is the mask less its 3x3 erosion within the slice plane, that is across
    `slice_axis`; outside the image counts as mask, so a mask that is empty or fills its slices
    has no boundary. A mask without boundary gives no distances, and the other one's are inf.
    `spacing_mm` is the voxel size along each array axis.
    Raises ValueError for spacing that is not positive or an axis that is not 0, 1 or 2.
    Source: the evaluation of the MRBrainS challenge.
    """
    _check_grid(spacing_mm, slice_axis)
    box = _joint_box(a, b)
    boundary_a, boundary_b = (_boundary(mask[box], slice_axis) for mask in (a, b))
    return (
        _distances_mm(boundary_a, boundary_b, spacing_mm),
        _distances_mm(boundary_b, boundary_a, spacing_mm),
    )


def _hausdorff_95(from_a: Distances, from_b: Distances) -> float:
    """Return the larger directed percentile, or what a missing boundary gives."""
    if from_a.size == 0 or from_b.size == 0:
        return _without_boundary(from_a, from_b)
    return float(max(np.percentile(distances, PERCENTILE) for distances in (from_a, from_b)))


def _mean_distance(from_a: Distances, from_b: Distances) -> float:
    """Return the mean of the directed means, or what a missing boundary gives."""
    if from_a.size == 0 or from_b.size == 0:
        return _without_boundary(from_a, from_b)
    return float((from_a.mean() + from_b.mean()) / 2)


def _without_boundary(from_a: Distances, from_b: Distances) -> float:
    return math.inf if from_a.size or from_b.size else math.nan


def _joint_box(a: Mask, b: Mask) -> tuple[slice, slice, slice]:
    """Return the bounding box of both masks and one voxel more where the image has one.

    The margin keeps apart, at the box's faces, background (boundary) and the image's edge (none).
    """
    box = bounding_box(a | b) or ((0, 0), (0, 0), (0, 0))
    return box_slices(grown(box, (1, 1, 1), a.shape))


def _boundary(mask: Mask, slice_axis: int) -> Mask:
    """Return the mask less its 3x3 erosion across `slice_axis`; beyond the array is mask."""
    plane = np.ones([1 if axis == slice_axis else 3 for axis in range(3)], bool)
    return np.asarray(mask & ~ndimage.binary_erosion(mask, plane, border_value=1))


def _distances_mm(boundary: Mask, other: Mask, spacing_mm: tuple[float, float, float]) -> Distances:
    """Return from each boundary voxel's centre to the nearest of another boundary, inf without one.

    Where the boundaries coincide, as most do, nothing is searched; a map of the distances of all
    voxels takes three times as long.
    """
    if not other.any():
        return np.full(_voxels(boundary), np.inf)
    from scipy import spatial  # only where there is a reference: it takes a tenth of all imports

    tree = spatial.cKDTree(
        np.argwhere(other) * spacing_mm, balanced_tree=False, compact_nodes=False
    )
    apart = ~other[boundary]
    distances = np.zeros(apart.size)
    distances[apart], _ = tree.query(np.argwhere(boundary)[apart] * spacing_mm)
    return distances


def _voxels(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def _check_grid(spacing_mm: tuple[float, float, float], slice_axis: int) -> None:
    """Raise ValueError for a voxel size or slice axis that a volume cannot have."""
    if not all(0 < mm < math.inf for mm in spacing_mm):
        raise ValueError(f"spacing_mm must be three positive lengths, found {spacing_mm}")
    if slice_axis not in (0, 1, 2):
        raise ValueError(f"slice_axis must be 0, 1 or 2, found {slice_axis}")
