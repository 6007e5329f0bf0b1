"""Scans through files and back: formats, the 48 orientations, headers, the saved label map."""

import gzip
import itertools
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.nifti import Scan, load_labels, load_scan, to_input_grid
from brainfcn_jax.imaging.nifti_writing import save_label_map
from brainfcn_jax.labels import TISSUES

ORIENTATIONS = [
    "".join(ends[axis] for axis in axes)
    for axes in itertools.permutations(range(3))
    for ends in itertools.product("LR", "PA", "IS")
]
CANONICAL_SPACING_MM = (1.0, 2.0, 3.0)
RNG = np.random.default_rng(0)
CANONICAL = RNG.integers(1, 1000, (3, 4, 5)).astype(np.int16)
LABELS = RNG.integers(0, TISSUES.classes, CANONICAL.shape).astype(np.uint8)


def stored_as(orientation: str) -> tuple[np.ndarray, np.ndarray]:
    """CANONICAL as a file of that orientation holds it, and its affine, worked out by hand."""
    affine = np.diag([0.0, 0, 0, 1])
    array = CANONICAL
    for axis, (low, high) in enumerate((("L", "R"), ("P", "A"), ("I", "S"))):
        ascending = high in orientation
        array_axis = orientation.index(high if ascending else low)
        step = CANONICAL_SPACING_MM[axis]
        affine[axis, array_axis] = step if ascending else -step
        affine[axis, 3] = -7.0 if ascending else -7.0 + step * (CANONICAL.shape[axis] - 1)
        array = array if ascending else np.flip(array, axis)
    order = [next(a for a, ends in enumerate(("LR", "PA", "IS")) if c in ends) for c in orientation]
    return array.transpose(order), affine


def nifti(
    array: np.ndarray, affine: np.ndarray, sform: int = 1, qform: int = 1
) -> nibabel.Nifti1Image:
    image = nibabel.Nifti1Image(array, affine)
    image.set_sform(affine, sform)
    image.set_qform(affine, qform)
    return image


def write(image: nibabel.spatialimages.SpatialImage, path: Path) -> Path:
    nibabel.save(image, path)
    return path


def check_round_trip(scan: Scan, folder: Path) -> Any:
    """Labels saved for `scan` lie on its file's grid, voxel for voxel; gives the saved image."""
    asked: Any = nibabel.load(scan.path)
    labels = RNG.integers(0, TISSUES.classes, scan.data.shape).astype(np.uint8)
    path = folder / "out_dseg.nii.gz"
    save_label_map(path, labels, scan, overwrite=True)
    saved: Any = nibabel.load(path)
    assert saved.shape == asked.shape[:3]
    np.testing.assert_array_equal(saved.affine, asked.affine)
    assert saved.get_data_dtype() == np.uint8
    stored = np.asarray(saved.dataobj)
    np.testing.assert_array_equal(stored, to_input_grid(labels, scan))
    canonical = nibabel.as_closest_canonical(saved)
    np.testing.assert_array_equal(np.asarray(canonical.dataobj), labels)
    np.testing.assert_array_equal(load_labels(path, scan), labels)
    assert not list(folder.glob(".*"))
    return saved


def stored_header(path: Path) -> nibabel.Nifti1Header:
    """The header as it stands in the file, before nibabel takes the scaling out of it."""
    with nibabel.openers.ImageOpener(str(path)) as file:
        return nibabel.Nifti1Header.from_fileobj(file, check=False)


def test_there_are_48_orientations() -> None:
    assert len(set(ORIENTATIONS)) == 48


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_comes_in_and_goes_back(orientation: str, tmp_path: Path) -> None:
    array, affine = stored_as(orientation)
    assert "".join(nibabel.aff2axcodes(affine)) == orientation
    scan = load_scan(write(nifti(array, affine), tmp_path / "scan.nii.gz"))
    assert scan.data.dtype == np.float32
    np.testing.assert_array_equal(scan.data, CANONICAL)
    assert scan.spacing_mm == CANONICAL_SPACING_MM
    assert scan.notes == ()
    np.testing.assert_array_equal(to_input_grid(scan.data, scan), array)
    check_round_trip(scan, tmp_path)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("forms", [(1, 1), (2, 0), (0, 1), (4, 3)])
