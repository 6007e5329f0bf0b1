"""Voxel grids: where an array's voxels lie, and the way to the canonical frame and back (numpy).

An affine is the 4x4 matrix from voxel indices to mm in RAS+ space. The canonical frame has axes
(x, y, z) pointing to the right, front and top of the head. Messages of the errors lack the file's
name: the reader puts it in front.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Shaped
from nibabel.orientations import (
    apply_orientation,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.array_order import laid_out
from brainfcn_jax.text import listed, number

SPACING_LIMITS_MM = (0.01, 100.0)
"""Voxel sizes outside these are taken for a damaged header."""

SAME_GRID_MM = 1e-3
"""Grids whose corners are no further apart than this are the same."""

FARTHEST_MM = 1e6
"""Scans that lie farther away are taken for a damaged header; float32 would lose their place."""

FORMS_AGREE_MM = 0.1
"""What rounding puts between a header's sform and qform; more is told."""

SIZES_AGREE = 0.02
"""How far rounding, shear and registrations put the sizes in a header from those of its sform."""

ANALYZE_NOTE = (
    "Analyze files carry no orientation; x is taken to run from right to left, y to the front "
    "and z to the top: check left and right"
)

_CANONICAL = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
_FLATTEST_VOXEL = 1e-3


@dataclass(frozen=True, eq=False)
class Grid:
    """The voxels of one array: its shape (i, j, k) and the affine that places them."""

    shape: tuple[int, int, int]
    affine_mm: Float[np.ndarray, "4 4"]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distances between the centres of neighbouring voxels along the three axes."""
        first, second, third = np.linalg.norm(self.affine_mm[:3, :3], axis=0).tolist()
        return first, second, third

    @property
    def voxel_mm3(self) -> float:
        """The volume of one voxel: |det| of the affine's directions, as their triple product.

        Unlike `numpy.linalg.det` it is exact for edges that run along the axes.
        """
        first, second, third = self.affine_mm[:3, :3].T
        return abs(float(np.dot(first, np.cross(second, third))))

    @cached_property
    def orientation(self) -> Float[np.ndarray, "3 2"]:
        """The canonical axis nearest to each array axis, and 1 or, where it runs against it, -1."""
        return io_orientation(self.affine_mm)

    @property
    def canonical(self) -> "Grid":
        """The same voxels with the array's axes in canonical order and direction."""
        first, second, third = (self.shape[int(axis)] for axis in self._from_canonical[:, 0])
        to_array = inv_ornt_aff(self.orientation, self.shape)  # canonical indices -> array indices
        return Grid((first, second, third), self.affine_mm @ to_array)

    def to_canonical(
        self, array: Shaped[np.ndarray, "i j k *channels"]
    ) -> Shaped[np.ndarray, "x y z *channels"]:
        """Turn an array on this grid into the canonical frame, its last axis contiguous.

        Axes behind the third stay in place.
        """
        return laid_out(apply_orientation(array, self.orientation), "C")

    def from_canonical(
        self, array: Shaped[np.ndarray, "x y z *channels"]
    ) -> Shaped[np.ndarray, "i j k *channels"]:
        """Turn an array in the canonical frame back: the exact inverse of `to_canonical`.

        Its first axis is contiguous, as in files.
        """
        return laid_out(apply_orientation(array, self._from_canonical), "F")

    @cached_property
    def _from_canonical(self) -> Float[np.ndarray, "3 2"]:
        """The array axis nearest to each canonical axis, and 1 or -1."""
        return ornt_transform(_CANONICAL, self.orientation)


def affine_fault(affine_mm: Float[np.ndarray, "4 4"]) -> str | None:
    """Return why an affine cannot place voxels in space, or None when it can.

    It must be finite, its voxel sizes within `SPACING_LIMITS_MM`, its axes must not lie in one
    plane (the volume of a voxel at least 1/1000 of that of a box with the same edges), and its
    first voxel not beyond `FARTHEST_MM`.
    """
    if not np.isfinite(affine_mm).all():
        return "is not finite"
    sizes_mm = np.linalg.norm(affine_mm[:3, :3], axis=0)
    if not all(SPACING_LIMITS_MM[0] <= mm <= SPACING_LIMITS_MM[1] for mm in sizes_mm):
        return f"has voxel sizes {listed(sizes_mm)} mm"
    if abs(np.linalg.det(affine_mm[:3, :3] / sizes_mm)) < _FLATTEST_VOXEL:
        return "is singular"
    away_mm = np.abs(affine_mm[:3, 3]).max()
    if away_mm > FARTHEST_MM:
        return f"lies {number(away_mm)} mm from where positions are counted from"
    return None


