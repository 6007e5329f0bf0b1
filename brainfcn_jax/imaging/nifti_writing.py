"""Maps on a scan's grid, written as NIfTI (output)."""

import gzip
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8

from brainfcn_jax.errors import OutputError
from brainfcn_jax.imaging.nifti import Scan, image_of
from brainfcn_jax.runtime.atomic_files import new_file

_LABELS_GZIP_LEVEL = 6
_FLOATS_GZIP_LEVEL = 3

_HEADER_BYTES, _VOXELS_AT = 348, 352
_CODES = {np.dtype(np.uint8): 2, np.dtype(np.float32): 16}
_MILLIMETRES, _ALIGNED = 2, 2

_HEADER = np.dtype(
    {
        "names": [
            "sizeof_hdr", "dim", "datatype", "bitpix", "pixdim", "vox_offset", "scl_slope",
            "xyzt_units", "sform_code", "srow", "magic",
        ],
        "formats": [
            "<i4", ("<i2", 8), "<i2", "<i2", ("<f4", 8), "<f4", "<f4", "u1", "<i2",
            ("<f4", (3, 4)), "S4",
        ],
        "offsets": [0, 40, 70, 72, 76, 108, 112, 123, 254, 280, 344],
        "itemsize": _HEADER_BYTES,
    }
)  # fmt: skip
"""The fields of a NIfTI-1 header that are not zero here."""


def save_label_map(
    path: str | Path,
    canonical_labels: UInt8[np.ndarray, "x y z"],
    scan: Scan,
    overwrite: bool = False,
) -> None:
    """Writes labels as `nifti.image_of` makes them; the file appears whole or not at all.

    Raises:
        OutputError: the file exists and `overwrite` is false, its name ends in neither .nii.gz
            nor .nii, or it cannot be written.
    """
    _save(path, canonical_labels, scan, overwrite, _LABELS_GZIP_LEVEL)


def save_map(
    path: str | Path,
    canonical: Float[np.ndarray, "x y z"],
    scan: Scan,
    overwrite: bool = False,
) -> None:
    """Writes real numbers, as float32; otherwise as `save_label_map`."""
    _save(path, canonical.astype(np.float32), scan, overwrite, _FLOATS_GZIP_LEVEL)


def _save(
    path: str | Path, canonical: np.ndarray, scan: Scan, overwrite: bool, gzip_level: int
) -> None:
    name = Path(path).name.lower()
    if not name.endswith((".nii.gz", ".nii")):
        raise OutputError(f"'{path}' is no name for a map; let it end in .nii.gz")
    image = image_of(canonical, scan)
    with new_file(path, overwrite) as temporary, temporary.open("wb") as file:
        if name.endswith(".gz"):
            with gzip.GzipFile("", "wb", gzip_level, file, mtime=0) as compressed:
                image.to_stream(compressed)
        else:
            image.to_stream(file)


def nifti_bytes(
    volume: UInt8[np.ndarray, "x y z"] | Float32[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
) -> bytes:
    """A NIfTI-1 file whose middle voxel lies at the origin, axes to the right, front and top."""
    spacings = np.array(spacing_mm)
    header = np.zeros((), _HEADER)
    header["sizeof_hdr"] = _HEADER_BYTES
    header["dim"] = (3, *volume.shape, 1, 1, 1, 1)
    header["datatype"], header["bitpix"] = _CODES[volume.dtype], 8 * volume.dtype.itemsize
    header["pixdim"] = (1, *spacings, 0, 0, 0, 0)
    header["vox_offset"], header["scl_slope"] = _VOXELS_AT, 1
    header["xyzt_units"], header["sform_code"] = _MILLIMETRES, _ALIGNED
    middle = (np.array(volume.shape) - 1) / 2
    header["srow"] = np.column_stack([np.diag(spacings), -spacings * middle])
    header["magic"] = b"n+1"
    no_extensions = bytes(_VOXELS_AT - _HEADER_BYTES)
    voxels = volume.astype(volume.dtype.newbyteorder("<"), copy=False)
    return header.tobytes() + no_extensions + voxels.tobytes(order="F")
