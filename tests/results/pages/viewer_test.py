"""What the slice viewer is given, read back with nibabel."""

import base64
import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from jaxtyping import UInt8
from labelled_brain import SPACING_MM, entropies, intensities, labelled_brain

from brainfcn_jax.imaging.nifti_writing import nifti_bytes
from brainfcn_jax.labels import CSF, WM
from brainfcn_jax.results.pages import viewer
from brainfcn_jax.results.pages.viewer import niivue_script, packed_niivue, viewer_volumes


def read(content: str) -> nibabel.Nifti1Image:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(content)))


def values(image: nibabel.Nifti1Image) -> UInt8[np.ndarray, "x y z"]:
    return np.asarray(image.dataobj)


def test_a_small_scan_is_cut_to_its_head_and_kept_as_it_is() -> None:
    labels = labelled_brain()
    image = intensities(labels)
    given = viewer_volumes(image, labels, entropies(labels), SPACING_MM)
    scan, tissues, uncertainty = map(read, (given.scan, given.labels, given.uncertainty))
    box = tuple(slice(p.min(), p.max() + 1) for p in np.nonzero(labels))
    np.testing.assert_array_equal(values(tissues), labels[box])
    assert set(np.unique(values(uncertainty))) == {0, 51}
    assert (values(scan)[labels[box] == 0] == 0).mean() > 0.99
    assert values(scan)[labels[box] == WM].mean() > 2 * values(scan)[labels[box] == CSF].mean() + 9
    for volume in (scan, tissues, uncertainty):
        assert volume.header.get_zooms() == SPACING_MM
        assert nibabel.aff2axcodes(volume.affine) == ("R", "A", "S")
        assert volume.get_data_dtype() == np.uint8


def test_a_large_scan_gets_larger_voxels_over_the_same_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(viewer, "MOST_VOXELS", 20_000)
    labels = labelled_brain((60, 70, 33), (3.0, 3.0, 6.0))
    given = viewer_volumes(intensities(labels), labels, entropies(labels), (3.0, 3.0, 6.0))
    scan, tissues = read(given.scan), read(given.labels)
    assert values(tissues).size == values(scan).size <= 20_000
    extent_mm = np.array(tissues.shape) * tissues.header.get_zooms()
    extents = [np.ptp(places) + 1 for places in np.nonzero(labels)]
    np.testing.assert_allclose(extent_mm, np.multiply(extents, (3, 3, 6)), rtol=1e-5)
    assert np.bincount(values(tissues).ravel(), minlength=8) / values(
        tissues
    ).size == pytest.approx(
        np.bincount(
            labels[labels.any((1, 2))][:, labels.any((0, 2))][..., labels.any((0, 1))].ravel(),
            minlength=8,
        )
        / np.prod(extents),
        abs=0.02,
    )


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_a_scan_without_anything_in_it_is_shown_whole(level: float) -> None:
    shape = (6, 5, 4)
    given = viewer_volumes(
        np.full(shape, level, np.float32),
        np.zeros(shape, np.uint8),
        np.zeros(shape, np.float16),
        (1.0, 1.0, 1.0),
    )
    assert read(given.scan).shape == shape


def test_a_whole_head_of_noise_keeps_the_page_small() -> None:
    rng = np.random.default_rng(0)
    shape = (192, 224, 192)
    image = rng.random(shape, np.float32)
    labels = rng.integers(0, 8, shape, np.uint8)
    given = viewer_volumes(image, labels, image.astype(np.float16), (1.0, 1.0, 1.0))
    total = sum(map(len, (given.scan, given.labels, given.uncertainty, packed_niivue())))
    assert total < 9_000_000


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_nifti_in_memory_is_read_by_nibabel(tmp_path: Path, dtype: type) -> None:
    volume: np.ndarray = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "image.nii").write_bytes(nifti_bytes(volume, (1.0, 2.0, 0.5)))
    image = nibabel.Nifti1Image.from_filename(tmp_path / "image.nii")
    np.testing.assert_array_equal(np.asarray(image.dataobj), volume)
    assert image.get_data_dtype() == dtype
    middle = nibabel.affines.apply_affine(image.affine, (np.array(volume.shape) - 1) / 2)
    np.testing.assert_allclose(middle, 0)
    np.testing.assert_allclose(np.diag(image.affine), (1, 2, 0.5, 1))


def test_niivue_cannot_end_the_script_that_holds_it() -> None:
    script = niivue_script()
    assert "</script" not in script.lower()
    assert gzip.decompress(base64.b64decode(packed_niivue())).decode() == script
