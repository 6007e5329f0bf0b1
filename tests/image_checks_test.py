"""Damaged and wrong files: each ends in one line that starts with the file's name in quotes."""

import gc
import gzip
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from brainfcn_jax.errors import InputError, OutputError, UsageError
from brainfcn_jax.image_checks import MAXIMUM_VOXELS, check_shape, finite_scan, whole_codes
from brainfcn_jax.nifti import load_codes, load_labels, load_scan, save_label_map

SHAPE = (6, 5, 4)
VALUES = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.int16)
DIM, DATATYPE, PIXDIM, QFORM_CODE, SFORM_CODE, QUATERNION, SROW_X = 40, 70, 76, 252, 254, 256, 280


Field = tuple[int, str, Any]


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


def nifti_bytes(codes: tuple[int, int] = (1, 1), **fields: Field) -> bytes:
    """A NIfTI-1 file, (qform, sform) codes set, with (offset, format, values) written over it."""
    image = nibabel.Nifti1Image(VALUES, np.diag([1, 2, 3, 1.0]))
    image.set_qform(image.affine, codes[0])
    image.set_sform(image.affine, codes[1])
    content = bytearray(image.to_bytes())
    for offset, layout, values in fields.values():
        struct.pack_into("<" + layout, content, offset, *np.ravel(values).tolist())
    return bytes(content)


def altered(tmp_path: Path, codes: tuple[int, int] = (1, 1), **fields: Field) -> Path:
    path = tmp_path / "scan.nii"
    path.write_bytes(nifti_bytes(codes, **fields))
    return path


