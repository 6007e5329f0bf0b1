"""The post-processing by hand, against a plain rewriting of the rule, and its properties."""

import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from jaxtyping import UInt8

from brainfcn_jax.inference.postprocessing import clean_labels

SPACING_MM = (3.0, 1.0, 1.0)
LABELS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7),
    elements=st.sampled_from([0, 0, 0, 1, 3, 5]),
)
SPACINGS = st.tuples(st.just(3.0), st.floats(0.3, 3.0), st.floats(0.3, 3.0))
MASK_SLICES = st.sampled_from(["middle", "largest"])


def brain(slices: int = 3) -> UInt8[np.ndarray, "slice 10 12"]:
    """A 6x6 block of two tissues in every slice."""
    labels = np.zeros((slices, 10, 12), np.uint8)
    labels[:, 1:7, 1:7] = 3
    labels[:, 1:3, 1:7] = 1
    return labels


@pytest.mark.parametrize("mask_slice", ["middle", "largest"])
def test_a_brain_without_islands_stays(mask_slice: str) -> None:
    labels = brain()
    cleaned, removed = clean_labels(labels, SPACING_MM, mask_slice, axis=0)
    np.testing.assert_array_equal(cleaned, labels)
    assert removed == 0
    assert cleaned is not labels


@pytest.mark.parametrize("mask_slice", ["middle", "largest"])
def test_a_region_off_the_brain_goes_and_the_input_stays(mask_slice: str) -> None:
    labels = brain()
    labels[0, 1:4, 8:11] = 7
    before = labels.copy()
    cleaned, removed = clean_labels(labels, SPACING_MM, mask_slice, axis=0)
    np.testing.assert_array_equal(cleaned, brain())
    np.testing.assert_array_equal(labels, before)
    assert removed == 1


@pytest.mark.parametrize(
    ("pixels", "in_plane_mm", "stays"),
    [
        (5, (1.0, 1.0), True),
        (4, (1.0, 1.0), False),
        (4, (1.25, 1.0), True),
        (2, (0.5, 5.0), True),
        (5, (0.96, 0.96), False),
        (6, (0.96, 0.96), True),
    ],
)
def test_the_area_is_in_square_millimetres(
    pixels: int, in_plane_mm: tuple[float, float], stays: bool
) -> None:
    labels = brain()
    labels[0] = 0
    labels[0, 4, 1 : 1 + pixels] = 6
    cleaned, _ = clean_labels(labels, (3.0, *in_plane_mm), "middle", axis=0)
    assert bool(cleaned[0].any()) == stays


@pytest.mark.parametrize(("outside", "stays"), [(1, True), (2, True), (3, False)])
def test_four_fifths_of_a_region_must_lie_on_the_mask(outside: int, stays: bool) -> None:
    labels = brain()
    labels[0] = 0
    labels[0, 2:4, 7 - 4 : 7] = 4  # 8 pixels on the mask
    labels[0, 2, 7 : 7 + outside] = 4
    cleaned, removed = clean_labels(labels, SPACING_MM, "middle", axis=0)
    assert bool(cleaned[0].any()) == stays
    assert removed == int(not stays)


def test_pixels_that_touch_at_a_corner_are_one_region() -> None:
    labels = brain()
    labels[0] = 0
    labels[0, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]] = 2
    assert clean_labels(labels, SPACING_MM, "middle", axis=0)[1] == 0


def test_tissues_that_touch_are_one_region() -> None:
    labels = brain()
    labels[0, 7, 1:7] = 5  # cerebellum wholly off the mask: alone it would go
    cleaned, removed = clean_labels(labels, SPACING_MM, "middle", axis=0)
    assert removed == 0
    np.testing.assert_array_equal(cleaned, labels)


def test_slices_are_not_connected_to_each_other() -> None:
    labels = brain()
    labels[0, 5:9, 8:11] = 7
    labels[0, 5, 7] = 7  # joins the brain in slice 0 only
    labels[2, 5:9, 8:11] = 7
    cleaned, removed = clean_labels(labels, SPACING_MM, "middle", axis=0)
    assert removed == 2
    assert not cleaned[0].any()
    np.testing.assert_array_equal(cleaned[2], brain()[2])


def test_the_middle_slice_is_half_the_depth_rounded_down() -> None:
    labels = np.zeros((4, 10, 12), np.uint8)
    labels[2, 1:4, 1:4] = 3
    labels[1, 6:9, 6:9] = 3
    cleaned, removed = clean_labels(labels, SPACING_MM, "middle", axis=0)
    assert (cleaned[2].any(), cleaned[1].any(), removed) == (True, False, 1)


def test_largest_takes_the_mask_where_the_brain_is() -> None:
    labels = brain(9)
    labels[3:] = 0
    labels[4, 1:4, 1:4] = 3  # the middle slice of a field of view far above the brain
    cleaned, removed = clean_labels(labels, SPACING_MM, "largest", axis=0)
    assert removed == 0
    np.testing.assert_array_equal(cleaned, labels)
    assert clean_labels(labels, SPACING_MM, "middle", axis=0)[1] == 3