def test_oblique_scans_go_back(seed: int, forms: tuple[int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3] = rotation * rng.uniform(0.3, 3, 3)
    affine[:3, 3] = rng.normal(scale=50, size=3)
    scan = load_scan(write(nifti(CANONICAL, affine, *forms), tmp_path / "scan.nii"))
    saved = check_round_trip(scan, tmp_path)
    assert (saved.header["sform_code"], saved.header["qform_code"]) == forms


def test_the_geometry_of_a_header_is_copied_and_nothing_else(tmp_path: Path) -> None:
    """Shear in the sform, another qform, codes and units."""
    sheared = np.array([[-1, 0.3, 0, 40], [0, 0, 2, -30], [0.1, -1.5, 0, 20], [0, 0, 0, 1.0]])
    image = nibabel.Nifti1Image(CANONICAL, None)
    header = image.header
    header.set_qform(np.diag([-1.0, 1.5, 2, 1]), 1)
    header.set_sform(sheared, 4)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(0.5, -100)
    header["descrip"], header["aux_file"] = b"a scanner", b"notes"
    header["cal_max"], header["pixdim"][4] = 900, 2.5
    header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a name"))
    path = write(nibabel.Nifti1Image(CANONICAL, None, header), tmp_path / "scan.nii")
    scan = load_scan(path)
    assert any("sform and qform" in note for note in scan.notes)
    saved = check_round_trip(scan, tmp_path)
    asked, found = stored_header(path), stored_header(tmp_path / "out_dseg.nii.gz")
    for field in ("dim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c"):
        np.testing.assert_array_equal(asked[field], found[field])
    np.testing.assert_array_equal(asked["pixdim"][:4], found["pixdim"][:4])
    np.testing.assert_allclose(saved.header.get_sform(), sheared, rtol=1e-6)
    np.testing.assert_allclose(saved.header.get_qform(), np.diag([-1.0, 1.5, 2, 1]))
    assert (found["scl_slope"], found["scl_inter"], found["cal_max"]) == (1, 0, 0)
    assert not found["descrip"].item() + found["aux_file"].item()
    assert saved.header.extensions == []


@pytest.mark.parametrize(("slope", "intercept"), [(0.25, -1024.0), (3.0, 0.0), (-1.5, 10.0)])
def test_slope_and_intercept_count(slope: float, intercept: float, tmp_path: Path) -> None:
    image = nifti(CANONICAL, np.eye(4))
    raw = bytearray(image.to_bytes())
    raw[112:120] = struct.pack("<2f", slope, intercept)  # scl_slope, scl_inter
    raw[352:] = CANONICAL.tobytes(order="F")
    (tmp_path / "scan.nii").write_bytes(raw)
    scan = load_scan(tmp_path / "scan.nii")
    assert scan.image.get_data_dtype() == np.int16
    np.testing.assert_array_equal(scan.data, (CANONICAL * slope + intercept).astype(np.float32))
    check_round_trip(scan, tmp_path)
    found = stored_header(tmp_path / "out_dseg.nii.gz")
    assert (found["scl_slope"], found["scl_inter"]) == (1, 0)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Pair, nibabel.Nifti2Image, nibabel.Nifti2Pair])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_other_nifti_files(kind: Any, order: str, tmp_path: Path) -> None:
    array, affine = stored_as("PIR")
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    header.set_sform(affine, 3)
    name = "scan.img" if "Pair" in kind.__name__ else "scan.nii"
    scan = load_scan(write(kind(array, affine, header), tmp_path / name))
    np.testing.assert_array_equal(scan.data, CANONICAL)
    saved = check_round_trip(scan, tmp_path)
    expected = nibabel.Nifti2Image if "Nifti2" in kind.__name__ else nibabel.Nifti1Image
    assert type(saved) is expected
    assert (saved.header["sform_code"], saved.header["qform_code"]) == (3, 0)


def left_right_scan() -> np.ndarray:
    """Canonical (x, y, z): bright in the right half only, one voxel at the right, front and top."""
    canonical = np.zeros((6, 4, 5), np.int16)
    canonical[3:] = 100
    canonical[5, 3, 4] = 200
    return canonical


def mgh_bytes(stored: np.ndarray, columns: np.ndarray, good: int = 1) -> bytes:
    """An MGH file made from its published layout (big-endian): int16, direction columns."""
    start = struct.pack(">7ih", 1, *stored.shape, 1, 4, 0, good)
    geometry = struct.pack(">15f", 1, 1, 1, *columns.T.ravel(), 0, 0, 0)
    return (start + geometry).ljust(284, b"\0") + stored.astype(">i2").tobytes(order="F")


def analyze_bytes(stored: np.ndarray, sizes: tuple[float, float, float]) -> bytes:
    """An Analyze 7.5 header made from its published layout: int16, little-endian."""
    header = bytearray(348)
    struct.pack_into("<i", header, 0, 348)
    header[38] = ord("r")
    struct.pack_into("<8h", header, 40, 4, *stored.shape, 1, 0, 0, 0)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<4f", header, 76, 0, *sizes)
    return bytes(header)


