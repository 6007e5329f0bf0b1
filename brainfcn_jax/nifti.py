"""Scans and label maps in and out of files: NIfTI, MGH and Analyze (nibabel's only importer).

Every array handed out lies in the canonical frame: axes (x, y, z) pointing to the right, front
and top of the head (RAS+), reached by permuting and flipping the axes of the file's array, never
by resampling; so it goes back to the file's own grid exactly.
"""

import gzip
import math
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
from jaxtyping import Float, Float32, Int32, Num, Shaped, UInt8
from nibabel import imageglobals
from nibabel.analyze import AnalyzeImage
from nibabel.freesurfer.mghformat import MGHImage
from nibabel.nifti1 import Nifti1Header, Nifti1Image, Nifti1Pair
from nibabel.nifti2 import Nifti2Header, Nifti2Image
from nibabel.spatialimages import HeaderDataError, SpatialImage

from brainfcn_jax import image_checks
from brainfcn_jax.errors import InputError, OutputError
from brainfcn_jax.files import new_file
from brainfcn_jax.grid import Grid, affine_fault, check_affine, form_notes, listed, same_voxels
from brainfcn_jax.labels import find_scheme, to_tissues

EXTENSIONS = (".nii", ".nii.gz", ".mgh", ".mgz", ".hdr", ".img")

_MM_PER_UNIT = {1: 1000.0, 3: 0.001}
_GZIP_LEVEL = 6
_SCANNER, _ALIGNED = 1, 2
_ANALYZE_NOTE = (
    "Analyze files carry no orientation; x is taken to run from right to left, y to the front "
    "and z to the top: check left and right"
)


@dataclass(frozen=True, eq=False)
class Scan:
    """One scan in the canonical frame, with what is needed to go back to its file's grid.

    Attributes:
        data: finite intensities, slopes and intercepts applied.
        spacing_mm: voxel sizes along x, y and z.
        image: the file as loaded (header and affine; where the header's sform was damaged and
            its qform taken, with the sform's code set to 0).
        path: where it came from.
        notes: what was assumed or repaired, as sentences for the user.
    """

    data: Float32[np.ndarray, "x y z"]
    spacing_mm: tuple[float, float, float]
    image: SpatialImage
    path: str
    notes: tuple[str, ...]


def load_scan(path: str | Path, frame: int | None = None) -> Scan:
    """Reads a scan, its name ending in one of `EXTENSIONS` (.hdr and .img belong together).

    `frame` chooses one volume of a 4D file. With a note, a few voxels that are not finite become
    0, and an orientation is assumed where the format carries none (Analyze).

    Raises:
        InputError: for everything that cannot be segmented (missing, damaged, not an image, 2D,
            several frames, colour, too large, empty, not finite, no usable affine). The message
            is one line and starts with the file's path in quotes.
    """
    image, geometry_notes = _open(path)
    with _naming(path):
        shape = _shape(image)
        chosen = image_checks.chosen_frame(shape, frame)
        data, value_notes = image_checks.finite_scan(_voxels(image, chosen))
        grid = _grid(image)
    return Scan(
        data=grid.to_canonical(data),
        spacing_mm=grid.canonical.spacing_mm,
        image=image,
        path=str(path),
        notes=geometry_notes + image_checks.frame_notes(shape, chosen) + value_notes,
    )


def load_codes(path: str | Path, like: Scan | None = None) -> Int32[np.ndarray, "x y z"]:
    """Reads a label map's own codes, unchanged, in the canonical frame.

    With `like`, its voxels must be those of that scan: the same canonical shape, and corners
    within 0.001 mm (the order in which the two files store their axes may differ).

    Raises:
        InputError: as `load_scan`; also values that are not whole numbers, or another grid.
    """
    image, _ = _open(path)
    with _naming(path):
        frame = image_checks.only_frame(_shape(image))
        codes = image_checks.whole_codes(_voxels(image, frame))
        grid = _grid(image)
        if like is not None:
            grid = same_voxels(grid, _grid(like.image), like.path)
    return grid.to_canonical(codes)


