"""One scan through the whole inference path: frames, the head's box, post-processing, notes."""

import dataclasses

import nibabel
import numpy as np
import pytest
from support.segmented import segmented
from support.sure_prediction import sure_prediction
from support.threshold_model import BRIGHT, DESCRIPTION, threshold_labels, threshold_model

from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.inference import views
from brainfcn_jax.inference.network_input import spacing_notes
from brainfcn_jax.inference.prediction import NetworkInput, Progress, ReadyNetwork
from brainfcn_jax.inference.slice_batches import Prediction
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.network.model_file import Model

SHAPE = (44, 38, 30)
CENTRE = (22, 20, 14)
RADIUS = 9


def ball(centre: tuple[int, int, int] = CENTRE, radius: float = RADIUS) -> np.ndarray:
    grid = np.indices(SHAPE)
    offsets = grid - np.reshape(centre, (3, 1, 1, 1))
    return np.asarray((offsets**2).sum(0) <= radius**2)


def make_scan(head: np.ndarray) -> Scan:
    """Random intensities in the head, 0 elsewhere, 3 mm voxels."""
    rng = np.random.default_rng(0)
    data = np.where(head, rng.uniform(10, 100, SHAPE), 0).astype(np.float32)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    image = nibabel.Nifti1Image(data, affine)
    return Scan(data, (3.0, 3.0, 3.0), Grid(SHAPE, affine), image, "head.nii", ())


def described(**changes: object) -> Model:
    """A model for tests in which its network does not run."""
    return threshold_model(dataclasses.replace(DESCRIPTION, **changes))  # type: ignore[arg-type]


class ThresholdNetwork:
    """Stands in for the network: dark head voxels are tissue 1, bright ones 2; keeps its input."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(
        self,
        ready: ReadyNetwork,
        given: NetworkInput,
        axis: int,
        *,
        batch_slices: int,
        with_probabilities: bool,
        progress: Progress,
    ) -> Prediction:
        """What `predict` gives."""
        self.seen.append(given.levels)
        labels = ((given.levels > 0).astype(np.uint8) + (given.levels >= BRIGHT)).astype(np.uint8)
        return sure_prediction(labels, given, with_probabilities)


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> ThresholdNetwork:
    stand_in = ThresholdNetwork()
    monkeypatch.setattr(views, "predict", stand_in)
    return stand_in


def expected_labels(scan: Scan) -> np.ndarray:
    equalised = equalise_volume(scan.data, "head")
    return np.where(equalised >= BRIGHT, 2, np.where(equalised > 0, 1, 0))


@pytest.mark.parametrize("slice_axis", sorted(SLICE_AXES))
def test_labels_come_back_in_the_canonical_frame(
    network: ThresholdNetwork, slice_axis: str
) -> None:
    scan = make_scan(ball())
    found = segmented(described(slice_axis=slice_axis), scan)
    assert found.labels.dtype == np.uint8
    np.testing.assert_array_equal(found.labels, expected_labels(scan))
    assert found.removed_regions == 0
    assert found.probabilities is None


def test_the_network_sees_the_head_and_a_margin_of_eight_voxels(network: ThresholdNetwork) -> None:
    segmented(described(slice_axis="axial"), make_scan(ball()))
    # x 22 +- 17, y 20 +- 17, z 14 - 9 - 8 and 14 + 9 + 8, cut at the volume's 0 and 30
    assert network.seen[0].shape == (35, 35, 30)


def test_the_network_sees_everything_when_the_whole_volume_is_equalised(
    network: ThresholdNetwork,
) -> None:
    segmented(described(slice_axis="sagittal", equalise="volume"), make_scan(ball()))
    assert network.seen[0].shape == SHAPE


def test_probabilities_are_sure_of_background_outside_the_box(network: ThresholdNetwork) -> None:
    scan = make_scan(ball())
    found = segmented(described(slice_axis="coronal"), scan, keep_probabilities=True)
    assert found.probabilities is not None
    assert found.probabilities.shape == (*SHAPE, TISSUES.classes)
    np.testing.assert_array_equal(found.probabilities.argmax(-1), expected_labels(scan))
    np.testing.assert_array_equal(found.probabilities.sum(-1), 1)


def test_regions_beside_the_brain_are_removed_and_counted(network: ThresholdNetwork) -> None:
    beside = np.zeros(SHAPE, bool)
    beside[2:5, 2:5, 10:13] = True  # one region in each of three axial slices
    scan = make_scan(ball() | beside)
    found = segmented(described(slice_axis="axial"), scan)
    assert found.removed_regions == 3
    np.testing.assert_array_equal(found.labels > 0, ball())


def test_the_middle_slice_is_the_middle_of_the_scan_and_not_of_the_box(
    network: ThresholdNetwork,
) -> None:
    head = ball(centre=(10, 20, 14))  # sagittal slices 1..19 of 44: none in the middle one
    head[20:26, 18:22, 13:16] = True
    scan = make_scan(head)
    found = segmented(described(slice_axis="sagittal", mask_slice="middle"), scan)
    # M is the small block of slice 22: it covers little of the ball's large slices
    assert not found.labels[10].any()
    assert found.labels[20:26, 18:22, 13:16].all()


def test_labels_do_not_depend_on_the_unit_of_intensity(network: ThresholdNetwork) -> None:
    scan = make_scan(ball())
    brighter = dataclasses.replace(scan, data=scan.data * 4 + 8)
    np.testing.assert_array_equal(
        segmented(described(), brighter).labels, segmented(described(), scan).labels
    )


def test_a_network_worked_out_by_hand_gives_its_labels() -> None:
    scan = make_scan(ball())
    found = segmented(threshold_model(), scan)
    np.testing.assert_array_equal(found.labels, threshold_labels(scan.data))
    steps = {"brain", "preprocessing", "network", "postprocessing", "interpolation"}
    assert set(found.seconds) == steps


@pytest.mark.parametrize(
    ("spacing_mm", "noted"),
    [
        ((1.0, 1.0, 1.0), False),
        ((1.5, 0.3, 1.0), False),
        ((1.0, 1.0, 1.6), True),
    ],
)
def test_coarse_voxels_are_noted(spacing_mm: tuple[float, float, float], noted: bool) -> None:
    assert bool(spacing_notes(spacing_mm, (1.0, 1.0, 1.0))) == noted


def test_the_note_names_both_voxel_sizes() -> None:
    (note,) = spacing_notes((0.35, 0.35, 2.0), (1.0, 1.0, 1.0))
    assert "0.35 x 0.35 x 2 mm" in note
    assert "1 x 1 x 1 mm" in note