def check_affine(affine_mm: Float[np.ndarray, "4 4"], which: str) -> None:
    """Raise InputError when `affine_fault` finds one; `which` names the affine in the message."""
    fault = affine_fault(affine_mm)
    if fault is not None:
        raise InputError(f"cannot be placed in space: {which} {fault}; repair the header first")


def corner_distance_mm(grid: Grid, other_affine_mm: Float[np.ndarray, "4 4"]) -> float:
    """Measure how far apart, at most, two affines put a corner voxel of a grid."""
    corners = np.array([(*c, 1) for c in itertools.product(*((0, n - 1) for n in grid.shape))])
    return float(np.linalg.norm(corners @ (grid.affine_mm - other_affine_mm).T, axis=1).max())


def placing_form(
    shape: tuple[int, int, int],
    sform_mm: Float[np.ndarray, "4 4"],
    qform_mm: Float[np.ndarray, "4 4"],
) -> tuple[Literal["sform", "qform"] | None, tuple[str, ...]]:
    """Choose which of a NIfTI header's two affines places the voxels, with notes for the user.

    The sform counts before the qform, as in nibabel; a damaged one gives way to the other. One
    that the header does not have is 0 everywhere.

    Raises:
        InputError: there is one, or both, and none can be used.
    """
    if affine_fault(sform_mm) is None:
        return "sform", _form_notes(Grid(shape, sform_mm), qform_mm)
    if qform_mm.any():
        check_affine(qform_mm, "its qform")
        damaged = ("the header's sform is damaged; its qform is used",)
        return "qform", damaged if sform_mm.any() else ()
    if sform_mm.any():
        check_affine(sform_mm, "its affine")
    return None, ("the header gives no orientation; x is taken to run from right to left",)


def _form_notes(grid: Grid, qform_mm: Float[np.ndarray, "4 4"]) -> tuple[str, ...]:
    if not qform_mm.any():
        return ()
    if affine_fault(qform_mm) is not None:
        return ("the header's qform is damaged; its sform is used",)
    apart_mm = corner_distance_mm(grid, qform_mm)
    if apart_mm <= FORMS_AGREE_MM:
        return ()
    return (f"the header's sform and qform lie up to {apart_mm:.1f} mm apart; the sform is used",)


def size_notes(grid: Grid, header_sizes_mm: Float[np.ndarray, " 3"]) -> tuple[str, ...]:
    """Return a note where the sizes in a NIfTI header (pixdim) are not those of its sform's voxels.

    Sizes of 0 or less, and those that are no numbers, say nothing.
    """
    if not all(0 < mm < np.inf for mm in header_sizes_mm):
        return ()
    if np.allclose(grid.spacing_mm, header_sizes_mm, rtol=SIZES_AGREE, atol=0):
        return ()
    return (
        f"the header gives voxels of {listed(_rounded(grid.spacing_mm))} mm in its sform and of "
        f"{listed(_rounded(header_sizes_mm))} mm in its pixdim; the sform is used, so that all "
        "volumes are wrong where it is: correct the header if the other is true",
    )


def _rounded(sizes_mm: Iterable[float]) -> list[float]:
    return [round(float(mm), 3) for mm in sizes_mm]


def same_voxels(labels: Grid, scan: Grid, scan_path: str) -> Grid:
    """Return the grid that brings a label map's array to the scan's canonical frame.

    The two must hold the same voxels (corners within `SAME_GRID_MM`); the order and direction in
    which their files store the axes may differ.

    Raises:
        InputError: they hold other voxels.
    """
    alike = labels.shape == scan.shape
    if alike and corner_distance_mm(labels, scan.affine_mm) <= SAME_GRID_MM:
        return scan
    found, asked = labels.canonical, scan.canonical
    if found.shape != asked.shape:
        raise InputError(
            f"is on another grid than '{scan_path}': {listed(found.shape)} voxels along x, y, z "
            f"against {listed(asked.shape)}; give labels of this scan"
        )
    apart_mm = corner_distance_mm(found, asked.affine_mm)
    if apart_mm > SAME_GRID_MM:
        raise InputError(
            f"is on another grid than '{scan_path}': the same number of voxels, but up to "
            f"{number(apart_mm)} mm away; give labels of this scan"
        )
    return labels
