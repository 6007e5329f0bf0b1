"""Where the brain is in a head of any contrast: three slice directions fused (JAX and scipy)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from scipy import ndimage

from brainfcn_jax.imaging.boxes import (
    Box,
    bounding_box,
    box_slices,
    cover,
    grown,
    parts,
    whole,
    widened,
)
from brainfcn_jax.imaging.choices import directions
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import Lines, centred_grid, resample
from brainfcn_jax.inference.prediction import (
    ANYTHING,
    BATCH_SLICES,
    FLUID,
    NOTHING,
    NetworkInput,
    ReadyNetwork,
    anything,
    evenly_weighted,
)
from brainfcn_jax.inference.views import mean_probabilities
from brainfcn_jax.network.model_file import Model, load_model
from brainfcn_jax.network.shipped_models import FINDER, shipped_file

LEAST_ML = 40.0
"""Smaller pieces are no brain; that of a fetus of 21 weeks is larger."""

LARGEST_SIDE = 400
"""Voxels of the finder's along an axis: 80 cm of an adult."""

_HEAD_MARGIN_VOXELS = 2
_NEAR_MM, _FAR_MM = 24.0, 99.0
"""How far from the brain distances are worked out, three times as far as anything is labelled, and
what stands for those beyond."""


@dataclass(frozen=True)
class BrainSize:
    """What a brain's size decides, for the brains of some people.

    Attributes:
        size: how long their brain is beside an adult's. The finder sees theirs as though it were
            an adult's, magnified.
        tissue_margin_mm: how far from a brain that was found there may be tissue.
        label_margin_mm: how far there may be extracerebral fluid.
        stripped_share: where the brain is this much of the head or more, the skull is not there any
            more; the fluid around it may be.
    """

    size: float
    tissue_margin_mm: float
    label_margin_mm: float
    stripped_share: float

    def allowed(self, outward_mm: Float32[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
        """Return what `predict` may find so far from the brain."""
        nearer, near = outward_mm <= self.tissue_margin_mm, outward_mm <= self.label_margin_mm
        return np.select([nearer, near], [np.uint8(ANYTHING), np.uint8(FLUID)], np.uint8(NOTHING))


ADULTS, NEWBORNS = BrainSize(1.0, 1.5, 4.0, 0.7), BrainSize(0.65, 2.5, 8.0, 0.55)
SIZES: Mapping[str, BrainSize] = MappingProxyType(
    {"adults": ADULTS, "newborns": NEWBORNS, "anyone": ADULTS}
)
"""By the people that a model is for."""


@dataclass(frozen=True)
class Brain:
    """A brain in a scan.

    Attributes:
        outward_mm: distance to the brain, 0 inside, canonical; 99 where it is over 24.
        grid: where that is known.
        head_share: how much of the head it is, 0 to 1.
        skull_stripped: whether there is little but brain.
    """

    outward_mm: Float32[np.ndarray, "x y z"]
    grid: Lines
    head_share: float
    skull_stripped: bool

    def box(self, grid: Lines, margin_mm: float) -> Box:
        """Return the box of another grid's voxels around the brain, canonical, with a margin."""
        found = bounding_box(self.outward_mm == 0)
        assert found is not None  # there is no `Brain` without
        wide = widened(found, [margin_mm] * 3, self.grid)
        return cover(grid, parts(self.grid, wide))

    def distance_mm(self, grid: Lines) -> Float32[np.ndarray, "i j k"]:
        """Return how far the voxels of another grid, canonical, are from the brain; 0 inside."""
        return resample(self.outward_mm, self.grid, grid)


def load_finder() -> Model:
    """Read the shipped weights that find the brain.

    Raises:
        WeightsError: they are missing or damaged.
    """
    return load_model(shipped_file(FINDER))


def sized_finder(finder: Model, people: str) -> Model:
    """Return the finder for the brains of some people, which it sees as large as an adult's."""
    x, y, z = (mm * SIZES[people].size for mm in finder.description.spacing_mm)
    return replace(
        finder, description=replace(finder.description, people=people, spacing_mm=(x, y, z))
    )


def find_brain(finder: ReadyNetwork, scan: Scan, batch_slices: int = BATCH_SLICES) -> Brain | None:
    """Find the brain: the largest piece that is more probably brain than not; None without one.

    The scan is brought to the finder's voxel size and equalised, and cut into slices along each
    axis, all filled up to one square, so that one program serves the three directions; the three
    probabilities are averaged. In what is larger than any head, none is looked for.
    """
    description = finder.description
    source = centred_grid(scan.data.shape, scan.spacing_mm)
    x, y, z = (line.resampled(mm) for line, mm in zip(source, description.spacing_mm, strict=True))
    grid = (x, y, z)
    if max(line.size for line in grid) > LARGEST_SIDE:
        return None
    equalised = equalise_volume(resample(scan.data, source, grid), description.equalise)
    box = box_slices(
        grown(bounding_box(equalised) or whole(grid), [_HEAD_MARGIN_VOXELS] * 3, equalised.shape)
    )
    shape = equalised[box].shape
    seen = NetworkInput(
        equalised[box], anything(shape), evenly_weighted(shape), least_side=max(shape)
    )
    probable = mean_probabilities(finder, seen, directions("all"), batch_slices)[1] > 0.5
    brain = largest_piece(probable)
    voxel_ml = float(np.prod([line.spacing_mm for line in grid])) * 1e-3
    if brain.sum() * voxel_ml < LEAST_ML:
        return None
    mask = np.zeros(equalised.shape, bool)
    mask[box] = brain
    share = float((mask & (equalised > 0)).sum() / max(1, np.count_nonzero(equalised)))
    stripped = share >= SIZES[description.people].stripped_share
    return Brain(distance_to(mask, grid), grid, share, stripped)


def distance_to(mask: Bool[np.ndarray, "x y z"], grid: Lines) -> Float32[np.ndarray, "x y z"]:
    """Return the distance to a mask with voxels, 0 inside; `_FAR_MM` beyond `_NEAR_MM`."""
    box = bounding_box(mask)
    assert box is not None
    near = box_slices(widened(box, [_NEAR_MM] * 3, grid))
    exact_mm = ndimage.distance_transform_edt(~mask[near], [line.spacing_mm for line in grid])
    outward_mm = np.full(mask.shape, _FAR_MM, np.float32)
    outward_mm[near] = np.where(exact_mm <= _NEAR_MM, exact_mm, _FAR_MM)
    return outward_mm


def largest_piece(mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Return the largest 6-connected piece of a mask, its holes filled."""
    pieces, count = ndimage.label(mask)
    if count == 0:
        return mask
    largest = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    return np.asarray(ndimage.binary_fill_holes(largest))
