"""Maps on a scan's grid, written as NIfTI (output)."""

import gzip
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, UInt8
from nibabel.nifti1 import Nifti1Image

from brainfcn_jax.errors import OutputError
from brainfcn_jax.imaging.nifti import Scan, image_of
from brainfcn_jax.runtime.atomic_files import new_file

_LABELS_GZIP_LEVEL = 6
_FLOATS_GZIP_LEVEL = 3


def save_label_map(
    path: str | Path,
    canonical_labels: UInt8[np.ndarray, "x y z"],
    scan: Scan,
    overwrite: bool = False,
) -> None:
    """Write labels as `nifti.image_of` makes them; the file appears whole or not at all.

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
    """Write real numbers, as float32; otherwise as `save_label_map`."""
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
    """Return a NIfTI-1 file, its middle voxel at the origin, axes to the right, front and top.

    `spacing_mm` is the voxel size along x, y and z.
    """
    sizes_mm = np.array(spacing_mm)
    affine_mm = np.diag([*spacing_mm, 1.0])
    affine_mm[:3, 3] = -sizes_mm * (np.array(volume.shape) - 1) / 2
    image = Nifti1Image(volume, affine_mm)
    image.header.set_xyzt_units("mm")
    return bytes(image.to_bytes())
