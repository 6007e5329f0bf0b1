"""The brain is found first: nothing else of a head is labelled, of stripped scans what is left."""

import dataclasses

import nibabel
import numpy as np
import pytest
from support.bright_finder import BRIGHT, bright_finder
from support.segmented import brain_found, segmented
from support.threshold_model import DESCRIPTION, threshold_model

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import centred_grid
from brainfcn_jax.imaging.surroundings import joined_to_faces
from brainfcn_jax.inference.brain import (
    ADULTS,
    NEWBORNS,
    Brain,
    distance_to,
    find_brain,
    largest_piece,
    load_finder,
    sized_finder,
)
from brainfcn_jax.inference.network_input import prepare
from brainfcn_jax.inference.prediction import ANYTHING, FLUID, NOTHING, ReadyNetwork
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.labels import WM
from brainfcn_jax.network.model_file import Model

SPACING_MM = (2.5, 2.0, 3.0)
SHAPE = (60, 72, 48)
BRAIN_CENTRE_MM, BRAIN_RADIUS_MM = (75.0, 70.0, 80.0), 34.0
STRIPPED_RADIUS_MM, HOLE_RADIUS_MM = 36.0, 9.0
MUSCLE_CENTRE_MM, MUSCLE_RADIUS_MM = (75.0, 124.0, 50.0), 8.0


def away_mm(centre_mm: tuple[float, float, float]) -> np.ndarray:
    """How far each voxel is from a place."""
    places = np.moveaxis(np.indices(SHAPE), 0, -1) * SPACING_MM
    return np.asarray(np.linalg.norm(places - np.array(centre_mm), axis=-1))


BRAIN = away_mm(BRAIN_CENTRE_MM) <= BRAIN_RADIUS_MM
MUSCLE = away_mm(MUSCLE_CENTRE_MM) <= MUSCLE_RADIUS_MM


def make_scan(head: np.ndarray, bright: np.ndarray) -> Scan:
    """Bright parts in a dim head on black."""
    random = np.random.default_rng(0)
    data = np.where(bright, random.uniform(80, 100, SHAPE), 20.0 * head).astype(np.float32)
    affine = np.diag([*SPACING_MM, 1.0])
    image = nibabel.Nifti1Image(data, affine)
    return Scan(data, SPACING_MM, Grid(SHAPE, affine), image, "head.nii", ())


@pytest.fixture
def whole_head() -> Scan:
    """A brain and a muscle, as bright as one another, in a head."""
    return make_scan(away_mm((75.0, 85.0, 70.0)) <= 66.0, BRAIN | MUSCLE)


def brain_of(finder: Model, scan: Scan) -> Brain | None:
    """The brain that a finder finds."""
    return find_brain(ReadyNetwork(finder), scan)


def test_the_largest_bright_piece_is_the_brain_and_lies_where_it_is(whole_head: Scan) -> None:
    found = brain_of(bright_finder(), whole_head)
    assert found is not None
    voxel_mm3 = np.prod([line.spacing_mm for line in found.grid])
    assert float((found.outward_mm == 0).sum()) * voxel_mm3 == pytest.approx(
        BRAIN.sum() * np.prod(SPACING_MM), rel=0.15
    )
    assert not found.skull_stripped
    inside = found.distance_mm(prepare(whole_head, DESCRIPTION, 2).scan_grid) == 0
    assert (inside == BRAIN).mean() > 0.98


@pytest.mark.parametrize("slice_axis", ["axial", "coronal", "sagittal"])
def test_nothing_is_labelled_far_from_the_brain(whole_head: Scan, slice_axis: str) -> None:
    model = threshold_model(dataclasses.replace(DESCRIPTION, slice_axis=slice_axis))
    everything = segmented(model, whole_head).labels
    found = segmented(model, whole_head, finder=bright_finder(), keep_probabilities=True)
    assert everything[away_mm(BRAIN_CENTRE_MM) > BRAIN_RADIUS_MM + 15].any()
    far = away_mm(BRAIN_CENTRE_MM) > BRAIN_RADIUS_MM + ADULTS.tissue_margin_mm + max(SPACING_MM) + 2
    assert ADULTS.label_margin_mm >= ADULTS.tissue_margin_mm
    assert not found.labels[far].any()
    assert found.labels[BRAIN].all()
    assert brain_found(found)
    assert found.quality.measurements["unlabelled_brain"] == 0
    assert found.probabilities is not None
    np.testing.assert_array_equal(found.probabilities[far][:, 0], 1)
    np.testing.assert_array_equal(found.uncertainty[far], 0)


def test_labels_stay_near_the_brain_where_the_whole_volume_is_equalised(whole_head: Scan) -> None:
    model = threshold_model(dataclasses.replace(DESCRIPTION, equalise="volume"))
    prepared = prepare(whole_head, model.description, 2, brain_of(bright_finder(), whole_head))
    on_the_grid = np.prod([line.size for line in prepared.grid])
    assert prepared.histograms[1].counts.sum() == on_the_grid > prepared.seen.levels.size
    far = away_mm(BRAIN_CENTRE_MM) > BRAIN_RADIUS_MM + ADULTS.label_margin_mm + max(SPACING_MM) + 2
    assert segmented(model, whole_head).labels[far].any()
    found = segmented(model, whole_head, finder=bright_finder()).labels
    assert not found[far].any()
    assert found[BRAIN].all()