def load_labels(
    path: str | Path, like: Scan | None = None, scheme: str = "tissues"
) -> UInt8[np.ndarray, "x y z"]:
    """Reads a label map and turns its codes into tissues (0..7), in the canonical frame.

    Raises:
        InputError: as `load_codes`; also values that `scheme` does not have.
        UsageError: there is no such scheme.
    """
    known = find_scheme(scheme)
    codes = load_codes(path, like)
    with _naming(path):
        return to_tissues(codes, known)


def to_input_grid(
    canonical: Shaped[np.ndarray, "x y z *channels"], scan: Scan
) -> Shaped[np.ndarray, "i j k *channels"]:
    """A canonical array on the voxels of the scan's file: the exact inverse of loading it."""
    assert canonical.shape[:3] == scan.data.shape, (canonical.shape, scan.data.shape)
    return _grid(scan.image).from_canonical(canonical)


def save_label_map(
    path: str | Path,
    canonical_labels: UInt8[np.ndarray, "x y z"],
    scan: Scan,
    overwrite: bool = False,
) -> None:
    """Writes labels as NIfTI on exactly the grid of the scan's file.

    The voxels are the file's first three dimensions. A NIfTI scan's header is copied (affine,
    sform and qform with their codes, units, extensions), and only the data type (uint8), slope 1,
    intercept 0 and display range 0 are set. MGH and Analyze files have no such header: theirs is
    made from the affine, with code 1 (scanner) for MGH and 2 (aligned) for the orientation that
    was assumed for Analyze. The file appears whole or not at all.

    Raises:
        OutputError: the file exists and `overwrite` is false, its name ends in neither .nii.gz
            nor .nii, or it cannot be written.
    """
    name = Path(path).name.lower()
    if not name.endswith((".nii.gz", ".nii")):
        raise OutputError(f"'{path}' is no name for a label map; let it end in .nii.gz")
    assert canonical_labels.dtype == np.uint8, canonical_labels.dtype
    header = _label_header(scan.image)
    kind = Nifti2Image if isinstance(header, Nifti2Header) else Nifti1Image
    label_map = kind(to_input_grid(canonical_labels, scan), None, header)
    with new_file(path, overwrite) as temporary, temporary.open("wb") as file:
        if name.endswith(".gz"):
            with gzip.GzipFile("", "wb", _GZIP_LEVEL, file, mtime=0) as compressed:
                label_map.to_stream(compressed)
        else:
            label_map.to_stream(file)


def _label_header(image: SpatialImage) -> Nifti1Header:
    source = image.header
    if isinstance(source, Nifti1Header):
        kind = Nifti2Header if isinstance(source, Nifti2Header) else Nifti1Header
        header = kind(source.binaryblock, source.endianness, extensions=source.extensions)
        header["magic"] = kind.single_magic
    else:
        code = _SCANNER if isinstance(image, MGHImage) else _ALIGNED
        header = Nifti1Header()
        header.set_data_shape(image.shape[:3])
        header.set_sform(image.affine, code)
        header.set_qform(image.affine, code)
        header.set_xyzt_units("mm")
    pixdim = header["pixdim"].copy()
    header.set_data_shape(image.shape[:3])
    header["pixdim"] = pixdim
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1, 0)
    header["cal_min"] = header["cal_max"] = 0
    return header


def _open(path: str | Path) -> tuple[SpatialImage, tuple[str, ...]]:
    """The image with its header checked, before any voxel is read, and notes on its geometry."""
    with _naming(path):
        if not os.path.isfile(path):
            found = "is a folder" if os.path.isdir(path) else "does not exist"
            raise InputError(f"{found}; give an image file")
        if not str(path).lower().endswith(EXTENSIONS):
            raise InputError(f"is no image that is read; those end in {', '.join(EXTENSIONS)}")
        image = nibabel.load(path, mmap=False)
        if not isinstance(image, (AnalyzeImage, MGHImage)):
            raise InputError("is neither a NIfTI, an MGH nor an Analyze volume")
        image_checks.check_shape(_shape(image))
        image_checks.check_voxel_type(image.get_data_dtype())
        voxel_bytes = math.prod(_shape(image)) * image.get_data_dtype().itemsize
        declared_bytes = int(cast(Any, image.dataobj).offset) + voxel_bytes
        image_checks.check_file_is_whole(
            Path(image.file_map["image"].filename or ""), declared_bytes
        )
        return _with_usable_affine(image)


