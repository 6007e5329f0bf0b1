"""Scans of other voxel sizes than the model's: to the network's grid and back."""

import dataclasses

import nibabel
import numpy as np
import pytest
from support.segmented import segmented, soft_voxels
from support.sure_prediction import sure_prediction
from support.threshold_model import DESCRIPTION, threshold_model

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.choices import SLICE_AXES, THICK
from brainfcn_jax.imaging.image_files import image_grid
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.inference import views
from brainfcn_jax.inference.prediction import NetworkInput, Progress, ReadyNetwork
from brainfcn_jax.inference.slice_batches import Prediction
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.network.model_file import Model

EXTENT_MM = (42, 36, 30)


def described(**changes: object) -> Model:
    """A model for 1 mm voxels unless changed, whose network does not run."""
    changes = {"spacing_mm": (1.0, 1.0, 1.0), **changes}
    return threshold_model(dataclasses.replace(DESCRIPTION, **changes))  # type: ignore[arg-type]


def ball_scan(*spacing_mm: float, beside: bool = False) -> tuple[Scan, np.ndarray]:
    """A bright ball of 11 mm, off centre, in an empty field of view; and where it is."""
    shape = [round(mm / size) for mm, size in zip(EXTENT_MM, spacing_mm, strict=True)]
    spacing = np.reshape(spacing_mm, (3, 1, 1, 1))
    places_mm = (np.indices(shape) + 0.5) * spacing - np.reshape(EXTENT_MM, (3, 1, 1, 1)) / 2
    ball = ((places_mm - np.reshape((3, -1, 1), (3, 1, 1, 1))) ** 2).sum(0) <= 11**2
    head = ball | ((np.abs(places_mm[0] + 17) < 2) & (np.abs(places_mm[1:]) < 2).all(0) & beside)
    data = np.where(head, 100, 0).astype(np.float32)
    x_mm, y_mm, z_mm = spacing_mm
    affine = np.diag([*spacing_mm, 1.0])
    image = nibabel.Nifti1Image(data, affine)
    grid = image_grid(image)
    return Scan(data, (x_mm, y_mm, z_mm), grid, image, "head.nii", ()), ball


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The network's inputs; in its place everything in the head is tissue 1."""
    inputs: list[np.ndarray] = []

    def stand_in(
        ready: ReadyNetwork,
        given: NetworkInput,
        axis: int,
        *,
        batch_slices: int,
        with_probabilities: bool,
        progress: Progress,
    ) -> Prediction:
        inputs.append(given.levels)
        return sure_prediction((given.levels > 60).astype(np.uint8), given, with_probabilities)

    monkeypatch.setattr(views, "predict", stand_in)
    return inputs


SPACINGS = [(0.5, 0.5, 0.5), (1.0, 1.0, 3.0), (2.0, 0.75, 1.0), (0.9, 0.9, 5.0)]


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize("slice_axis", ["axial", "sagittal"])
def test_the_network_sees_the_models_voxels_and_the_labels_lie_on_the_scans(
    seen: list[np.ndarray], spacing_mm: tuple[float, float, float], slice_axis: str
) -> None:
    scan, ball = ball_scan(*spacing_mm)
    found = segmented(described(slice_axis=slice_axis), scan)
    # 22 mm of ball and 8 on each side, cut at the scan's ends; voxels' edges add up to 5 mm each
    axis = SLICE_AXES[slice_axis]
    network_mm = [1.0, 1.0, 1.0]
    if spacing_mm[axis] >= THICK:
        network_mm[axis] = spacing_mm[axis]
    for size, extent_mm, mm in zip(seen[0].shape, EXTENT_MM, network_mm, strict=True):
        assert int(min(36, extent_mm) / mm) <= size <= min(48, extent_mm + 1) / mm + 1
    assert found.network_spacing_mm == pytest.approx(network_mm)
    assert found.labels.shape == scan.data.shape
    overlap = 2 * ((found.labels > 0) & ball).sum() / ((found.labels > 0).sum() + ball.sum())
    assert overlap > 0.93


def test_voxels_within_five_percent_are_not_resampled(seen: list[np.ndarray]) -> None:
    scan, _ = ball_scan(1.0, 1.0, 1.0)
    exact = segmented(described(equalise="volume"), scan)
    near = segmented(described(equalise="volume", spacing_mm=(1.04, 0.96, 1.0)), scan)
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(exact.labels, near.labels)


def test_regions_removed_on_the_networks_grid_are_gone_on_the_scans(
    seen: list[np.ndarray],
) -> None:
    scan, ball = ball_scan(0.5, 0.5, 2.0, beside=True)
    found = segmented(described(), scan, keep_probabilities=True)
    assert found.removed_regions > 0
    assert not found.labels[:14].any()
    assert found.labels[ball].mean() > 0.9
    assert found.probabilities is not None
    assert found.probabilities.shape == (*scan.data.shape, TISSUES.classes)
    assert found.probabilities[8, 36, 7, 1] > 0.5  # before post-processing
    np.testing.assert_allclose(found.probabilities.sum(-1, dtype=np.float32), 1, atol=2e-3)


def test_what_no_foreground_reaches_is_left_out_without_changing_a_label(
    seen: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, _ = ball_scan(0.7, 1.0, 4.0)
    found = segmented(described(), scan).labels
    everything = segmented(described(), scan, keep_probabilities=True).probabilities
    assert everything is not None
    np.testing.assert_array_equal(found, everything.argmax(-1))


def test_a_scan_without_foreground_is_background(
    seen: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    scan, _ = ball_scan(2.0, 2.0, 2.0)
    dark = dataclasses.replace(scan, data=np.zeros_like(scan.data))
    assert not segmented(described(), dark).labels.any()


def test_a_scan_that_would_be_absurdly_large_is_refused(seen: list[np.ndarray]) -> None:
    scan, _ = ball_scan(1.0, 1.0, 1.0)
    huge = dataclasses.replace(scan, spacing_mm=(80.0, 80.0, 80.0))
    with pytest.raises(InputError, match=r"head.nii.*80 x 80 x 80 mm.*header"):
        segmented(described(), huge)
    assert not seen


@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), *SPACINGS])
def test_soft_voxels_are_the_sums_of_the_probabilities_on_the_scans_grid(
    seen: list[np.ndarray], spacing_mm: tuple[float, float, float]
) -> None:
    scan, _ = ball_scan(*spacing_mm, beside=True)
    found = segmented(described(slice_axis="coronal"), scan, keep_probabilities=True)
    assert found.probabilities is not None
    sums = found.probabilities.sum((0, 1, 2), dtype=np.float64)
    np.testing.assert_allclose(soft_voxels(found), sums, rtol=1e-4, atol=1)
    assert sum(soft_voxels(found)) == pytest.approx(scan.data.size, rel=1e-5)


@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_the_entropy_is_that_of_the_probabilities(
    seen: list[np.ndarray], spacing_mm: tuple[float, float, float]
) -> None:
    scan, _ = ball_scan(*spacing_mm)
    model = described(slice_axis="coronal")
    found = segmented(model, scan, keep_probabilities=True)
    assert found.probabilities is not None
    shares = found.probabilities.astype(np.float64)
    expected = -(shares * np.log(np.maximum(shares, 1e-30))).sum(-1) / np.log(TISSUES.classes)
    np.testing.assert_allclose(found.uncertainty, expected, atol=2e-3)
    assert 0.25 < found.uncertainty.max() < 0.34  # half and half gives ln 2 / ln 8
    np.testing.assert_array_equal(segmented(model, scan).uncertainty, found.uncertainty)
