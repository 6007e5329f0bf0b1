"""Slices of a scan and its tissues as pixels, to one scale in three directions (numpy)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from brainfcn_jax.imaging.boxes import Box, bounding_box, box_slices, parts, whole, widened
from brainfcn_jax.imaging.resampling import centred_line, interpolation_matrix

VIEW_MARGIN_MM = 10.0
"""What is shown around the brain."""

WINDOW_PERCENT = (1.0, 99.7)
"""Percentiles of the intensities in the view that are black and white."""

HEADROOM = 0.15
"""Fraction of that range by which white is moved up: outlines stand out on bright tissue."""

_MOST_SAMPLED = 500_000


@dataclass(frozen=True)
class Direction:
    """How slices across an axis are shown.

    Attributes:
        axis: along which the slices follow one another.
        across: the axis that runs to the right of the picture.
        up: the axis that runs to its top.
        letters: what lies at the left, right, bottom and top.
    """

    axis: int
    across: int
    up: int
    letters: tuple[str, str, str, str]


AXIAL = Direction(2, 0, 1, ("L", "R", "P", "A"))
CORONAL = Direction(1, 0, 2, ("L", "R", "I", "S"))
SAGITTAL = Direction(0, 1, 2, ("P", "A", "I", "S"))
DIRECTIONS = (AXIAL, CORONAL, SAGITTAL)
"""In the neurological view: the patient's left is on the left."""


@dataclass(frozen=True)
class View:
    """The part of a scan that is shown.

    Attributes:
        brain: box of what is labelled; of the whole scan where nothing is.
        box: the same with `VIEW_MARGIN_MM` around it.
        pixels: size of the view in a picture, along x, y and z.
        window: intensities that are black and white.
    """

    brain: Box
    box: Box
    pixels: tuple[int, int, int]
    window: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Panel:
    """One slice as pixels, rows from the top down.

    Attributes:
        grey: the scan, 0 to 255.
        outlines: tissue index on the border pixels of each tissue, 0 elsewhere.
    """

    grey: UInt8[np.ndarray, "height width"]
    outlines: UInt8[np.ndarray, "height width"]


def choose_view(
    image: Float32[np.ndarray, "x y z"],
    labels: UInt8[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
    longest_edge: int,
) -> View:
    """Choose what is shown of a brain, so that the longest edge gets so many pixels."""
    x, y, z = (centred_line(n, mm) for n, mm in zip(labels.shape, spacing_mm, strict=True))
    brain = bounding_box(labels) or whole((x, y, z))
    box = widened(brain, [VIEW_MARGIN_MM] * 3, (x, y, z))
    lengths_mm = [line.size * line.spacing_mm for line in parts((x, y, z), box)]
    scale = longest_edge / max(lengths_mm)
    wide, deep, high = (max(1, round(scale * length)) for length in lengths_mm)
    return View(brain, box, (wide, deep, high), _window(image[box_slices(box)]))


def slice_panels(
    image: Float32[np.ndarray, "x y z"],
    labels: UInt8[np.ndarray, "x y z"],
    view: View,
    direction: Direction,
    count: int,
) -> Iterator[Panel]:
    """Yield so many slices, evenly spaced between the ends of the brain."""
    start, stop = view.brain[direction.axis]
    black, white = view.window
    for fraction in (np.arange(count) + 0.5) / count:
        index = start + int(fraction * (stop - start))
        intensities = _plane(image, direction, index, view.box)
        levels = (_scaled(intensities, direction, view) - black) / (white - black)
        plane = _plane(labels, direction, index, view.box)
        there = np.unique(plane)
        layers = plane == there[:, None, None]
        # Interpolated label by label, so that borders are smooth and no label lies in between.
        nearest = there[_scaled(layers.astype(np.float32), direction, view).argmax(axis=0)]
        yield Panel((np.clip(levels, 0, 1) * 255).astype(np.uint8), outlines(nearest))


def outlines(classes: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Keep the value of each pixel one of whose four neighbours has another value; 0 elsewhere."""
    padded = np.pad(classes, 1, mode="edge")
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    border = np.any([neighbour != classes for neighbour in neighbours], axis=0)
    return np.where(border, classes, np.uint8(0))


def _window(view: Float32[np.ndarray, "x y z"]) -> tuple[float, float]:
    values = view.ravel()[:: 1 + view.size // _MOST_SAMPLED]
    black, white = np.percentile(values, WINDOW_PERCENT).tolist()
    return black, white + HEADROOM * (white - black) if white > black else black + 1


def _plane(
    volume: Shaped[np.ndarray, "x y z"], direction: Direction, index: int, box: Box
) -> Shaped[np.ndarray, "height width"]:
    """Return one slice in a box; its voxels stand as in the picture, the top row first."""
    (left, right), (bottom, top) = box[direction.across], box[direction.up]
    plane = volume.take(index, direction.axis)  # the axis across comes before the axis up
    return plane[left:right, bottom:top].T[::-1]


def _scaled(
    planes: Float32[np.ndarray, "*planes height width"], direction: Direction, view: View
) -> Float32[np.ndarray, "*planes height2 width2"]:
    """Resample slices to the size that the view has in the picture."""
    *_, height, width = planes.shape
    rows, columns = view.pixels[direction.up], view.pixels[direction.across]
    down, right = (
        interpolation_matrix(centred_line(size, 1.0), centred_line(pixels, size / pixels))
        for size, pixels in ((height, rows), (width, columns))
    )
    return down @ planes @ right.T
