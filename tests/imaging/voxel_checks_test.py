"""Damaged and wrong files: each ends in one line that starts with the file's name in quotes."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
import pytest
from faults.bad_inputs import PIXDIM, QUATERNION, SROW_X, VALUES, Field, nifti_bytes

from brainfcn_jax.errors import InputError, OutputError
from brainfcn_jax.imaging.nifti import load_codes, load_labels, load_scan
from brainfcn_jax.imaging.nifti_writing import save_label_map
from brainfcn_jax.imaging.voxel_checks import (
    MAXIMUM_VOXELS,
    check_shape,
    whole_codes,
)

SHAPE = (6, 5, 4)


def refusal(path: Path) -> str:
    """What is said about a file that cannot be loaded, without the path in front."""
    with pytest.raises(InputError) as caught:
        load_scan(path)
    message = str(caught.value)
    assert message.startswith(f"'{path}' ")
    assert "\n" not in message
    return message.removeprefix(f"'{path}' ")


def write(values: np.ndarray, path: Path) -> Path:
    nibabel.save(nibabel.Nifti1Image(values, np.diag([1, 2, 3, 1.0])), path)
    return path


def altered(tmp_path: Path, *fields: Field, codes: tuple[int, int] = (1, 1)) -> Path:
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti_bytes(*fields, codes=codes))
    return path


@pytest.fixture
def nobodys_rights() -> Iterator[None]:
    """Gives up root's right to read every file."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    yield
    os.seteuid(user)


@pytest.fixture
def unreadable() -> Iterator[Path]:
    """A file that nobody may read, in a folder that everybody may."""
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "scan.nii"
        path.write_bytes(nifti_bytes())
        path.chmod(0)
        yield path


def test_a_file_that_may_not_be_read(unreadable: Path, nobodys_rights: None) -> None:
    assert refusal(unreadable) == "cannot be read: Permission denied; check who may read it"


def test_every_cut_of_a_compressed_file_is_found(tmp_path: Path) -> None:
    """Also within the eight bytes of checksum and length behind the last voxel."""
    packed, path = gzip.compress(nifti_bytes()), tmp_path / "scan.nii.gz"
    for kept in [*range(0, len(packed) - 12, 23), *range(len(packed) - 12, len(packed))]:
        path.write_bytes(packed[:kept])
        refusal(path)


def test_every_flipped_bit_of_compressed_voxels_is_found(tmp_path: Path) -> None:
    packed, path = gzip.compress(nifti_bytes(), mtime=0), tmp_path / "scan.nii.gz"
    for at in range(10, len(packed), 3):
        path.write_bytes(packed[:at] + bytes([packed[at] ^ 1 << at % 8]) + packed[at + 1 :])
        refusal(path)


def test_the_largest_volume() -> None:
    check_shape((512, 1024, 1024))
    with pytest.raises(InputError, match=f"read are at most {MAXIMUM_VOXELS}"):
        check_shape((513, 1024, 1024))
    with pytest.raises(InputError, match="and 32767 along an axis"):
        check_shape((2, 2, 32768))


