"""Missing voxels: NaN and infinite ones, judged by where they lie (numpy).

Masks and fields of view leave NaN around a head; there it is empty. In the head a few are filled
from their neighbours.
"""

import itertools

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.boxes import bounding_box
from brainfcn_jax.imaging.surroundings import joined_to_faces
from brainfcn_jax.text import number, voxels

MOST_MISSING = 0.001
"""Of the head, what may be missing in it and is filled."""

BRIGHT_AROUND = 2 / 3
"""Of the neighbours of a hole in the head's tissue, how many are bright."""

_HEAD_PERCENT = (2, 98)
_DARK = 0.1
_LOOKED_AT = 1_000_000


def fill_missing(
    scan: Float32[np.ndarray, "i j k"], missing: Bool[np.ndarray, "i j k"]
) -> tuple[str, ...]:
    """Fill missing voxels in place and return notes.

    Those in the head (see `in_head`) become the mean of their neighbours, all others what an empty
    field holds: 0 where that lies below all intensities, by less than their range, else the lowest.

    Raises:
        InputError: more than `MOST_MISSING` of the head is missing.
    """
    present = scan[~missing]
    lowest, highest = float(present.min()), float(present.max())
    empty = 0.0 if 0 <= lowest <= highest - lowest else lowest
    dark, bright = np.percentile(present[:: 1 + present.size // _LOOKED_AT], _HEAD_PERCENT)
    head = ~missing & (scan > dark + _DARK * (bright - dark))
    typical = float(np.median(scan[head])) if head.any() else bright
    inside = in_head(missing, head, ~missing & (scan > (dark + typical) / 2))
    holes = int(np.count_nonzero(inside))
    share = holes / max(1, holes + int(np.count_nonzero(head)))
    if share > MOST_MISSING:
        box = " x ".join(f"{start}-{stop - 1}" for start, stop in bounding_box(inside) or ())
        raise InputError(
            f"is NaN or infinite in {number(100 * share, 2)} % of the head ({voxels(holes)}, at "
            f"{box} of its grid), and up to {number(100 * MOST_MISSING)} % is filled from "
            "neighbours; give the scan from before the step that left these holes"
        )
    scan[missing] = empty
    _fill_from_neighbours(scan, inside, ~missing)
    outside = int(np.count_nonzero(missing)) - holes
    notes = []
    if outside:
        notes.append(
            f"{voxels(outside)} outside the head's tissue NaN or infinite, taken as empty "
            f"({number(empty)})"
        )
    if holes:
        notes.append(f"{voxels(holes)} in the head NaN or infinite, filled from their neighbours")
    return tuple(notes)


def in_head(
    missing: Bool[np.ndarray, "i j k"],
    head: Bool[np.ndarray, "i j k"],
    bright: Bool[np.ndarray, "i j k"],
) -> Bool[np.ndarray, "i j k"]:
    """Return which missing voxels lie in the head.

    Missing voxels that hang together with the edge of the volume are what a mask or the field of
    view leaves, but for planes that are missing as a whole between planes with head, and lines
    missing as a whole that would pierce the head's outline. The others are in the head where it
    lies on all six sides of them, unless they are dark pockets (bone, sinuses) that a threshold
    cut out: pieces of whose neighbours less than `BRIGHT_AROUND` are bright (half as the head is).
    """
    before = [np.maximum.accumulate(head, axis) for axis in range(3)]
    after = [np.flip(np.maximum.accumulate(np.flip(head, axis), axis), axis) for axis in range(3)]
    between = [first & last for first, last in zip(before, after, strict=True)]
    inside = _bright_islands(missing, bright) & between[0] & between[1] & between[2]
    for axis in range(3):
        one, other = (place for place in range(3) if place != axis)
        planes = missing.all(axis=(one, other), keepdims=True)
        outline = head.any(axis=axis)
        pierced = missing.all(axis=axis) & ndimage.binary_fill_holes(outline)
        lines = np.expand_dims(pierced, axis)
        inside |= (planes & between[axis]) | (lines & between[one] & between[other])
    return inside


def _bright_islands(
    missing: Bool[np.ndarray, "i j k"], bright: Bool[np.ndarray, "i j k"]
) -> Bool[np.ndarray, "i j k"]:
    """Return the pieces that hang not together with the volume's edge and lie in bright voxels."""
    islands = missing & ~joined_to_faces(missing)
    pieces, count = ndimage.label(islands, np.ones((3, 3, 3)))
    places = np.argwhere(islands)  # none at the edge
    piece = pieces[tuple(places.T)]
    lit, present = np.zeros(count + 1), np.zeros(count + 1)
    for step in (*np.eye(3, dtype=int), *-np.eye(3, dtype=int)):
        beside = tuple((places + step).T)
        present += np.bincount(piece, ~missing[beside], count + 1)
        lit += np.bincount(piece, bright[beside], count + 1)
    kept = lit >= BRIGHT_AROUND * present
    kept[0] = False
    return np.asarray(kept[pieces])


def _fill_from_neighbours(
    scan: Float32[np.ndarray, "i j k"],
    holes: Bool[np.ndarray, "i j k"],
    known: Bool[np.ndarray, "i j k"],
) -> None:
    """Set each hole, from the outermost inwards, to the mean of its known neighbours of 26."""
    places = np.argwhere(holes)
    last = np.array(scan.shape) - 1
    known = known.copy()
    while places.size:
        total, count = np.zeros(len(places)), np.zeros(len(places))
        for step in itertools.product((-1, 0, 1), repeat=3):
            index = tuple(np.clip(places + step, 0, last).T)
            total += np.where(known[index], scan[index], 0)
            count += known[index]
        reached = count > 0
        if not reached.any():
            return
        index = tuple(places[reached].T)
        scan[index] = total[reached] / count[reached]
        known[index] = True
        places = places[~reached]
