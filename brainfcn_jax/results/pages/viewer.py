"""What the slice viewer of a scan's page is given: small volumes, and where their voxels lie."""

import base64
import gzip
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float16, Float32, Int, UInt8

from brainfcn_jax.imaging.boxes import box_slices, head_box, parts
from brainfcn_jax.imaging.equalisation import find_head_threshold
from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.resampling import Line, Lines, centred_line, resample

MOST_VOXELS = 2_500_000
"""Voxels of each volume in the viewer; larger scans are shown with larger voxels."""

WINDOW_PERCENT = (1.0, 99.7)
"""Percentiles of the head's intensities that are black and white."""

_GZIP_LEVEL = 6
_MOST_SAMPLED = 500_000
_STEP = 1.05

Matrix = list[list[float]]


@dataclass(frozen=True)
class ViewerVolumes:
    """Three volumes on one canonical grid; each is one byte a voxel, x fastest, gzipped, base64.

    Attributes:
        shape: voxels along x, y and z.
        spacing_mm: their sizes.
        start: the voxel in the middle of what is labelled.
        window: intensities of the scan at the bytes 0 and 255.
        to_mm: 4x4, from voxels of the viewer to mm in RAS+ space.
        to_file: 4x4, from voxels of the viewer to those of the scan's file, counted from 0.
        scan: intensities, 0 black to 255 white.
        labels: tissue indices.
        uncertainty: entropy, 0 to 255 for 0 to 1.
    """

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    start: tuple[int, int, int]
    window: tuple[float, float]
    to_mm: Matrix
    to_file: Matrix
    scan: str
    labels: str
    uncertainty: str


def viewer_volumes(
    image: Float32[np.ndarray, "x y z"],
    labels: UInt8[np.ndarray, "x y z"],
    entropy: Float16[np.ndarray, "x y z"],
    grid: Grid,
) -> ViewerVolumes:
    """Cut out the head and, where it has more than `MOST_VOXELS`, make its voxels larger.

    Arrays are in the canonical frame of `grid`, which is that of the scan's file. Intensities and
    uncertainty are interpolated or averaged; each label is that of the nearest voxel.
    """
    spacing_mm = grid.canonical.spacing_mm
    x, y, z = (centred_line(n, mm) for n, mm in zip(labels.shape, spacing_mm, strict=True))
    black, head_level, white = _levels(image)
    box = head_box((image > head_level) | (labels > 0), 0)
    source = parts((x, y, z), box)
    target = _affordable(source)
    inside = box_slices(box)
    scan = (resample(image[inside], source, target) - black) / (white - black)
    uncertainty = resample(entropy[inside].astype(np.float32), source, target)
    nearest = np.ix_(*(_nearest(s, t) for s, t in zip(source, target, strict=True)))
    tissues = labels[inside][nearest]
    to_canonical = _placement((x, y, z), target)
    to_mm = grid.canonical.affine_mm @ to_canonical
    (first, last), (front, back), (low, high) = head_box(tissues, 0)
    return ViewerVolumes(
        shape=(target[0].size, target[1].size, target[2].size),
        spacing_mm=(target[0].spacing_mm, target[1].spacing_mm, target[2].spacing_mm),
        start=((first + last) // 2, (front + back) // 2, (low + high) // 2),
        window=(black, white),
        to_mm=to_mm.round(4).tolist(),
        to_file=(np.linalg.inv(grid.affine_mm) @ to_mm).round(4).tolist(),
        scan=packed(_bytes(scan)),
        labels=packed(tissues),
        uncertainty=packed(_bytes(uncertainty)),
    )


def packed(volume: UInt8[np.ndarray, "x y z"]) -> str:
    """Return the bytes of a volume, x fastest, gzipped and as base64; alike for alike volumes."""
    content = gzip.compress(volume.tobytes(order="F"), _GZIP_LEVEL, mtime=0)
    return base64.b64encode(content).decode("ascii")


def _placement(source: Lines, target: Lines) -> Float[np.ndarray, "4 4"]:
    """Return the matrix from voxels of `target` to those of `source`, along the same axes."""
    matrix = np.eye(4)
    for axis, (line, other) in enumerate(zip(source, target, strict=True)):
        matrix[axis, axis] = other.spacing_mm / line.spacing_mm
        matrix[axis, 3] = (other.first_mm - line.first_mm) / line.spacing_mm
    return matrix


def _levels(image: Float32[np.ndarray, "x y z"]) -> tuple[float, float, float]:
    """Return the intensities that are black, that the head begins at, and that are white."""
    values = image.ravel()[:: 1 + image.size // _MOST_SAMPLED]
    head_level = float(find_head_threshold(values))
    head = values[values > head_level]
    if head.size == 0:
        return head_level, head_level, head_level + 1
    black, white = np.percentile(head, WINDOW_PERCENT).tolist()
    return min(black, head_level), head_level, white if white > black else black + 1


def _affordable(source: Lines) -> Lines:
    """Return the lines, or coarser ones of nearly the same length with `MOST_VOXELS`."""
    smallest_mm = min(line.spacing_mm for line in source)
    target = source
    while np.prod([line.size for line in target]) > MOST_VOXELS:
        smallest_mm *= _STEP
        first, second, third = (_coarser(line, smallest_mm) for line in source)
        target = (first, second, third)
    return target


def _coarser(line: Line, spacing_mm: float) -> Line:
    """Return samples at least so far apart over the same length."""
    if spacing_mm <= line.spacing_mm:
        return line
    length_mm = line.size * line.spacing_mm
    size = max(1, int(length_mm / spacing_mm))
    first_mm = line.first_mm - line.spacing_mm / 2 + length_mm / size / 2
    return Line(first_mm, length_mm / size, size)


def _nearest(source: Line, target: Line) -> Int[np.ndarray, " target"]:
    positions_mm = target.first_mm + target.spacing_mm * np.arange(target.size)
    nearest = np.rint((positions_mm - source.first_mm) / source.spacing_mm).astype(np.int64)
    return np.clip(nearest, 0, source.size - 1)


def _bytes(fractions: Float32[np.ndarray, "x y z"]) -> UInt8[np.ndarray, "x y z"]:
    return (np.clip(fractions, 0, 1) * 255 + 0.5).astype(np.uint8)
