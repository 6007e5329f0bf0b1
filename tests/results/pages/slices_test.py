"""Slices as pixels: where they lie, which way up they stand, what is outlined."""

import numpy as np
import pytest
from support.labelled_brain import SPACING_MM, intensities, labelled_brain

from brainfcn_jax.labels import COGM, WM
from brainfcn_jax.results.pages.slices import (
    AXIAL,
    CORONAL,
    DIRECTIONS,
    SAGITTAL,
    Direction,
    choose_view,
    outlines,
    slice_panels,
)


def test_outlines_by_hand() -> None:
    classes = np.array(
        [
            [0, 0, 0, 0, 0],
            [0, 3, 3, 3, 0],
            [0, 3, 3, 3, 0],
            [0, 3, 3, 3, 1],
            [0, 3, 3, 3, 1],
        ],
        np.uint8,
    )
    expected = np.array(
        [
            [0, 0, 0, 0, 0],
            [0, 3, 3, 3, 0],
            [0, 3, 0, 3, 0],
            [0, 3, 0, 3, 1],
            [0, 3, 0, 3, 1],  # the picture's edge is no border
        ],
        np.uint8,
    )
    np.testing.assert_array_equal(outlines(classes), expected)


@pytest.mark.parametrize(
    ("direction", "axis", "end", "side"),
    [
        (AXIAL, 0, 0, np.s_[:, :20]),  # left of the patient: left of the picture
        (CORONAL, 0, 0, np.s_[:, :20]),
        (AXIAL, 1, -1, np.s_[:20, :]),  # front: top
        (CORONAL, 2, -1, np.s_[:20, :]),  # top: top
        (SAGITTAL, 2, -1, np.s_[:20, :]),
        (SAGITTAL, 1, -1, np.s_[:, -20:]),  # front: right
    ],
)
def test_each_end_of_the_head_has_its_side(
    direction: Direction, axis: int, end: int, side: tuple[slice, slice]
) -> None:
    image = np.zeros((40, 40, 40), np.float32)
    bright = np.moveaxis(image, axis, 0)
    bright[: 10 if end == 0 else None][-10:] = 1
    labels = np.full(image.shape, WM, np.uint8)
    view = choose_view(image, labels, (1.0, 1.0, 1.0), 80)
    (panel,) = slice_panels(image, labels, view, direction, 1)
    assert panel.grey.shape == (80, 80)
    assert panel.grey[side].mean() > 150
    assert panel.grey.mean() < 80


def test_letters_fit_the_directions() -> None:
    ends = (("L", "R"), ("P", "A"), ("I", "S"))
    for direction in DIRECTIONS:
        assert direction.letters == (*ends[direction.across], *ends[direction.up])
        assert {direction.axis, direction.across, direction.up} == {0, 1, 2}


def test_flat_voxels_give_the_same_view_as_cubes() -> None:
    cubes, flat = labelled_brain(), labelled_brain((60, 70, 33), (3.0, 3.0, 6.0))
    views = [
        choose_view(intensities(labels), labels, spacing_mm, 260)
        for labels, spacing_mm in ((cubes, SPACING_MM), (flat, (3.0, 3.0, 6.0)))
    ]
    assert np.abs(np.subtract(views[0].pixels, views[1].pixels)).max() <= 10
    assert max(views[0].pixels) == 260


def test_slices_go_through_the_brain_wherever_it_lies() -> None:
    labels = np.zeros((90, 80, 100), np.uint8)
    labels[60:80, 50:75, 5:20] = COGM
    image = np.random.default_rng(0).random(labels.shape, np.float32)
    view = choose_view(image, labels, (1.0, 1.0, 1.0), 100)
    assert view.brain == ((60, 80), (50, 75), (5, 20))
    assert view.box == ((50, 90), (40, 80), (0, 30))
    for direction in DIRECTIONS:
        panels = list(slice_panels(image, labels, view, direction, 7))
        assert len(panels) == 7
        assert all((panel.outlines == COGM).any() for panel in panels)


def test_without_labels_the_whole_scan_is_shown() -> None:
    image = np.random.default_rng(0).random((20, 30, 10), np.float32)
    view = choose_view(image, np.zeros(image.shape, np.uint8), (1.0, 1.0, 3.0), 60)
    assert view.brain == view.box == ((0, 20), (0, 30), (0, 10))
    assert view.pixels == (40, 60, 60)


def test_an_image_of_one_intensity_is_black() -> None:
    labels = np.full((5, 5, 5), WM, np.uint8)
    image = np.full(labels.shape, 7, np.float32)
    view = choose_view(image, labels, (1.0, 1.0, 1.0), 20)
    assert not next(slice_panels(image, labels, view, AXIAL, 1)).grey.any()
