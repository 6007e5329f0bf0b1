"""Scans and label maps in and out of files: NIfTI, MGH and Analyze (nibabel's only importer).

Every array handed out lies in the canonical frame: axes (x, y, z) pointing to the right, front
and top of the head (RAS+), reached by permuting and flipping the axes of the file's array, never
by resampling; so it goes back to the file's own grid exactly.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nibabel
import numpy as np
from jaxtyping import Float, Float32, Int32, Num, Shaped, UInt8
from nibabel.analyze import AnalyzeHeader, AnalyzeImage
from nibabel.freesurfer.mghformat import MGHHeader, MGHImage
from nibabel.nifti1 import Nifti1Extensions, Nifti1Header, Nifti1Image, Nifti1Pair
from nibabel.nifti2 import Nifti2Header, Nifti2Image, Nifti2Pair
from nibabel.spatialimages import HeaderDataError, SpatialImage
from nibabel.spm2analyze import Spm2AnalyzeHeader

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging import file_checks, voxel_checks
from brainfcn_jax.imaging.file_names import EXTENSIONS
from brainfcn_jax.imaging.grid import ANALYZE_NOTE, Grid, check_affine, placing_form, same_voxels
from brainfcn_jax.imaging.surroundings import with_lowest_surroundings
from brainfcn_jax.schemes import TISSUE_SCHEME, CodeScheme, classes_of

Image = SpatialImage
"""An image of nibabel's."""
_MM_PER_UNIT = {1: 1000.0, 3: 0.001}
_FORMS = {
    "qform_code": [f"quatern_{axis}" for axis in "bcd"] + [f"qoffset_{axis}" for axis in "xyz"],
    "sform_code": [f"srow_{axis}" for axis in "xyz"],
}
"""A form's fields, which mean nothing, and may hold anything, where its code is 0."""
_SCANNER, _ALIGNED = 1, 2


class _NoExtensions(Nifti1Extensions):
    """Extensions are free text of any length (DICOM headers, comments): they are not read."""

    @classmethod
    def from_fileobj(cls, *_: Any) -> "_NoExtensions":
        return cls()


class _MGHHeader(MGHHeader):
    """The header alone, without the text that may follow the voxels."""

    @classmethod
    def from_fileobj(cls, fileobj: Any, check: bool = True) -> "_MGHHeader":  # type: ignore[override]
        return cls(fileobj.read(cls._hdrdtype.itemsize), check=check)


def _without_extensions(kind: Any) -> Any:
    header = type("Header", (kind.header_class,), {"exts_klass": _NoExtensions})
    return type("Image", (kind,), {"header_class": header})


_KINDS: tuple[Any, ...] = (
    *map(_without_extensions, (Nifti1Pair, Nifti1Image, Nifti2Pair, Nifti2Image)),
    type("Analyze", (AnalyzeImage,), {"header_class": Spm2AnalyzeHeader}),
    type("MGH", (MGHImage,), {"header_class": _MGHHeader}),
)
"""What is read; nibabel's own `load` also reads extensions, .mat files, XML and text."""


@dataclass(frozen=True, eq=False)
class Scan:
    """One scan in the canonical frame, with what is needed to go back to its file's grid.

    Attributes:
        data: finite intensities, slopes and intercepts applied.
        spacing_mm: voxel sizes along x, y and z.
        grid: where the voxels of the file lie, in its own axis order.
        image: the file as loaded (header and affine; where the header's sform was damaged and
            its qform taken, with the sform's code set to 0).
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
    """Reads a scan: a file whose name ends in one of `EXTENSIONS`, or an image of nibabel's.

    Files .hdr and .img belong together; an image needs no file. `frame` chooses one volume of a
    4D scan. With a note, a few voxels that are not finite become 0, and an orientation is assumed
    where the format carries none (Analyze).

    Raises:
        InputError: for everything that cannot be segmented (missing, damaged, not an image, 2D,
            several frames, colour, too large, empty, not finite, no usable affine). The message
            is one line and starts with the file's path in quotes.
    """
    path = (source.get_filename() or "image") if isinstance(source, SpatialImage) else source
    with file_checks.naming(path):
        image, geometry_notes = (
            _checked(source) if isinstance(source, SpatialImage) else _open(source)
        )
        shape = _shape(image)
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
        notes=geometry_notes
        + voxel_checks.frame_notes(shape, chosen)
        + value_notes
        + surrounding_notes,
    )


def load_codes(path: str | Path, like: Scan | None = None) -> Int32[np.ndarray, "x y z"]:
    """Reads a label map's own codes, unchanged, in the canonical frame.

    With `like`, its voxels must be those of that scan: the same canonical shape, and corners
    within 0.001 mm (the order in which the two files store their axes may differ).

    Raises:
        InputError: as `load_scan`; also values that are not whole numbers, or another grid.
    """
    with file_checks.naming(path):
        image, _ = _open(path)
        frame = voxel_checks.only_frame(_shape(image))
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
    """Puts a canonical array on the voxels of the scan's file: the exact inverse of loading it."""
    assert canonical.shape[:3] == scan.data.shape, (canonical.shape, scan.data.shape)
    return scan.grid.from_canonical(canonical)