def test_a_model_that_looks_for_no_brain_labels_everything(whole_head: Scan) -> None:
    model = threshold_model(dataclasses.replace(DESCRIPTION, find_brain=False))
    segmenter = Segmenter(model, finder=bright_finder())
    assert not segmenter.finds_brain
    assert Segmenter(threshold_model(), finder=bright_finder()).finds_brain
    found = segmenter.segment(whole_head)
    assert brain_found(found)
    assert "unlabelled_brain" not in found.quality.measurements
    assert found.labels[MUSCLE].any()


def test_fluid_lies_further_around_a_newborns_brain() -> None:
    outward_mm = np.array([0.0, 1.5, 2.0, 4.0, 5.0, 9.0], np.float32)
    adults, newborns = (people.allowed(outward_mm) for people in (ADULTS, NEWBORNS))
    assert adults.tolist() == [ANYTHING, ANYTHING, FLUID, FLUID, NOTHING, NOTHING]
    assert newborns.tolist() == [ANYTHING, ANYTHING, ANYTHING, FLUID, FLUID, NOTHING]


def test_labels_reach_as_far_as_the_models_people_allow(whole_head: Scan) -> None:
    adults, newborns = (
        segmented(
            threshold_model(dataclasses.replace(DESCRIPTION, people=people)),
            whole_head,
            finder=bright_finder(),
        ).labels
        for people in ("adults", "newborns")
    )
    assert newborns[adults > 0].all()
    assert np.count_nonzero(newborns) > 1.02 * np.count_nonzero(adults)


@pytest.mark.parametrize(
    ("people", "spacing_mm"), [("adults", 2.0), ("anyone", 2.0), ("newborns", 1.3)]
)
def test_newborns_are_magnified_for_the_finder(people: str, spacing_mm: float) -> None:
    finder = sized_finder(load_finder(), people)
    assert finder.description.spacing_mm == pytest.approx((spacing_mm,) * 3)
    assert finder.description.people == people


@pytest.mark.parametrize("spacing_mm", [(80.0, 80.0, 80.0), (2.0, 2.0, 99.0)])
def test_voxel_sizes_that_no_head_has_are_refused_or_passed_over(
    whole_head: Scan, spacing_mm: tuple[float, float, float]
) -> None:
    huge = dataclasses.replace(whole_head, spacing_mm=spacing_mm)
    if spacing_mm[0] == 80:
        with pytest.raises(InputError, match=r"80 x 80 x 80 mm"):
            segmented(threshold_model(), huge, finder=bright_finder())
    else:
        assert brain_of(bright_finder(), huge) is None


@pytest.mark.parametrize("slices", [1, 2])
def test_a_few_slices_are_labelled(whole_head: Scan, slices: int) -> None:
    few = dataclasses.replace(whole_head, data=whole_head.data[:, :, 26 : 26 + slices])
    found = segmented(threshold_model(), few, finder=bright_finder())
    assert found.labels.shape == few.data.shape


def test_a_brain_at_the_edge_of_the_field_of_view_is_found(whole_head: Scan) -> None:
    cut = dataclasses.replace(whole_head, data=whole_head.data[:, :, 26:])
    found = segmented(threshold_model(), cut, finder=bright_finder())
    assert brain_found(found)
    assert found.labels[BRAIN[:, :, 26:]].all()


def stripped_scan() -> tuple[Scan, Model]:
    """A brain alone, with a hole as dark as around it, and a finder that takes all for brain."""
    from_centre_mm = away_mm(BRAIN_CENTRE_MM)
    brain = (from_centre_mm <= STRIPPED_RADIUS_MM) & (from_centre_mm > HOLE_RADIUS_MM)
    scan = make_scan(brain, np.random.default_rng(1).random(SHAPE) < 0.4)
    finder = bright_finder()
    finder.params["fusion"]["bias"][1] = -1
    return dataclasses.replace(scan, data=np.where(brain, scan.data, 0).astype(np.float32)), finder