def test_what_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.nii.gz") == "does not exist; give an image file"
    (tmp_path / "folder.nii").mkdir()
    assert refusal(tmp_path / "folder.nii") == "is a folder; give an image file"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("scan.txt", b"text", "no image that is read; those end in .nii, .nii.gz, .mgh"),
        ("scan.nii", b"", "cannot be read as an image"),
        ("scan.nii", b"text" * 200, "cannot be read as an image"),
        ("scan.nii.gz", nifti_bytes(), "cannot be read as an image"),
        ("scan.nii", gzip.compress(nifti_bytes()), "cannot be read as an image"),
        ("scan.mgz", b"\x1f\x8b", "cannot be read as an image"),
        ("scan.hdr", nifti_bytes()[:348], "has no voxels: 'scan.img' is missing"),
        ("scan.img", VALUES.tobytes(), "cannot be read as an image"),
    ],
)
def test_what_is_no_image(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert message in refusal(tmp_path / name)


def test_what_is_no_mgh(tmp_path: Path) -> None:
    (tmp_path / "scan.mgh").write_bytes(b"\0" * 400)
    refusal(tmp_path / "scan.mgh")
    gc.collect()  # nibabel leaves the file open


@pytest.mark.parametrize("kept", [100, 348, 352, 500, 591])
def test_truncated_files(kept: int, tmp_path: Path) -> None:
    content = nifti_bytes()
    assert len(content) == 592
    (tmp_path / "scan.nii").write_bytes(content[:kept])
    assert "truncated" in refusal(tmp_path / "scan.nii") or kept < 352
    packed = gzip.compress(content)
    (tmp_path / "scan.nii.gz").write_bytes(packed[: len(packed) * kept // 592])
    refusal(tmp_path / "scan.nii.gz")


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


def test_sizes_are_refused_before_memory_is_taken(tmp_path: Path) -> None:
    huge = altered(tmp_path, dim=(DIM, "4h", (3, 30000, 30000, 30000)))
    assert "declares 27000000000000 voxels (30000, 30000, 30000)" in refusal(huge)
    large = altered(tmp_path, dim=(DIM, "4h", (3, 800, 800, 800)))
    assert refusal(large).startswith("is truncated: its header declares 1024000352 bytes")
    packed = tmp_path / "scan.nii.gz"
    packed.write_bytes(gzip.compress(large.read_bytes()))
    assert "is truncated" in refusal(packed)
    check_shape((512, 1024, 1024))
    with pytest.raises(InputError, match=f"read are at most {MAXIMUM_VOXELS}"):
        check_shape((513, 1024, 1024))


@pytest.mark.parametrize("sizes", [(3, -6, 5, 4), (3, 6, 0, 4), (0, 6, 5, 4), (9, 6, 5, 4)])
def test_impossible_sizes(sizes: tuple[int, ...], tmp_path: Path) -> None:
    refusal(altered(tmp_path, dim=(DIM, "4h", sizes)))


def test_flat_and_layered_images(tmp_path: Path) -> None:
    flat = "is 2D {}; give a volume of at least 2x2x2 voxels"
    path = tmp_path / "scan.nii.gz"
    assert refusal(write(VALUES[:, :, 0], path)) == flat.format((6, 5))
    assert refusal(write(VALUES[:, :, :1], path)) == flat.format((6, 5, 1))
    layered = np.zeros((6, 5, 4, 1, 3), np.int16)
    assert refusal(write(layered, path)) == "is 5D (6, 5, 4, 1, 3); give a single volume"


def test_colour_and_complex_images(tmp_path: Path) -> None:
    colour = np.zeros(SHAPE, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    assert refusal(write(colour, tmp_path / "scan.nii")).startswith("is a colour image")
    complex_values = VALUES.astype(np.complex64)
    assert refusal(write(complex_values, tmp_path / "scan.nii")).startswith("holds complex64")
    unknown = altered(tmp_path, datatype=(DATATYPE, "h", 1234))
    assert refusal(unknown).startswith("cannot be read as an image")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0, "is empty: every voxel is 0"),
        (7, "is empty: every voxel is 7"),
        (np.nan, "holds no finite value"),
        (-np.inf, "holds no finite value"),
    ],
)
def test_scans_without_content(value: float, message: str, tmp_path: Path) -> None:
    content = np.full(SHAPE, value, np.float32)
    assert message in refusal(write(content, tmp_path / "scan.nii.gz"))


def test_a_few_values_that_are_not_finite_become_0() -> None:
    values = np.random.default_rng(0).uniform(1, 2, (10, 10, 10))
    values[0, 0, :3] = np.nan, np.inf, 1e300
    scan, notes = finite_scan(values)
    assert notes == ("3 voxels were NaN or infinite and are taken as 0",)
    np.testing.assert_array_equal(scan[0, 0, :3], 0)
    np.testing.assert_array_equal(scan[1:], values[1:].astype(np.float32))
    values[1] = np.nan
    with pytest.raises(InputError, match=r"NaN or infinite in 10.3% of its voxels"):
        finite_scan(values)


@pytest.mark.parametrize("size", [0, -2, np.nan, np.inf])
def test_voxel_sizes_that_cannot_be(size: float, tmp_path: Path) -> None:
    pixdim = (PIXDIM + 8, "f", size)
    for codes in ((1, 0), (0, 0)):
        assert "voxel sizes" in refusal(altered(tmp_path, codes, pixdim=pixdim))
    with_sform = load_scan(altered(tmp_path, (0, 1), pixdim=pixdim))
    assert with_sform.spacing_mm == (1, 2, 3)
    save_label_map(tmp_path / "out.nii.gz", np.ones(SHAPE, np.uint8), with_sform)
    saved: Any = nibabel.load(tmp_path / "out.nii.gz")
    np.testing.assert_array_equal(saved.affine, with_sform.image.affine)


@pytest.mark.parametrize(
    "row", [(0, 0, 0, 0), (np.nan, 0, 0, 0), (1e30, 0, 0, 0), (0, 2, 0, 0), (np.inf, 0, 0, 0)]
)
def test_a_damaged_sform_gives_way_to_the_qform(row: tuple[float, ...], tmp_path: Path) -> None:
    sform = (SROW_X, "4f", row)
    alone = refusal(altered(tmp_path, (0, 1), sform=sform))
    assert alone.startswith("cannot be placed in space: its affine ")
    scan = load_scan(altered(tmp_path, (1, 1), sform=sform))
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
    refusal(altered(tmp_path, (1, 0), quaternion=fields))
    scan = load_scan(altered(tmp_path, (1, 1), quaternion=fields))
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
    with pytest.raises(UsageError, match="no label scheme is called 'tissue'"):
        load_labels(tmp_path / "l.nii", scan, "tissue")


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