def image_of(
    canonical: UInt8[np.ndarray, "x y z"] | Float32[np.ndarray, "x y z"], scan: Scan
) -> Nifti1Image:
    """Makes a map a NIfTI image on exactly the grid of the scan's file, in its axis order.

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


def _open(path: str | Path) -> tuple[SpatialImage, tuple[str, ...]]:
    """The image with its header checked, before any voxel is read, and notes on its geometry."""
    file_checks.check_path(path, EXTENSIONS)
    header = file_checks.header_path(path)
    start = file_checks.first_bytes(header)
    for kind in _KINDS:
        if kind.path_maybe_image(path, (start, str(header)))[0]:
            return _checked(kind.from_filename(path, mmap=False))
    raise file_checks.unknown_kind(start)


def _checked(image: Any) -> tuple[SpatialImage, tuple[str, ...]]:
    if not isinstance(image, (AnalyzeImage, MGHImage)):
        raise InputError("is neither a NIfTI, an MGH nor an Analyze volume")
    voxel_checks.check_shape(_shape(image))
    in_file = nibabel.is_proxy(image.dataobj)
    dtype = image.get_data_dtype() if in_file else np.asanyarray(image.dataobj).dtype
    voxel_checks.check_voxel_type(dtype)
    if in_file:
        voxel_bytes = math.prod(_shape(image)) * dtype.itemsize
        declared_bytes = int(cast(Any, image.dataobj).offset) + voxel_bytes
        path = Path(image.file_map["image"].filename or "")
        file_checks.check_file_is_whole(path, declared_bytes)
    return _with_usable_affine(image)


def _voxels(image: SpatialImage, frame: int) -> Num[np.ndarray, "i j k"]:
    """One volume with slope and intercept applied, in the file's axis order."""
    if math.prod(_shape(image)[3:]) > 1:
        return np.asanyarray(image.dataobj[..., frame])
    return np.asanyarray(image.dataobj).reshape(image.shape[:3])


def _with_usable_affine(image: SpatialImage) -> tuple[SpatialImage, tuple[str, ...]]:
    """The image with an affine that places its voxels, and what was assumed or repaired."""
    unit_mm = _unit_mm(image)
    if not isinstance(image, Nifti1Pair):
        _check_stored_sizes(image)
        check_affine(image.affine, "its affine")
        return image, () if isinstance(image, MGHImage) else (ANALYZE_NOTE,)
    sform, qform = _form(image.header.get_sform), _form(image.header.get_qform)
    used, notes = placing_form(image_grid(image).shape, sform * unit_mm, qform * unit_mm)
    if used != "sform":
        _check_stored_sizes(image)
    if used is None:
        check_affine(image.affine * unit_mm, "its affine")
    if used == "qform" and sform.any():
        header = image.header.copy()
        header["sform_code"] = 0
        image = type(image)(image.dataobj, qform, header)
    return image, notes


def _form(of_header: Callable[..., Any]) -> Float[np.ndarray, "4 4"]:
    """The sform or qform: 0 when its code is 0, not finite when it cannot be worked out."""
    try:
        form = of_header(coded=True)[0]
    except (HeaderDataError, ValueError):
        return np.full((4, 4), np.nan)
    return np.zeros((4, 4)) if form is None else form


def _check_stored_sizes(image: SpatialImage) -> None:
    """InputError when the sizes the affine rests on are not usable (nibabel repairs them)."""
    if not nibabel.is_proxy(image.dataobj):
        return  # no file to look at
    files, header = image.file_map, image.header
    with files.get("header", files["image"]).get_prepare_fileobj("rb") as file:
        stored = file.read(file_checks.LARGEST_HEADER)
    if not isinstance(header, AnalyzeHeader):
        if stored[28:30] == b"\0\0":
            raise InputError("gives no orientation (goodRASFlag is 0); repair it first")
        file_checks.check_stored_sizes(stored, ">3f", 30)
    elif isinstance(header, Nifti2Header):
        file_checks.check_stored_sizes(stored, f"{header.endianness}3d", 112)
    else:
        file_checks.check_stored_sizes(stored, f"{header.endianness}3f", 80)


def _unit_mm(image: SpatialImage) -> Float[np.ndarray, "4 1"]:
    """Factors of an affine's rows that turn the header's unit of length into mm."""
    unit = int(image.header["xyzt_units"]) & 7 if isinstance(image, Nifti1Pair) else 0
    mm = _MM_PER_UNIT.get(unit, 1.0)
    return np.array([[mm], [mm], [mm], [1.0]])


def _shape(image: SpatialImage) -> tuple[int, ...]:
    return tuple(map(int, image.shape))


def image_grid(image: SpatialImage) -> Grid:
    """Returns where the voxels of one volume of the file lie, in its own axis order, in mm."""
    first, second, third = _shape(image)[:3]
    return Grid((first, second, third), image.affine * _unit_mm(image))