@contextmanager
def _naming(path: str | Path) -> Iterator[None]:
    """Puts the path in front of what goes wrong with a file, and keeps nibabel quiet."""
    logger = imageglobals.logger
    was_disabled, logger.disabled = logger.disabled, True
    try:
        with np.errstate(all="ignore"):
            yield
    except InputError as error:
        raise InputError(f"'{path}' {error}") from error
    except Exception as error:  # a damaged file makes nibabel and zlib raise nearly any kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"'{path}' cannot be read as an image: {reason}") from error
    finally:
        logger.disabled = was_disabled


def _voxels(image: SpatialImage, frame: int) -> Num[np.ndarray, "i j k"]:
    """One volume with slope and intercept applied, in the file's axis order."""
    if math.prod(_shape(image)[3:]) > 1:
        return np.asanyarray(image.dataobj[..., frame])
    return np.asanyarray(image.dataobj).reshape(image.shape[:3])


def _with_usable_affine(image: SpatialImage) -> tuple[SpatialImage, tuple[str, ...]]:
    """The image with an affine that places its voxels, and what was assumed or repaired.

    The sform counts before the qform, as in nibabel; a damaged one gives way to the other.
    """
    grid, unit_mm = _grid(image), _unit_mm(image)
    if not isinstance(image, Nifti1Pair):
        _check_stored_sizes(image)
        check_affine(grid.affine_mm, "its affine")
        return image, () if isinstance(image, MGHImage) else (_ANALYZE_NOTE,)
    sform, qform = _form(image.header.get_sform), _form(image.header.get_qform)
    if sform is not None and affine_fault(sform * unit_mm) is None:
        return image, form_notes(grid, None if qform is None else qform * unit_mm)
    if sform is None or qform is not None:
        _check_stored_sizes(image)
    if qform is None:
        check_affine(grid.affine_mm, "its affine")
        return image, ("the header gives no orientation; x is taken to run from right to left",)
    check_affine(qform * unit_mm, "its qform")
    if sform is None:
        return image, ()
    header = image.header.copy()
    header["sform_code"] = 0
    repaired = type(image)(image.dataobj, qform, header)
    return repaired, ("the header's sform is damaged; its qform is used",)


def _form(of_header: Callable[..., Any]) -> Float[np.ndarray, "4 4"] | None:
    """The sform or qform, None when its code is 0, not finite when it cannot be worked out."""
    try:
        return of_header(coded=True)[0]
    except (HeaderDataError, ValueError):
        return np.full((4, 4), np.nan)


def _check_stored_sizes(image: SpatialImage) -> None:
    """InputError when the sizes the affine rests on are not usable (nibabel repairs them)."""
    files = image.file_map
    with files.get("header", files["image"]).get_prepare_fileobj("rb") as file:
        if isinstance(image, MGHImage):
            oriented, *sizes = struct.unpack(">h3f", file.read(42)[28:])
            if not oriented:
                raise InputError("gives no orientation (goodRASFlag is 0); repair it first")
        else:
            header = cast(Any, type(image.header)).from_fileobj(file, check=False)
            sizes = header["pixdim"][1:4].tolist()
    if not all(0 < float(size) < math.inf for size in sizes):
        raise InputError(f"has voxel sizes {listed(sizes)} in its header; repair it first")


def _unit_mm(image: SpatialImage) -> Float[np.ndarray, "4 1"]:
    """Factors of an affine's rows that turn the header's unit of length into mm."""
    unit = int(image.header["xyzt_units"]) & 7 if isinstance(image, Nifti1Pair) else 0
    mm = _MM_PER_UNIT.get(unit, 1.0)
    return np.array([[mm], [mm], [mm], [1.0]])


def _shape(image: SpatialImage) -> tuple[int, ...]:
    return tuple(map(int, image.shape))


def _grid(image: SpatialImage) -> Grid:
    """Where the voxels of one volume of the file lie, in its own axis order."""
    first, second, third = _shape(image)[:3]
    return Grid((first, second, third), image.affine * _unit_mm(image))
