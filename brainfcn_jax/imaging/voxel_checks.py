"""What is refused, or repaired with a note, in an image's size and voxels (numpy).

Messages of the errors lack the file's name: the reader puts it in front.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int32, Num

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.flatness import is_label_map
from brainfcn_jax.imaging.missing_voxels import fill_missing
from brainfcn_jax.imaging.outliers import take_in_outliers
from brainfcn_jax.text import first_few, number

MAXIMUM_VOXELS = 512 * 1024**2
"""Volumes that declare more voxels than this are refused before memory is taken for them."""

MAXIMUM_SIDE = 32767
"""The longest axis that NIfTI-1 can write."""

LARGEST_INTENSITY = 1e37
"""Intensities beyond this count as not finite: differences of two must fit into float32."""

SMALLEST_RANGE = 1e-30
"""Intensities that span less than this are refused: float32 would lose them."""

_WHOLE_NUMBER = 1e-3


def check_shape(shape: Sequence[int]) -> None:
    """Raise InputError for a file that is flat (2D), empty, or larger than `MAXIMUM_VOXELS`."""
    if min(shape, default=0) < 1:
        raise InputError(f"declares an impossible size {tuple(shape)}; copy it again")
    if len(shape) < 3 or 1 in shape[:3]:
        raise InputError(f"is 2D {tuple(shape)}; give a volume of at least 2x2x2 voxels")
    first, second, third = shape[:3]
    if max(shape[:3]) > MAXIMUM_SIDE or first * second * third > MAXIMUM_VOXELS:
        raise InputError(
            f"declares {first * second * third} voxels {tuple(shape)}; read are at most "
            f"{MAXIMUM_VOXELS}, and {MAXIMUM_SIDE} along an axis"
        )


def chosen_frame(shape: Sequence[int], frame: int | None) -> int:
    """Choose the frame of a volume of `shape` to read: the only one, or the one asked for.

    Raises:
        InputError: there are several frames and none was chosen, or there is no such frame.
    """
    frames = math.prod(shape[3:])
    if frame is None and frames == 1:
        return 0
    size = f"is {len(shape)}D {tuple(shape)}"
    if len(shape) > 4 and frames > 1:
        raise InputError(f"{size}; give a single volume")
    if frame is None:
        raise InputError(
            f"{size}; give one volume (`nib-roi -t 0:1 IN OUT` saves the first) or, to segment, "
            f"choose one with --frame=0..{frames - 1}"
        )
    if not 0 <= frame < frames:
        raise InputError(f"{size} and has no frame {frame}; the last one is {frames - 1}")
    return frame


def only_frame(shape: Sequence[int]) -> int:
    """Return the frame of labels of `shape`; InputError when there are several."""
    if math.prod(shape[3:]) != 1:
        raise InputError(f"is {len(shape)}D {tuple(shape)}; give a file with a single label map")
    return 0


def frame_notes(shape: Sequence[int], frame: int) -> tuple[str, ...]:
    """Return a note on a file that is not plain 3D."""
    if len(shape) == 3:
        return ()
    return (f"the file is {len(shape)}D {tuple(shape)}; frame {frame} is used",)


def finite_scan(
    values: Num[np.ndarray, "x y z"],
) -> tuple[Float32[np.ndarray, "x y z"], tuple[str, ...]]:
    """Return intensities as float32, all finite and none absurd, with notes on what was repaired.

    Those that are NaN or beyond `LARGEST_INTENSITY` are empty outside the head and filled from
    their neighbours in it (`missing_voxels`); a few that are far from all others are taken in
    (`outliers`).

    Raises:
        InputError: too much of the head is not finite, or all voxels have one value, or nearly
            (`SMALLEST_RANGE`).
    """
    with np.errstate(over="ignore", invalid="ignore"):
        scan = values.astype(np.float32)
        missing = ~((scan >= -LARGEST_INTENSITY) & (scan <= LARGEST_INTENSITY))
    if missing.all():
        raise InputError("holds no finite value (all are NaN or infinite); give another scan")
    notes: tuple[str, ...] = ()
    if missing.any():
        scan[missing] = np.median(scan[~missing])
        notes += take_in_outliers(scan)
        notes += fill_missing(scan, missing)
    else:
        notes += take_in_outliers(scan)
    lowest, highest = float(scan.min()), float(scan.max())
    if lowest == highest:
        raise InputError(f"is empty: every voxel is {number(lowest)}; give a scan with content")
    if highest - lowest < SMALLEST_RANGE:
        raise InputError(
            f"holds values from {number(lowest)} to {number(highest)}, too close together for "
            "float32; multiply them by a large number"
        )
    return scan, notes


def refuse_labels(scan: Float32[np.ndarray, "x y z"]) -> None:
    """Raise InputError when a scan's intensities lie as the codes of a label map do.

    `flatness.is_label_map` says when.
    """
    if not is_label_map(scan):
        return
    codes = np.unique(scan)
    raise InputError(
        f"holds regions of {len(codes)} values ({first_few([number(code, 6) for code in codes])}), "
        "as label maps do; give the scan, or force it with --force if it is one"
    )


def whole_codes(values: Num[np.ndarray, "x y z"]) -> Int32[np.ndarray, "x y z"]:
    """Return label codes as int32; values within 0.001 of a whole number count as that number.

    Raises:
        InputError: a value is not finite, not a whole number, or does not fit.
    """
    limits = np.iinfo(np.int32)
    if values.dtype.kind == "f":
        rounded = np.rint(values)
        with np.errstate(invalid="ignore"):
            whole = np.abs(values - rounded) <= _WHOLE_NUMBER
        if not whole.all():
            raise InputError(
                f"holds {number(values[~whole][0])}, which is no label; labels are whole numbers"
            )
        values = rounded
    if values.min() < limits.min or values.max() > limits.max:
        lowest, highest = number(values.min()), number(values.max())
        raise InputError(f"holds values from {lowest} to {highest}: no label map")
    return values.astype(np.int32)


def check_voxel_type(dtype: np.dtype) -> None:
    """Raise InputError for voxels that are not one real number each (colour, complex)."""
    if dtype.fields is not None:
        raise InputError("is a colour image; give a scan with one intensity a voxel")
    if dtype.kind not in "iuf":
        raise InputError(f"holds {dtype.name} values; give a scan with real intensities")