@pytest.mark.parametrize(
    ("sizes_mm", "inexact_mm", "slice_axis", "views"),
    [
        (SPACING_MM, 0.0, "axial", 1),
        (SPACING_MM, 0.0, "coronal", 1),
        (SPACING_MM, 0.0, "all", 3),
        ((2.0, 2.0, 2.0), 3.0, "axial", 1),
        ((2.0, 2.0, 2.0), 3.0, "all", 3),
        ((3.5, 3.5, 3.5), 3.5, "sagittal", 1),
    ],
)
def test_of_a_stripped_scan_what_is_left_is_labelled(
    sizes_mm: tuple[float, float, float], inexact_mm: float, slice_axis: str, views: int
) -> None:
    scan, finder = stripped_scan()
    found = brain_of(finder, scan)
    assert found is not None
    assert found.skull_stripped
    generous = threshold_model(
        dataclasses.replace(DESCRIPTION, spacing_mm=sizes_mm, slice_axis=slice_axis)
    )
    generous.params["fusion"]["bias"][WM] += 1000
    everything = segmented(generous, scan, views=views).labels
    found_in = segmented(generous, scan, finder=finder, views=views)
    labels = found_in.labels
    assert len(found_in.slice_axes) == views
    from_centre_mm = away_mm(BRAIN_CENTRE_MM)
    outside = from_centre_mm > STRIPPED_RADIUS_MM + inexact_mm
    inside = from_centre_mm <= STRIPPED_RADIUS_MM - inexact_mm
    assert everything[outside].any()
    assert not labels[outside].any()
    assert labels[inside].all()  # the hole as well


@pytest.mark.parametrize(
    ("level", "people", "is_stripped"),
    [
        (71, "adults", True),
        (100, "adults", False),
        (100, "newborns", True),
        (BRIGHT, "newborns", False),
    ],
)
def test_a_scan_that_is_mostly_brain_is_labelled_whole(
    level: int, people: str, is_stripped: bool
) -> None:
    radius_mm = away_mm((75.0, 70.0, 70.0))
    scan = make_scan(radius_mm <= 60, np.zeros(SHAPE, bool))
    scan = dataclasses.replace(scan, data=(150 - radius_mm).astype(np.float32) * (radius_mm <= 60))
    finder = bright_finder()
    finder.params["fusion"]["bias"][1] = -level  # the inner 72, 61 or 37% of the head
    found = brain_of(sized_finder(finder, people), scan)
    assert found is not None
    assert found.skull_stripped is is_stripped
    inner = radius_mm <= 57
    model = threshold_model(dataclasses.replace(DESCRIPTION, people=people))
    labels = segmented(model, scan, finder=finder).labels[inner]
    whole = np.array_equal(labels, segmented(model, scan).labels[inner])
    assert whole is is_stripped


def test_a_head_without_a_brain_is_labelled_as_without_looking_for_it() -> None:
    scan = make_scan(away_mm((75.0, 85.0, 70.0)) <= 66.0, MUSCLE)
    assert brain_of(bright_finder(), scan) is None
    found, without = (segmented(threshold_model(), scan, finder=f) for f in (bright_finder(), None))
    np.testing.assert_array_equal(found.labels, without.labels)
    assert (brain_found(found), brain_found(without)) == (False, True)
    assert "unlabelled_brain" not in found.quality.measurements


def test_brain_that_the_network_leaves_out_is_told(whole_head: Scan) -> None:
    blind = threshold_model()
    blind.params["fusion"]["bias"][1:] = -1000
    found = segmented(blind, whole_head, finder=bright_finder())
    assert found.quality.measurements["unlabelled_brain"] == 1


def test_an_empty_scan_has_no_brain() -> None:
    empty = np.zeros(SHAPE, bool)
    assert brain_of(bright_finder(), make_scan(empty, empty)) is None


def test_holes_in_the_largest_piece_are_brain() -> None:
    mask = np.zeros((9, 9, 9), bool)
    mask[1:6, 1:6, 1:6] = True
    mask[3, 3, 3] = False
    mask[8, 8, 8] = True
    piece = largest_piece(mask)
    assert piece[3, 3, 3]
    assert piece.sum() == 125
    assert not largest_piece(np.zeros((3, 3, 3), bool)).any()


def test_what_is_cut_away_is_as_dark_as_anything_and_joined_to_the_edge() -> None:
    plane = np.array(
        [[0, 0, 0, 0, 0], [0, 5, 5, 5, 0], [0, 5, 0, 5, 1], [0, 5, 5, 5, 0], [0, 0, 0, 5, 5]]
    )
    volume = np.stack([np.full_like(plane, 5), plane, np.full_like(plane, 5)]).astype(np.float32)
    expected = plane == 0
    expected[2, 2] = False
    np.testing.assert_array_equal(joined_to_faces(volume == volume.min())[1], expected)
    assert not joined_to_faces(volume == volume.min())[[0, 2]].any()


def test_distances_are_to_the_mask_and_told_only_near_it() -> None:
    grid = centred_grid((40, 5, 6), (2.0, 3.0, 4.0))
    mask = np.zeros((40, 5, 6), bool)
    mask[3:5, 2, 2] = True
    outward_mm = distance_to(mask, grid)
    assert outward_mm[3:5, 2, 2].tolist() == [0, 0]
    assert outward_mm[1, 2, 2] == 4
    assert outward_mm[4, 3, 3] == 5
    assert outward_mm[16, 2, 2] == 24
    assert outward_mm[17, 2, 2] == outward_mm[39, 2, 2] == outward_mm[16, 3, 2] == 99
