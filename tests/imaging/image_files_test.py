"""Files that say one thing and hold another: what is read of them, and what is said."""

import gzip
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from faults.bad_inputs import DIM, PIXDIM, QUATERNION, SROW_X, VALUES, nifti_bytes

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.nifti import load_codes, load_scan
from brainfcn_jax.imaging.nifti_writing import save_label_map

PLAIN = nifti_bytes()
PACKED = gzip.compress(PLAIN, mtime=0)
GZIPPED = "the file is gzipped, though its name does not say so"
NOT_GZIPPED = "the file is not gzipped, though its name says so"
TRAILING = "other bytes follow the compressed data and are passed over"


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def mgh_bytes(frames: int) -> bytes:
    """`VALUES` as an MGH file that says that it holds so many frames."""
    start = struct.pack(">7ih", 1, *VALUES.shape, frames, 4, 0, 1)
    start += struct.pack(">15f", 1, 1, 1, -1, 0, 0, 0, 0, -1, 0, 1, 0, 0, 0, 0)
    return start.ljust(284, b"\0") + VALUES.astype(">i2").tobytes(order="F")


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("scan.nii", PACKED, GZIPPED),
        ("scan.nii.gz", PLAIN, NOT_GZIPPED),
        ("scan.mgh", gzip.compress(mgh_bytes(1)), GZIPPED),
        ("scan.mgz", mgh_bytes(1), NOT_GZIPPED),
    ],
)
def test_what_is_gzipped_is_seen_by_the_content(
    name: str, content: bytes, note: str, tmp_path: Path
) -> None:
    scan = load_scan(write(tmp_path / name, content))
    assert scan.notes == (note,)
    assert sorted(scan.data.ravel()) == sorted(VALUES.ravel())
    save_label_map(tmp_path / "out.nii.gz", np.ones(scan.data.shape, np.uint8), scan)
    assert load_codes(tmp_path / "out.nii.gz", scan).all()
    assert load_codes(tmp_path / name, scan).max() == VALUES.max()


def test_a_frame_is_read_from_a_gzipped_file_called_nii(tmp_path: Path) -> None:
    frames = nibabel.Nifti1Image(np.stack([VALUES, VALUES + 1], -1), np.diag([1, 2, 3, 1]))
    path = write(tmp_path / "scan.nii", gzip.compress(frames.to_bytes()))
    np.testing.assert_array_equal(load_scan(path, frame=1).data, VALUES + 1)


@pytest.mark.parametrize(
    "trailing", [b"\r\n", b"x", b"\x1f\x8b", b"\x1f\x8bno stream", b"\0\0\0x" * 9, b"PK" * 2**21]
)
@pytest.mark.parametrize("name", ["scan.nii.gz", "scan.nii"])
def test_bytes_behind_a_gzip_stream_are_passed_over(
    name: str, trailing: bytes, tmp_path: Path
) -> None:
    scan = load_scan(write(tmp_path / name, PACKED + trailing))
    assert TRAILING in scan.notes
    np.testing.assert_array_equal(scan.data, VALUES)


def test_padding_and_further_streams_are_no_trailing_bytes(tmp_path: Path) -> None:
    parts = gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:]) + bytes(9)
    for content in (PACKED + bytes(2**21), parts):
        scan = load_scan(write(tmp_path / "scan.nii.gz", content))
        assert scan.notes == ()
        np.testing.assert_array_equal(scan.data, VALUES)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("scan.nii.gz", gzip.compress(PLAIN[:-9]) + b"more", "is damaged: its compressed data"),
        ("scan.nii", PACKED[:-3], "is damaged: its compressed data"),
        ("scan.nii.gz", b"/annex/objects/MD5E-s9--5f.nii.gz\n", "holds a pointer to content"),
        ("scan.nii", b"version https://git-lfs.github.com/spec/v1\noid", "`git lfs pull`"),
    ],
    ids=["trailing, too short", "gzipped, cut", "annex pointer", "LFS pointer"],
)
def test_what_is_not_whole_or_not_here(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said):
        load_scan(write(tmp_path / name, content))


@pytest.mark.parametrize("axes", range(4, 8))
def test_sizes_of_0_behind_the_third_axis_are_1(axes: int, tmp_path: Path) -> None:
    sizes = (DIM, f"{axes + 1}h", (axes, *VALUES.shape, *[0] * (axes - 3)))
    path = write(tmp_path / "scan.nii", nifti_bytes(sizes))
    ones = ", 1" * (axes - 3)
    opened: Any = nibabel.load(path)
    for source in (path, opened):
        scan = load_scan(source)
        assert scan.notes == (f"the file is {axes}D (6, 5, 4{ones}); frame 0 is used",)
        np.testing.assert_array_equal(scan.data, VALUES)
    save_label_map(tmp_path / "out.nii", np.ones(VALUES.shape, np.uint8), scan)
    assert load_codes(tmp_path / "out.nii", scan).all()


def test_an_mgh_file_of_0_frames_has_one(tmp_path: Path) -> None:
    scan = load_scan(write(tmp_path / "scan.mgh", mgh_bytes(0)))
    assert sorted(scan.data.ravel()) == sorted(VALUES.ravel())


def test_two_voxel_sizes_in_one_header_are_named(tmp_path: Path) -> None:
    sizes: Any = (PIXDIM + 4, "3f", (1.8, 1.8, 3))
    unit = (SROW_X, "12f", (1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0))
    scan = load_scan(write(tmp_path / "scan.nii", nifti_bytes(sizes, unit, codes=(0, 1))))
    assert scan.spacing_mm == (1, 1, 1)
    (note,) = scan.notes
    assert note.startswith(
        "the header gives voxels of 1 x 1 x 1 mm in its sform and of 1.8 x 1.8 x 3 mm in its pixdim"
    )
    assert "the sform is used" in note
    both = load_scan(write(tmp_path / "scan.nii", nifti_bytes(sizes, unit)))
    assert [note.split()[2] for note in both.notes] == ["sform", "gives"] or len(both.notes) == 2
    turned = (QUATERNION, "3f", (0, 0, 0))
    agreeing = load_scan(write(tmp_path / "scan.nii", nifti_bytes(turned, codes=(0, 1))))
    assert agreeing.notes == ()
