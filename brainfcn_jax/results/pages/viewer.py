"""What the slice viewer of a scan's page is given: small volumes, and the script (input/output)."""

import base64
import functools
import gzip
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float16, Float32, Int, UInt8

from brainfcn_jax.imaging.boxes import box_slices, head_box, parts
from brainfcn_jax.imaging.equalisation import find_head_threshold
from brainfcn_jax.imaging.nifti_writing import nifti_bytes
from brainfcn_jax.imaging.nilearn_files import nilearn_file
from brainfcn_jax.imaging.resampling import Line, Lines, centred_line, resample

MOST_VOXELS = 2_500_000
"""Voxels of each volume in the viewer; larger scans are shown with larger voxels."""

WINDOW_PERCENT = (1.0, 99.7)
"""Percentiles of the head's intensities that are black and white."""

_GZIP_LEVEL = 6
_MOST_SAMPLED = 500_000
_STEP = 1.05
_NIIVUE = "_assets/js/niivue.umd.js"


@dataclass(frozen=True)
class ViewerVolumes:
    """Gzipped NIfTI files on one grid, each of bytes, as base64.

    Attributes:
        scan: intensities, 0 black to 255 white.
        labels: tissue indices.
        uncertainty: entropy, 0 to 255 for 0 to 1.
    """

    scan: str
    labels: str
    uncertainty: str


def viewer_volumes(
    image: Float32[np.ndarray, "x y z"],
    labels: UInt8[np.ndarray, "x y z"],
    entropy: Float16[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
) -> ViewerVolumes:
    """The head, cut out and, where it has more than `MOST_VOXELS`, with larger voxels.

    Intensities and uncertainty are interpolated or averaged; each label is that of the nearest
    voxel.
    """
    x, y, z = (centred_line(n, mm) for n, mm in zip(labels.shape, spacing_mm, strict=True))
    black, head_level, white = _levels(image)
    box = head_box((image > head_level) | (labels > 0), 0)
    source = parts((x, y, z), box)
    target = _affordable(source)
    inside = box_slices(box)
    scan = (resample(image[inside], source, target) - black) / (white - black)
    uncertainty = resample(entropy[inside].astype(np.float32), source, target)
    nearest = np.ix_(*(_nearest(s, t) for s, t in zip(source, target, strict=True)))
    sizes_mm = (target[0].spacing_mm, target[1].spacing_mm, target[2].spacing_mm)
    return ViewerVolumes(
        *(
            base64.b64encode(packed(nifti_bytes(volume, sizes_mm))).decode("ascii")
            for volume in (_bytes(scan), labels[inside][nearest], _bytes(uncertainty))
        )
    )


def packed(content: bytes) -> bytes:
    """Gzip, the same for the same content at any time."""
    return gzip.compress(content, _GZIP_LEVEL, mtime=0)


@functools.cache
def niivue_script() -> str:
    """The viewer itself, NiiVue, as nilearn ships it: JavaScript that defines `niivue`.

    Raises InputError when nilearn, or its file, is not installed.
    """
    return nilearn_file(_NIIVUE, "the slice viewer of the page").read_text("utf-8")


@functools.cache
def packed_niivue() -> str:
    """`niivue_script`, gzipped, as base64."""
    return base64.b64encode(packed(niivue_script().encode("utf-8"))).decode("ascii")


def _levels(image: Float32[np.ndarray, "x y z"]) -> tuple[float, float, float]:
    """Intensities that are black, that the head begins at, and that are white."""
    values = image.ravel()[:: 1 + image.size // _MOST_SAMPLED]
    head_level = float(find_head_threshold(values))
    head = values[values > head_level]
    if head.size == 0:
        return head_level, head_level, head_level + 1
    black, white = np.percentile(head, WINDOW_PERCENT).tolist()
    return min(black, head_level), head_level, white if white > black else black + 1


def _affordable(source: Lines) -> Lines:
    """The lines themselves, or coarser ones of nearly the same length with `MOST_VOXELS`."""
    smallest_mm = min(line.spacing_mm for line in source)
    target = source
    while np.prod([line.size for line in target]) > MOST_VOXELS:
        smallest_mm *= _STEP
        first, second, third = (_coarser(line, smallest_mm) for line in source)
        target = (first, second, third)
    return target


def _coarser(line: Line, spacing_mm: float) -> Line:
    """Samples at least so far apart over the same length."""
    if spacing_mm <= line.spacing_mm:
        return line
    length_mm = line.size * line.spacing_mm
    size = max(1, int(length_mm / spacing_mm))
    first_mm = line.first_mm - line.spacing_mm / 2 + length_mm / size / 2
    return Line(first_mm, length_mm / size, size)


def _nearest(source: Line, target: Line) -> Int[np.ndarray, " target"]:
    places_mm = target.first_mm + target.spacing_mm * np.arange(target.size)
    nearest = np.rint((places_mm - source.first_mm) / source.spacing_mm).astype(np.int64)
    return np.clip(nearest, 0, source.size - 1)


def _bytes(shares: Float32[np.ndarray, "x y z"]) -> UInt8[np.ndarray, "x y z"]:
    return (np.clip(shares, 0, 1) * 255 + 0.5).astype(np.uint8)