def test_without_a_region_in_the_middle_slice_only_the_area_counts() -> None:
    labels = brain()
    labels[1] = 0
    labels[0, 8, 8] = 7
    cleaned, removed = clean_labels(labels, SPACING_MM, "middle", axis=0)
    assert removed == 1
    np.testing.assert_array_equal(cleaned[[0, 2]], brain()[[0, 2]])


@pytest.mark.parametrize("mask_slice", ["middle", "largest"])
def test_empty_labels_stay_empty(mask_slice: str) -> None:
    cleaned, removed = clean_labels(np.zeros((3, 4, 5), np.uint8), SPACING_MM, mask_slice)
    assert (cleaned.any(), removed, cleaned.dtype) == (False, 0, np.uint8)


def rewritten_rule(
    labels: UInt8[np.ndarray, "slice height width"],
    in_plane_mm: tuple[float, float],
    mask_slice: str,
) -> UInt8[np.ndarray, "slice height width"]:
    """The rule slice by slice and region by region, with SimpleITK's components."""
    slices = []
    for tissue_slice in labels:
        image = SimpleITK.GetImageFromArray((tissue_slice > 0).astype(np.uint8))
        found = SimpleITK.GetArrayFromImage(SimpleITK.ConnectedComponent(image, True))
        slices.append([found == index for index in range(1, int(found.max()) + 1)])
    chosen = [slices[len(slices) // 2]] if mask_slice == "middle" else slices
    candidates = [region for regions in chosen for region in regions]
    mask = max(candidates, key=np.count_nonzero) if candidates else np.ones(labels.shape[1:], bool)
    if mask_slice == "largest" and candidates:
        near = [
            np.hypot(*((pixel - np.argwhere(mask)) * in_plane_mm).T).min() <= 3.0
            for pixel in np.argwhere(np.ones_like(mask))
        ]
        mask = np.reshape(near, mask.shape)
    cleaned = labels.copy()
    for tissue_slice, regions in zip(cleaned, slices, strict=True):
        for region in regions:
            small = region.sum() * (in_plane_mm[0] * in_plane_mm[1]) < 5.0
            if small or (region & mask).sum() / region.sum() < 0.8:
                tissue_slice[region] = 0
    return cleaned


@given(labels=LABELS, spacing_mm=SPACINGS, mask_slice=MASK_SLICES)
@settings(max_examples=150)
def test_equals_the_rule_written_plainly(
    labels: UInt8[np.ndarray, "slice height width"],
    spacing_mm: tuple[float, float, float],
    mask_slice: str,
) -> None:
    cleaned, removed = clean_labels(labels, spacing_mm, mask_slice, axis=0)
    np.testing.assert_array_equal(cleaned, rewritten_rule(labels, spacing_mm[1:], mask_slice))
    kept = cleaned > 0
    np.testing.assert_array_equal(cleaned[kept], labels[kept])
    assert (removed == 0) == np.array_equal(cleaned, labels)


@given(labels=LABELS, spacing_mm=SPACINGS, axis=st.sampled_from([1, 2]))
@settings(max_examples=50)
def test_slices_along_any_axis_are_cleaned_alike(
    labels: UInt8[np.ndarray, "slice height width"],
    spacing_mm: tuple[float, float, float],
    axis: int,
) -> None:
    cleaned, removed = clean_labels(labels, spacing_mm, "largest", axis=0)
    slice_mm, height_mm, width_mm = spacing_mm
    turned_mm = {1: (height_mm, slice_mm, width_mm), 2: (height_mm, width_mm, slice_mm)}[axis]
    turned, turned_removed = clean_labels(np.moveaxis(labels, 0, axis), turned_mm, "largest", axis)
    np.testing.assert_array_equal(turned, np.moveaxis(cleaned, 0, axis))
    assert turned_removed == removed


@given(labels=LABELS, spacing_mm=SPACINGS)
@settings(max_examples=50)
def test_cleaning_again_changes_nothing(
    labels: UInt8[np.ndarray, "slice height width"], spacing_mm: tuple[float, float, float]
) -> None:
    cleaned, _ = clean_labels(labels, spacing_mm, "largest", axis=0)
    again, removed = clean_labels(cleaned, spacing_mm, "largest", axis=0)
    np.testing.assert_array_equal(again, cleaned)
    assert removed == 0


@pytest.mark.parametrize(
    ("spacing_mm", "mask_slice", "message"),
    [
        ((3.0, 1.0, 0.0), "middle", r"three positive lengths, found \(3.0, 1.0, 0.0\)"),
        ((3.0, 1.0, float("nan")), "middle", "three positive lengths"),
        ((3.0, 1.0, 1.0), "first", "'middle' or 'largest', found 'first'"),
    ],
)
def test_says_what_it_cannot_take(
    spacing_mm: tuple[float, float, float], mask_slice: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        clean_labels(np.zeros((3, 4, 5), np.uint8), spacing_mm, mask_slice)
