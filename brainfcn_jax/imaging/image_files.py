"""Image files opened: which kinds are read, and their headers checked and mended (nibabel).

Messages of the errors lack the file's name: `file_checks.naming` puts it in front.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, SupportsInt, cast

import nibabel
import numpy as np
from jaxtyping import Float, Shaped
from nibabel.analyze import AnalyzeHeader, AnalyzeImage
from nibabel.freesurfer.mghformat import MGHHeader, MGHImage
from nibabel.nifti1 import Nifti1Extensions, Nifti1Header, Nifti1Image, Nifti1Pair
from nibabel.nifti2 import Nifti2Header, Nifti2Image, Nifti2Pair
from nibabel.spatialimages import HeaderDataError, SpatialImage
from nibabel.spm2analyze import Spm2AnalyzeHeader

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging import file_checks, voxel_checks
from brainfcn_jax.imaging.file_names import EXTENSIONS
from brainfcn_jax.imaging.grid import ANALYZE_NOTE, Grid, check_affine, placing_form, size_notes

_MM_PER_UNIT = {1: 1000.0, 3: 0.001}


class _NoExtensions(Nifti1Extensions):
    """Extensions are free text of any length (DICOM headers, comments): they are not read."""

    @classmethod
    def from_fileobj(cls, *_: Any) -> "_NoExtensions":
        return cls()


class _MGHHeader(MGHHeader):
    """The header alone, without the text that may follow the voxels."""

    @classmethod
    def from_fileobj(cls, fileobj: Any, check: bool = True) -> "_MGHHeader":  # type: ignore[override]
        header = cls(fileobj.read(cls._hdrdtype.itemsize), check=check)
        _take_empty_axes_as_one(header["dims"], 3)
        return header


class _TolerantHeader:
    """Mixed into a header: no extensions, and axes of no size mended."""

    exts_klass = _NoExtensions

    @classmethod
    def from_fileobj(cls, *args: Any, **kwargs: Any) -> Any:
        header = super().from_fileobj(*args, **kwargs)  # type: ignore[misc]
        axes = int(header["dim"][0])
        _take_empty_axes_as_one(header["dim"][: 1 + max(0, axes)], 4)
        return header


def _with_tolerant_header(kind: Any) -> Any:
    header = type("Header", (_TolerantHeader, kind.header_class), {})
    return type("Image", (kind,), {"header_class": header})


def _take_empty_axes_as_one(sizes: Shaped[np.ndarray, " axes"], first: int) -> None:
    """Set sizes of 0 behind the third axis, which some programs leave where there is none, to 1."""
    behind = sizes[first:]
    behind[behind == 0] = 1


class _Analyze(AnalyzeImage):
    """An Analyze image whose voxels may be scaled, as SPM's are."""

    header_class = Spm2AnalyzeHeader


_KINDS: tuple[Any, ...] = (
    *map(_with_tolerant_header, (Nifti1Pair, Nifti1Image, Nifti2Pair, Nifti2Image, _Analyze)),
    type("MGH", (MGHImage,), {"header_class": _MGHHeader}),
)
"""What is read; nibabel's own `load` also reads extensions, .mat files, XML and text."""


@contextmanager
def opened_image(
    source: str | Path | SpatialImage,
) -> Iterator[tuple[SpatialImage, tuple[str, ...]]]:
    """Yield the image with its header checked, before any voxel is read, and notes on the file.

    Voxels can be read as long as it is open.
    """
    if isinstance(source, SpatialImage):
        path = source.get_filename()
        if path is None or 0 not in source.shape[3:]:
            yield _checked(source)
            return
        source = path  # nibabel's own header of such a file cannot be mended: there are no voxels
    file_checks.check_path(source, EXTENSIONS)
    header = file_checks.header_path(source)
    start = file_checks.first_bytes(header)
    with file_checks.unlike_its_name(header) as (stream, notes):
        for kind in _KINDS:
            if kind.path_maybe_image(source, (start, str(header)))[0]:
                files = kind.filespec_to_file_map(source)
                if stream is not None:
                    files["image"].fileobj = stream
                image, more = _checked(kind.from_file_map(files, mmap=False))
                yield image, notes + more
                return
        raise file_checks.unknown_kind(header, start)


def _checked(image: Any) -> tuple[SpatialImage, tuple[str, ...]]:
    if not isinstance(image, (AnalyzeImage, MGHImage)):
        raise InputError("is neither a NIfTI, an MGH nor an Analyze volume")
    voxel_checks.check_shape(sizes(image.shape))
    in_file = nibabel.is_proxy(image.dataobj)
    dtype = image.get_data_dtype() if in_file else np.asanyarray(image.dataobj).dtype
    voxel_checks.check_voxel_type(dtype)
    notes: tuple[str, ...] = ()
    if in_file:
        voxel_bytes = math.prod(sizes(image.shape)) * dtype.itemsize
        declared_bytes = int(cast(Any, image.dataobj).offset) + voxel_bytes
        path = Path(image.file_map["image"].filename or "")
        notes = file_checks.check_file_is_whole(path, declared_bytes)
    placed, more = _with_usable_affine(image)
    return placed, notes + more


def _with_usable_affine(image: SpatialImage) -> tuple[SpatialImage, tuple[str, ...]]:
    """Return the image with an affine that places its voxels, and what was assumed or repaired."""
    unit_mm = _unit_mm(image.header)
    if not isinstance(image, Nifti1Pair):
        _check_stored_sizes(image)
        check_affine(image.affine, "its affine")
        return image, () if isinstance(image, MGHImage) else (ANALYZE_NOTE,)
    sform, qform = _form(image.header.get_sform), _form(image.header.get_qform)
    used, notes = placing_form(image_grid(image).shape, sform * unit_mm, qform * unit_mm)
    if used == "sform":
        notes += size_notes(image_grid(image), image.header["pixdim"][1:4] * unit_mm[0, 0])
    else:
        _check_stored_sizes(image)
    if used is None:
        check_affine(image.affine * unit_mm, "its affine")
    if used == "qform" and sform.any():
        header = image.header.copy()
        header["sform_code"] = 0
        image = type(image)(image.dataobj, qform, header)
    return image, notes


def _form(of_header: Callable[..., Any]) -> Float[np.ndarray, "4 4"]:
    """Return the sform or qform: 0 when its code is 0, not finite when it cannot be worked out."""
    try:
        form = of_header(coded=True)[0]
    except (HeaderDataError, ValueError):
        return np.full((4, 4), np.nan)
    return np.zeros((4, 4)) if form is None else form


def _check_stored_sizes(image: SpatialImage) -> None:
    """Raise InputError when the sizes the affine rests on are not usable (nibabel repairs them)."""
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


def _unit_mm(header: Any) -> Float[np.ndarray, "4 1"]:
    """Return factors of an affine's rows that turn the header's unit of length into mm."""
    unit = int(header["xyzt_units"]) & 7 if isinstance(header, Nifti1Header) else 0
    mm = _MM_PER_UNIT.get(unit, 1.0)
    return np.array([[mm], [mm], [mm], [1.0]])


def sizes(shape: Iterable[SupportsInt]) -> tuple[int, ...]:
    """Return the sizes of an image's axes, which MGH has in numpy's own integers."""
    return tuple(map(int, shape))


def image_grid(image: SpatialImage) -> Grid:
    """Return where the voxels of one volume of the file lie, in its own axis order, in mm."""
    first, second, third = sizes(image.shape[:3])
    return Grid((first, second, third), image.affine * _unit_mm(image.header))