def test_left_and_right_in_nifti_written_by_simpleitk(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(left_right_scan()[::-1, ::-1].T)  # LPS+, z first
    sitk.WriteImage(image, tmp_path / "scan.nii.gz")
    scan = load_scan(tmp_path / "scan.nii.gz")
    np.testing.assert_array_equal(scan.data, left_right_scan())
    check_round_trip(scan, tmp_path)
    save_label_map(tmp_path / "side.nii.gz", (scan.data > 0).astype(np.uint8), scan)
    seen = sitk.ReadImage(tmp_path / "side.nii.gz")
    assert seen.GetDirection() == image.GetDirection()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(seen), sitk.GetArrayFromImage(image) > 0)


@pytest.mark.parametrize("name", ["scan.mgh", "scan.mgz"])
def test_left_and_right_in_mgh(name: str, tmp_path: Path) -> None:
    lia = left_right_scan()[::-1, :, ::-1].transpose(0, 2, 1)
    columns = np.array([[-1, 0, 0], [0, 0, 1], [0, -1, 0]])
    content = mgh_bytes(lia, columns)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("z") else content)
    scan = load_scan(tmp_path / name)
    np.testing.assert_array_equal(scan.data, left_right_scan())
    assert scan.notes == ()
    saved = check_round_trip(scan, tmp_path)
    assert (saved.header["sform_code"], saved.header["qform_code"]) == (1, 1)
    np.testing.assert_allclose(saved.header.get_qform(), saved.affine, atol=1e-6)
    assert saved.header.get_zooms() == (1, 1, 1)


def test_mgh_without_orientation_is_refused(tmp_path: Path) -> None:
    content = mgh_bytes(left_right_scan(), np.eye(3), good=0)
    (tmp_path / "scan.mgh").write_bytes(content)
    with pytest.raises(InputError, match=r"no orientation .*; repair it first"):
        load_scan(tmp_path / "scan.mgh")


@pytest.mark.parametrize("opened", ["scan.hdr", "scan.img"])
def test_left_and_right_in_analyze(opened: str, tmp_path: Path) -> None:
    las = left_right_scan()[::-1]
    (tmp_path / "scan.hdr").write_bytes(analyze_bytes(las, (1, 2, 3)))
    (tmp_path / "scan.img").write_bytes(las.tobytes(order="F"))
    scan = load_scan(tmp_path / opened)
    np.testing.assert_array_equal(scan.data, left_right_scan())
    assert scan.spacing_mm == (1, 2, 3)
    assert "check left and right" in scan.notes[0]
    saved = check_round_trip(scan, tmp_path)
    assert (saved.header["sform_code"], saved.header["qform_code"]) == (2, 2)


def test_nifti_without_any_orientation_gets_a_note(tmp_path: Path) -> None:
    scan = load_scan(write(nifti(CANONICAL, np.eye(4), 0, 0), tmp_path / "scan.nii"))
    np.testing.assert_array_equal(scan.data, CANONICAL[::-1])
    assert "no orientation" in scan.notes[0]
    saved = check_round_trip(scan, tmp_path)
    assert (saved.header["sform_code"], saved.header["qform_code"]) == (0, 0)


@pytest.mark.parametrize(("unit", "size"), [("micron", 800.0), ("meter", 0.0008), ("mm", 0.8)])
def test_spacing_is_in_mm_whatever_the_unit(unit: str, size: float, tmp_path: Path) -> None:
    image = nifti(CANONICAL, np.diag([size, size, size, 1]))
    image.header.set_xyzt_units(unit)
    scan = load_scan(write(image, tmp_path / "scan.nii"))
    np.testing.assert_allclose(scan.spacing_mm, 0.8, rtol=1e-6)
    check_round_trip(scan, tmp_path)


def test_one_frame_is_taken_with_a_note_and_others_on_request(tmp_path: Path) -> None:
    frames = np.stack([CANONICAL, CANONICAL + 1, CANONICAL + 2], axis=-1)
    one = load_scan(write(nifti(frames[..., :1], np.eye(4)), tmp_path / "one.nii"))
    np.testing.assert_array_equal(one.data, CANONICAL)
    assert one.notes == ("the file is 4D (3, 4, 5, 1); frame 0 is used",)
    path = write(nifti(frames, np.eye(4)), tmp_path / "three.nii.gz")
    with pytest.raises(InputError, match=r"4D \(3, 4, 5, 3\); give one .* with --frame=0\.\.2"):
        load_scan(path)
    scan = load_scan(path, frame=2)
    np.testing.assert_array_equal(scan.data, CANONICAL + 2)
    assert check_round_trip(scan, tmp_path).shape == (3, 4, 5)
    with pytest.raises(InputError, match="has no frame 3; the last one is 2"):
        load_scan(path, frame=3)


def test_probabilities_go_back_with_their_channels(tmp_path: Path) -> None:
    array, affine = stored_as("SLA")
    scan = load_scan(write(nifti(array, affine), tmp_path / "scan.nii"))
    channels = np.stack([scan.data, -scan.data], axis=-1)
    np.testing.assert_array_equal(to_input_grid(channels, scan)[..., 1], -array)
