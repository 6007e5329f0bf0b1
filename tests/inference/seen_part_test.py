"""Of a head no more is seen than what may be labelled and a margin; labels stay the same."""

from dataclasses import replace

import nibabel
import numpy as np
import pytest
from support.bright_finder import bright_finder
from support.segmented import segmented, soft_voxels
from support.threshold_model import DESCRIPTION, threshold_model

from brainfcn_jax.imaging.boxes import bounding_box
from brainfcn_jax.imaging.choices import first_axis
from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import centred_grid
from brainfcn_jax.inference import network_input
from brainfcn_jax.inference.brain import find_brain
from brainfcn_jax.inference.network_input import SEEN_MARGIN_MM, Prepared, prepare, seen_part
from brainfcn_jax.inference.prediction import ANYTHING, NOTHING, ReadyNetwork
from brainfcn_jax.inference.segmented_scan import SegmentedScan

SHAPE, SPACING_MM = (90, 84, 60), (1.5, 1.5, 2.0)
POOLED = 8
"""Voxels along an axis that become one in the last of four stages."""


@pytest.fixture
def head() -> Scan:
    """A bright ball with dark spots in a large dim one, noisy."""
    random = np.random.default_rng(0)
    places = np.moveaxis(np.indices(SHAPE), 0, -1) * SPACING_MM
    away_mm = np.linalg.norm(places - np.array([70.0, 55.0, 65.0]), axis=-1)
    dim = 20.0 * (np.linalg.norm(places - np.array([67.0, 63.0, 60.0]), axis=-1) < 58)
    data = np.where(away_mm < 32, random.uniform(60, 100, SHAPE), dim).astype(np.float32)
    affine = np.diag([*SPACING_MM, 1.0])
    image = nibabel.Nifti1Image(data, affine)
    return Scan(data, SPACING_MM, Grid(SHAPE, affine), image, "head.nii", ())


@pytest.mark.parametrize("start", [0, 3, 8, 14, 17, 31, 40, 44])
def test_it_holds_what_may_be_labelled_and_begins_with_a_pooled_voxel(start: int) -> None:
    grid = centred_grid((64, 64, 64), (1.0, 2.0, 4.0))
    allowed = np.full((64, 64, 64), NOTHING, np.uint8)
    allowed[start : start + 20, start : start + 20, start : start + 20] = ANYTHING
    for (first, stop), line in zip(seen_part(allowed, grid, POOLED), grid, strict=True):
        margin = int(np.ceil(SEEN_MARGIN_MM / line.spacing_mm))
        assert first % POOLED == 0
        assert first <= max(start - margin, 0) < first + POOLED
        assert stop == min(start + 20 + margin, 64)


def test_where_nothing_may_be_labelled_all_is_seen() -> None:
    allowed = np.full((5, 6, 7), NOTHING, np.uint8)
    grid = centred_grid(allowed.shape, (1.0, 1.0, 1.0))
    assert seen_part(allowed, grid, POOLED) == ((0, 5), (0, 6), (0, 7))


@pytest.mark.parametrize(
    ("spacing_mm", "slice_axis", "views"),
    [
        ((1.5, 1.5, 2.0), "axial", 1),
        ((1.0, 1.0, 1.5), "axial", 1),
        ((1.5, 1.5, 0.9), "coronal", 1),
        ((1.5, 1.5, 2.0), "all", 3),
    ],
)
def test_labels_volumes_and_uncertainty_are_those_of_all_that_could_be_seen(
    head: Scan,
    spacing_mm: tuple[float, float, float],
    slice_axis: str,
    views: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = threshold_model(replace(DESCRIPTION, spacing_mm=spacing_mm, slice_axis=slice_axis))
    axis = first_axis(slice_axis)

    def found() -> tuple[Prepared, SegmentedScan]:
        brain = find_brain(ReadyNetwork(bright_finder()), head)
        return prepare(head, model.description, axis, brain), segmented(
            model, head, finder=bright_finder(), views=views, keep_probabilities=True
        )

    part, of_part = found()
    monkeypatch.setattr(network_input, "SEEN_MARGIN_MM", 1000.0)
    whole, of_whole = found()
    assert part.seen.levels.size < 0.8 * whole.seen.levels.size
    assert np.count_nonzero(part.seen.allowed != NOTHING) == np.count_nonzero(
        whole.seen.allowed != NOTHING
    )
    assert np.count_nonzero(part.seen.allowed != NOTHING) < part.seen.levels.size
    levels_of_part, levels_of_whole = (each.histograms[1].counts for each in (part, whole))
    np.testing.assert_array_equal(levels_of_part, levels_of_whole)
    assert of_part.labels.any()
    np.testing.assert_array_equal(of_part.labels, of_whole.labels)
    assert of_part.probabilities is not None and of_whole.probabilities is not None
    np.testing.assert_array_equal(of_part.probabilities, of_whole.probabilities)
    np.testing.assert_array_equal(of_part.uncertainty, of_whole.uncertainty)
    np.testing.assert_allclose(soft_voxels(of_part), soft_voxels(of_whole), rtol=1e-5)


@pytest.mark.parametrize("stages", [4, 5])
def test_the_poolings_of_all_stages_take_the_same_voxels_together(
    head: Scan, stages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = replace(DESCRIPTION, stages=stages, spacing_mm=(0.3, 0.75, 1.0))
    brain = find_brain(ReadyNetwork(bright_finder()), head)
    part = prepare(head, description, 2, brain)
    monkeypatch.setattr(network_input, "SEEN_MARGIN_MM", 1000.0)
    whole = prepare(head, description, 2, brain)
    pooled = 2 ** (stages - 1)
    starts = [now[0] - all_of_it[0] for now, all_of_it in zip(part.box, whole.box, strict=True)]
    assert all(start % pooled == 0 for start in starts)
    tight = bounding_box(whole.seen.allowed != NOTHING)
    assert tight is not None
    assert 0 < max(starts) <= max(first for first, _ in tight)
