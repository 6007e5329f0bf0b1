"""Scans and label maps in and out of files: NIfTI, MGH and Analyze (nibabel).

Every array handed out lies in the canonical frame: axes (x, y, z) pointing to the right, front
and top of the head (RAS+), reached by permuting and flipping the axes of the file's array, never
by resampling; so it goes back to the file's own grid exactly.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32, Num, Shaped, UInt8
from nibabel.freesurfer.mghformat import MGHImage
from nibabel.nifti1 import Nifti1Header, Nifti1Image
from nibabel.nifti2 import Nifti2Header, Nifti2Image
from nibabel.spatialimages import SpatialImage

from brainfcn_jax.imaging import file_checks, voxel_checks
from brainfcn_jax.imaging.grid import Grid, same_voxels
from brainfcn_jax.imaging.image_files import image_grid, opened_image, sizes
from brainfcn_jax.imaging.surroundings import with_lowest_surroundings
from brainfcn_jax.schemes import TISSUE_SCHEME, CodeScheme, classes_of

Image = SpatialImage
"""An image of nibabel's."""
_FORMS = {
    "qform_code": [f"quatern_{axis}" for axis in "bcd"] + [f"qoffset_{axis}" for axis in "xyz"],
    "sform_code": [f"srow_{axis}" for axis in "xyz"],
}
"""A form's fields, which mean nothing, and may hold anything, where its code is 0."""
_SCANNER, _ALIGNED = 1, 2


@dataclass(frozen=True, eq=False)
class Scan:
    """One scan in the canonical frame, with what is needed to go back to its file's grid.

    Attributes:
        data: finite intensities, slopes and intercepts applied.
        spacing_mm: voxel sizes along x, y and z.
        grid: where the voxels of the file lie, in its own axis order.
        image: its header and affine (where the header's sform was damaged and its qform taken, with
            the sform's code set to 0); its voxels cannot always be read again.
        path: where it came from.
        notes: what was assumed or repaired, as sentences for the user.
    """

    data: Float32[np.ndarray, "x y z"]
    spacing_mm: tuple[float, float, float]
    grid: Grid
    image: SpatialImage
    path: str
    notes: tuple[str, ...]


def load_scan(source: str | Path | SpatialImage, frame: int | None = None) -> Scan:
    """Read a scan: a file whose name ends in one of `EXTENSIONS`, or an image of nibabel's.

    Files .hdr and .img belong together; an image needs no file. `frame` chooses one volume of a
    4D scan. With a note, a few voxels that are not finite become 0, and an orientation is assumed
    where the format carries none (Analyze).

    Raises:
        InputError: for everything that cannot be segmented (missing, damaged, not an image, 2D,
            several frames, colour, too large, empty, not finite, no usable affine). The message
            is one line and starts with the file's path in quotes.
    """
    path = (source.get_filename() or "image") if isinstance(source, SpatialImage) else source
    with file_checks.naming(path), opened_image(source) as (image, file_notes):
        shape = sizes(image.shape)
        chosen = voxel_checks.chosen_frame(shape, frame)
        data, value_notes = voxel_checks.finite_scan(_voxels(image, chosen))
        data, surrounding_notes = with_lowest_surroundings(data)
        grid = image_grid(image)
    return Scan(
        data=grid.to_canonical(data),
        spacing_mm=grid.canonical.spacing_mm,
        grid=grid,
        image=image,
        path=str(path),
        notes=(
            *file_notes,
            *voxel_checks.frame_notes(shape, chosen),
            *value_notes,
            *surrounding_notes,
        ),
    )


def load_codes(path: str | Path, like: Scan | None = None) -> Int32[np.ndarray, "x y z"]:
    """Read a label map's own codes, unchanged, in the canonical frame.

    With `like`, its voxels must be those of that scan: the same canonical shape, and corners
    within 0.001 mm (the order in which the two files store their axes may differ).

    Raises:
        InputError: as `load_scan`; also values that are not whole numbers, or another grid.
    """
    with file_checks.naming(path), opened_image(path) as (image, _):
        frame = voxel_checks.only_frame(sizes(image.shape))
        codes = voxel_checks.whole_codes(_voxels(image, frame))
        grid = image_grid(image)
        if like is not None:
            grid = same_voxels(grid, like.grid, like.path)
    return grid.to_canonical(codes)


def load_labels(
    path: str | Path, like: Scan | None = None, scheme: CodeScheme = TISSUE_SCHEME
) -> UInt8[np.ndarray, "x y z"]:
    """Read a label map and turn its codes into classes, in the canonical frame.

    Raises:
        InputError: as `load_codes`; also values that `scheme` does not have.
    """
    codes = load_codes(path, like)
    with file_checks.naming(path):
        return classes_of(codes, scheme)


def to_input_grid(
    canonical: Shaped[np.ndarray, "x y z *channels"], scan: Scan
) -> Shaped[np.ndarray, "i j k *channels"]:
    """Put a canonical array on the voxels of the scan's file: the exact inverse of loading it."""
    assert canonical.shape[:3] == scan.data.shape, (canonical.shape, scan.data.shape)
    return scan.grid.from_canonical(canonical)


def image_of(
    canonical: UInt8[np.ndarray, "x y z"] | Float32[np.ndarray, "x y z"], scan: Scan
) -> Nifti1Image:
    """Make a map a NIfTI image on exactly the grid of the scan's file, in its axis order.

    The voxels are the file's first three dimensions. A NIfTI scan's geometry is copied (affine,
    sform and qform with their codes, units) and nothing else of its header, whose texts and
    extensions could name a person. MGH and Analyze files have no such header: theirs is made from
    the affine, with code 1 (scanner) for MGH and 2 (aligned) for the orientation that was assumed
    for Analyze.
    """
    header = _map_header(scan.image, canonical.dtype)
    kind = Nifti2Image if isinstance(header, Nifti2Header) else Nifti1Image
    return kind(to_input_grid(canonical, scan), header.get_best_affine(), header)


def _map_header(image: SpatialImage, dtype: np.dtype) -> Nifti1Header:
    source = image.header
    if isinstance(source, Nifti1Header):
        kind = Nifti2Header if isinstance(source, Nifti2Header) else Nifti1Header
        header = kind(endianness=source.endianness)
        header.set_data_shape(image.shape[:3])
        header["pixdim"][:4] = source["pixdim"][:4]
        header["xyzt_units"] = source["xyzt_units"]
        for form, fields in _FORMS.items():
            for field in (form, *fields) if source[form] > 0 else ():
                header[field] = source[field]
    else:
        code = _SCANNER if isinstance(image, MGHImage) else _ALIGNED
        header = Nifti1Header()
        header.set_data_shape(image.shape[:3])
        header.set_sform(image.affine, code)
        header.set_qform(image.affine, code)
        header.set_xyzt_units("mm")
    header.set_data_dtype(dtype)
    header.set_slope_inter(1, 0)
    return header


def _voxels(image: SpatialImage, frame: int) -> Num[np.ndarray, "i j k"]:
    """Return one volume with slope and intercept applied, in the file's axis order."""
    if math.prod(sizes(image.shape[3:])) > 1:
        return np.asanyarray(image.dataobj[..., frame])
    return np.asanyarray(image.dataobj).reshape(image.shape[:3])
