"""Bad scans on disk, for tests: each maker writes one to a path."""

import gzip
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

VALUES = np.random.default_rng(0).integers(0, 1000, (6, 5, 4)).astype(np.int16)

SIZEOF_HDR, DIM, DATATYPE, PIXDIM, VOX_OFFSET, SLOPE = 0, 40, 70, 76, 108, 112
QFORM_CODE, SFORM_CODE, QUATERNION, SROW_X, MAGIC, EXTENDED = 252, 254, 256, 280, 344, 348
"""Where the fields of a NIfTI-1 header begin."""

Field = tuple[int, str, Any]
"""Offset, layout as in `struct`, and values of what is written over a header."""

Maker = Callable[[Path], object]


def nifti_bytes(*fields: Field, codes: tuple[int, int] = (1, 1)) -> bytes:
    """A NIfTI-1 file of `VALUES` (592 bytes), codes of qform and sform set, altered."""
    image = nibabel.Nifti1Image(VALUES, np.diag([1, 2, 3, 1.0]))
    image.set_qform(image.affine, codes[0])
    image.set_sform(image.affine, codes[1])
    content = bytearray(image.to_bytes())
    for offset, layout, values in fields:
        struct.pack_into("<" + layout, content, offset, *np.ravel(values).tolist())
    return bytes(content)


def altered(*fields: Field, codes: tuple[int, int] = (1, 1)) -> Maker:
    """Writes the NIfTI file with values written over its header."""
    return content(nifti_bytes(*fields, codes=codes))


def content(data: bytes) -> Maker:
    """Writes these bytes, gzipped where the file's name says so and they are an image."""

    def make(path: Path) -> None:
        packed = path.name.endswith(".gz") and data[:2] == b"\x5c\x01"
        path.write_bytes(gzip.compress(data, mtime=0) if packed else data)

    return make


def as_they_are(data: bytes) -> Maker:
    """Writes these bytes whatever the file's name says."""
    return lambda path: path.write_bytes(data)


def voxels(data: np.ndarray) -> Maker:
    """Writes an image of these voxels."""
    return lambda path: nibabel.save(nibabel.Nifti1Image(data, np.diag([1, 2, 3, 1.0])), path)


def colour(*channels: str) -> Maker:
    """Writes an image with one byte for each of these channels a voxel."""
    return voxels(np.zeros(VALUES.shape, [(channel, "u1") for channel in channels]))


def cut(share: float) -> Maker:
    """Writes that share of the compressed file."""
    packed = gzip.compress(nifti_bytes(), mtime=0)
    return as_they_are(packed[: int(share * len(packed))])


def flipped(share: float) -> Maker:
    """Writes the gzip file, its blocks stored as they are, with a bit flipped that far into it."""
    packed = bytearray(gzip.compress(nifti_bytes(), 0, mtime=0))
    packed[min(int(share * len(packed)), len(packed) - 1)] ^= 4
    return as_they_are(bytes(packed))


def bomb(path: Path) -> None:
    """Writes a small image with 80 MB of zeros behind it, which gzip makes 80 kB of."""
    path.write_bytes(gzip.compress(nifti_bytes() + bytes(80_000_000)))


def annexed(path: Path) -> None:
    """Makes a link as git-annex leaves them, whose content is not here."""
    path.symlink_to("../.git/annex/objects/kq/Fx/MD5E-s9--5f.nii.gz/MD5E-s9--5f.nii.gz")


def looped(path: Path) -> None:
    """Makes a symbolic link to itself."""
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    """Makes a symbolic link to nothing."""
    path.symlink_to("nowhere")


def pipe(path: Path) -> None:
    """Makes a pipe, which would be waited for for ever."""
    os.mkfifo(path)


def lone_header(path: Path) -> None:
    """Writes the header of a pair."""
    path.write_bytes(nifti_bytes()[:348])


def mgh_without_orientation(path: Path) -> None:
    """Writes an MGH file whose header says that it gives no orientation."""
    start = struct.pack(">7ih", 1, *VALUES.shape, 1, 4, 0, 0)
    path.write_bytes(start.ljust(284, b"\0") + VALUES.astype(">i2").tobytes(order="F"))


def nan_in_the_middle() -> np.ndarray:
    """A bright cube of 216 voxels in an empty field, the middle 12 of them NaN."""
    values = np.zeros((8, 8, 8), np.float32)
    values[1:7, 1:7, 1:7] = 1000
    values[3:5, 2:5, 3:5] = np.nan
    return values
