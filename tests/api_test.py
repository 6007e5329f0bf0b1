"""`from brainfcn_jax import segment`: files and images in, one object out."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.eval_example import AFFINE, SHAPE, intensities, read_image, write_image
from support.threshold_model import DESCRIPTION, threshold_labels, threshold_model

import brainfcn_jax
from brainfcn_jax import SegmentedScan, load_model, segment
from brainfcn_jax.errors import InputError, UsageError, WeightsError
from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.labels import TISSUES, WM
from brainfcn_jax.network.model_file import Model, save_model

FLIPPED = np.array([[0, 0, -3, 30], [-2.9, 0, 0, 20], [0, 2.9, 0, -10], [0, 0, 0, 1.0]])


def check(found: SegmentedScan, data: np.ndarray, affine: np.ndarray) -> None:
    """Labels, images and volumes in the scan's own axis order."""
    np.testing.assert_array_equal(found.labels, threshold_labels(data))
    np.testing.assert_array_equal(found.brain_mask, found.labels > 0)
    np.testing.assert_array_equal(np.asarray(found.label_image.dataobj), found.labels)
    np.testing.assert_allclose(found.label_image.affine, affine, atol=1e-6)
    assert found.uncertainty.shape == data.shape
    np.testing.assert_array_equal(np.asarray(found.uncertainty_image.dataobj), found.uncertainty)
    voxel_mm3 = abs(np.linalg.det(affine[:3, :3]))
    expected_mm3 = (found.labels == WM).sum() * voxel_mm3
    assert found.volume_mm3("WM") == pytest.approx(expected_mm3)
    assert found.volume_mm3("ICV") == found.volume_mm3("Brain")
    assert found.quality.verdict in ("PASS", "CHECK")


def test_a_file(tmp_path: Path) -> None:
    path = write_image(tmp_path / "scan.nii.gz", intensities())
    found = segment(path, threshold_model(), keep_probabilities=True)
    check(found, intensities(), AFFINE)
    assert segment(Path(path), threshold_model()).probabilities is None
    assert found.probabilities is not None
    assert found.probabilities.shape == (*SHAPE, TISSUES.classes)
    np.testing.assert_array_equal(found.probabilities.argmax(-1), found.labels)
    assert list(found.probability_images) == [tissue.abbreviation for tissue in TISSUES]
    white = np.asarray(found.probability_images["WM"].dataobj)
    np.testing.assert_array_equal(white, found.probabilities[..., WM])
    assert list(tmp_path.iterdir()) == [tmp_path / "scan.nii.gz"]


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.MGHImage])
def test_an_image_without_a_file_in_any_axis_order(kind: type) -> None:
    data = np.ascontiguousarray(np.moveaxis(intensities(), (0, 1, 2), (1, 2, 0))).astype(np.float32)
    found = segment(kind(data, FLIPPED), threshold_model())
    check(found, data, FLIPPED)
    assert found.scan.path == "image"


def test_an_image_from_a_file_keeps_its_name(tmp_path: Path) -> None:
    path = write_image(tmp_path / "sub-01_T2w.nii.gz", intensities())
    found = segment(read_image(path), threshold_model())
    check(found, intensities(), AFFINE)
    assert found.scan.path == path
    assert found.quality.verdict == "CHECK"
    other = [flag for flag in found.quality.flags if flag.name == "other_contrast"]
    assert "its name says T2w" in other[0].reason


def test_a_frame_of_a_4d_image() -> None:
    frames = nibabel.Nifti1Image(np.stack([np.flip(intensities(), 0), intensities()], -1), AFFINE)
    found = segment(frames, threshold_model(), frame=1)
    check(found, intensities(), AFFINE)
    assert "frame 1 is used" in found.notes[0]
    with pytest.raises(InputError, match=r"^'image' is 4D"):
        segment(frames, threshold_model())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (np.zeros((5, 5, 5), np.float32), "is empty"),
        (np.ones((5, 5, 5), np.complex64), "complex64"),
        (np.full((5, 5, 5), np.nan, np.float32), "holds no finite value"),
    ],
)
def test_an_image_that_cannot_be_used_is_an_input_error(data: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=f"^'image' .*{said}"):
        segment(nibabel.Nifti1Image(data, np.eye(4)), threshold_model())


def test_models_by_file_and_by_name(tmp_path: Path) -> None:
    weights = tmp_path / "mine.h5"
    save_model(weights, threshold_model())
    scan = nibabel.Nifti1Image(intensities(), AFFINE)
    check(segment(scan, weights=weights), intensities(), AFFINE)
    check(segment(scan, load_model(weights=str(weights))), intensities(), AFFINE)
    with pytest.raises(UsageError, match="both given"):
        segment(scan, threshold_model(), weights=weights)
    with pytest.raises(UsageError, match="both given"):
        load_model("adult_t1w", weights=weights)
    with pytest.raises(UsageError, match="no model is called 'child'"):
        segment(scan, "child")
    with pytest.raises(WeightsError, match=r"none\.h5"):
        segment(scan, weights=tmp_path / "none.h5")


def test_the_contrast_chooses_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = []

    def read(path: str) -> Model:
        chosen.append(Path(path).stem)
        return threshold_model(dataclasses.replace(DESCRIPTION, contrasts=KNOWN))

    monkeypatch.setattr("brainfcn_jax.api.read_model", read)
    image = nibabel.Nifti1Image(intensities(), AFFINE)
    segment(image)
    segment(image, contrast="FLAIR")
    t2w = write_image(tmp_path / "sub-01_T2w.nii.gz", intensities())
    segment(t2w)
    segment(t2w, contrast="T1w")
    assert chosen == ["adult_t1w", "adult_any", "adult_any", "adult_t1w"]


def test_a_contrast_that_the_model_does_not_know_is_refused() -> None:
    image = nibabel.Nifti1Image(intensities(), AFFINE)
    with pytest.raises(UsageError, match="contrast is 'T2'; it must be T1w, T2w, FLAIR or PDw"):
        segment(image, contrast="T2")
    with pytest.raises(UsageError, match="contrast is 'FLAIR', and the model is for T1w"):
        segment(image, threshold_model(), contrast="FLAIR")


def test_a_result_is_printed_as_a_table(tmp_path: Path) -> None:
    path = write_image(tmp_path / "sub-01_T1w.nii.gz", intensities())
    found = segment(path, threshold_model())
    first, *others = str(found).splitlines()
    assert first == f"sub-01_T1w.nii.gz: {found.quality.verdict}"
    assert all(flag.reason in str(found) for flag in found.quality.flags)
    assert "\n".join(others).endswith(str(found.volumes))
    white = f"{found.volume_mm3('WM') / 1000:.2f}"
    assert any(line.startswith("white matter") and white in line for line in others)
    assert str(tmp_path) not in str(found)
    assert "<td>white matter</td>" in found._repr_html_()


def test_a_volume_that_there_is_not() -> None:
    found = segment(nibabel.Nifti1Image(intensities(), AFFINE), threshold_model())
    with pytest.raises(UsageError, match="there are BG, CoGM"):
        found.volume_mm3("GM")


def test_the_package_imports_nothing_before_it_is_asked_for() -> None:
    assert {"segment", "load_model", "SegmentedScan"} <= set(dir(brainfcn_jax))
    with pytest.raises(AttributeError, match="no attribute 'segments'"):
        _ = brainfcn_jax.segments
    check = "import sys, brainfcn_jax; print(*sys.modules)"
    run = [sys.executable, "-c", check]
    modules = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    assert not {"jax", "nibabel", "numpy", "scipy", "flax"} & set(modules)