@pytest.mark.parametrize("size", [0, -2, np.nan, np.inf])
def test_voxel_sizes_that_cannot_be(size: float, tmp_path: Path) -> None:
    pixdim = (PIXDIM + 8, "f", size)
    for codes in ((1, 0), (0, 0)):
        said = refusal(altered(tmp_path, pixdim, codes=codes))
        assert "voxel sizes" in said or "not finite" in said
    with_sform = load_scan(altered(tmp_path, pixdim, codes=(0, 1)))
    assert with_sform.spacing_mm == (1, 2, 3)
    save_label_map(tmp_path / "out.nii.gz", np.ones(SHAPE, np.uint8), with_sform)
    saved: Any = nibabel.load(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(saved.affine, with_sform.image.affine)


@pytest.mark.parametrize(
    "row", [(0, 0, 0, 0), (np.nan, 0, 0, 0), (1e30, 0, 0, 0), (0, 2, 0, 0), (np.inf, 0, 0, 0)]
)
def test_a_damaged_sform_gives_way_to_the_qform(row: tuple[float, ...], tmp_path: Path) -> None:
    sform = (SROW_X, "4f", row)
    alone = refusal(altered(tmp_path, sform, codes=(0, 1)))
    assert alone.startswith("cannot be placed in space: its affine ")
    scan = load_scan(altered(tmp_path, sform, codes=(1, 1)))
    assert scan.notes == ("the header's sform is damaged; its qform is used",)
    assert scan.spacing_mm == (1, 2, 3)
    save_label_map(tmp_path / "out.nii.gz", np.ones(SHAPE, np.uint8), scan)
    saved: Any = nibabel.load(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(saved.affine, np.diag([1, 2, 3, 1]))
    assert (saved.header["qform_code"], saved.header["sform_code"]) == (1, 0)
    assert load_labels(tmp_path / "out.nii.gz", scan).all()


@pytest.mark.parametrize("quaternion", [(2, 2, 2), (np.nan, 0, 0)])
def test_a_damaged_qform(quaternion: tuple[float, ...], tmp_path: Path) -> None:
    fields = (QUATERNION, "3f", quaternion)
    refusal(altered(tmp_path, fields, codes=(1, 0)))
    scan = load_scan(altered(tmp_path, fields, codes=(1, 1)))
    assert scan.notes == ("the header's qform is damaged; its sform is used",)
    save_label_map(tmp_path / "out.nii.gz", np.ones(SHAPE, np.uint8), scan)
    assert load_labels(tmp_path / "out.nii.gz", scan).all()


def test_labels_must_fit_their_scan(tmp_path: Path) -> None:
    scan = load_scan(write(VALUES, tmp_path / "scan.nii"))
    labels = VALUES % 8
    np.testing.assert_array_equal(load_labels(write(labels, tmp_path / "l.nii"), scan), labels)
    for wrong, message in [
        (labels[1:], "on another grid .*scan.nii': 5 x 5 x 4 voxels .* against 6 x 5 x 4"),
        (labels + 1, "label values 8, .* allowed are 0, 1, 2, 3, 4, 5, 6, 7"),
        (labels + 0.25, "holds 0.25|holds .*, which is no label"),
        (np.full(SHAPE, np.nan), "holds nan, which is no label"),
        (np.full(SHAPE, 1e12), "no label map"),
    ]:
        path = write(wrong, tmp_path / "wrong.nii.gz")
        with pytest.raises(InputError, match=f"^'{path}' .*{message}"):
            load_labels(path, scan)


def test_codes_are_read_as_they_are(tmp_path: Path) -> None:
    codes = VALUES.astype(np.float64) - 5
    path = write(codes, tmp_path / "codes.nii.gz")
    assert load_codes(path).dtype == np.int32
    np.testing.assert_array_equal(load_codes(path), codes)
    np.testing.assert_array_equal(whole_codes(codes + 1e-4), codes)
    assert not load_labels(write(np.zeros(SHAPE, np.uint8), path)).any()


def test_label_maps_are_never_written_over_or_half(tmp_path: Path) -> None:
    scan = load_scan(write(VALUES, tmp_path / "scan.nii"))
    labels, path = np.ones(SHAPE, np.uint8), tmp_path / "out.nii"
    save_label_map(path, labels, scan)
    with pytest.raises(OutputError, match="exists already"):
        save_label_map(path, labels + 1, scan)
    np.testing.assert_array_equal(load_codes(path), 1)
    save_label_map(path, labels + 1, scan, overwrite=True)
    np.testing.assert_array_equal(load_codes(path), 2)
    with pytest.raises(OutputError, match=r"let it end in .nii.gz"):
        save_label_map(tmp_path / "out.mgz", labels, scan)
    with pytest.raises(OutputError, match="cannot be written"):
        save_label_map(tmp_path / "no" / "out.nii.gz", labels, scan)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.nii", "scan.nii"]
