"""A scan seen along several axes: which, and what is said of it fused, by hand."""

import dataclasses
import math

import nibabel
import numpy as np
import pytest
from support.segmented import segmented, soft_voxels
from support.threshold_model import BRIGHT, DARK, DESCRIPTION, threshold_labels, threshold_model

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import SliceAxis
from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.inference.prediction import ANYTHING, FLUID, NOTHING, NetworkInput, ReadyNetwork
from brainfcn_jax.inference.views import predict_along, refuse_views, view_axes
from brainfcn_jax.labels import BACKGROUND, COGM, CSF, TISSUES, WM
from brainfcn_jax.network.model_file import Model

EVERY = dataclasses.replace(DESCRIPTION, slice_axis="all")
SHAPE = (11, 9, 13)
AXES: tuple[SliceAxis, ...] = ("axial", "coronal", "sagittal")
RANDOM = np.random.default_rng(5)
VOLUME = RANDOM.integers(0, 256, SHAPE).astype(np.uint8)


def one_before_model() -> Model:
    """The threshold model, but for the value that it goes by: the slice before's."""
    model = threshold_model(EVERY)
    kernel = model.params["conv1_1"]["kernel"]
    kernel[1, 1, 0, 0], kernel[1, 1, 1, 0] = kernel[1, 1, 1, 0], 0
    for name in ("kernel", "bias"):  # softer, so that the three differ in how sure they are
        model.params["fusion"][name] *= 0.02
    return model


def by_hand(allowed: np.ndarray) -> np.ndarray:
    """Class probabilities of the volume, x y z, averaged over what each axis says."""
    total = np.zeros((TISSUES.classes, *SHAPE))
    for axis in range(3):
        before = np.roll(VOLUME, 1, axis).astype(float)
        np.moveaxis(before, axis, 0)[0] = 0
        scores = np.full((TISSUES.classes, *SHAPE), -1000.0 * 0.02)
        scores[BACKGROUND], scores[COGM], scores[WM] = DARK * 0.02, 0, 0
        scores[COGM] += before * 0.02
        scores[WM] += (2 * before - BRIGHT) * 0.02
        for label in range(1, TISSUES.classes):
            least = FLUID if label == CSF else ANYTHING
            scores[label][allowed < least] = -np.inf
        powers = np.exp(scores - scores.max(axis=0))
        total += powers / powers.sum(axis=0)
    return total / 3


def test_three_views_are_averaged() -> None:
    allowed = RANDOM.choice([NOTHING, FLUID, ANYTHING, ANYTHING], SHAPE).astype(np.uint8)
    z, x, y = (RANDOM.uniform(1, 2, n).astype(np.float32) for n in (13, 11, 9))
    told: list[tuple[str, int, int]] = []
    found = predict_along(
        ReadyNetwork(one_before_model()),
        NetworkInput(VOLUME, allowed, (x, y, z)),
        AXES,
        batch_slices=4,
        with_probabilities=True,
        progress=lambda *what: told.append(what),
    )
    expected = by_hand(allowed)
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, expected, atol=2e-3)
    sure = np.diff(np.sort(expected, axis=0)[-2:], axis=0)[0] > 5e-3
    np.testing.assert_array_equal(found.labels[sure], expected.argmax(axis=0)[sure])
    logs = np.log(expected, out=np.zeros_like(expected), where=expected > 0)
    entropy = -(expected * logs).sum(axis=0) / math.log(TISSUES.classes)
    np.testing.assert_allclose(found.entropy, entropy, atol=5e-3)
    sums = np.einsum("cxyz,x,y,z->c", expected, x, y, z)
    np.testing.assert_allclose(found.class_sums, sums, rtol=2e-3, atol=1)
    assert {total for _, _, total in told} == {sum(SHAPE)}  # something is allowed in all slices
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})


def test_thick_slices_are_seen_as_they_were_acquired() -> None:
    assert view_axes(EVERY, (3.0, 3.0, 3.0), 1) == ("axial",)
    assert view_axes(EVERY, (3.0, 3.0, 3.0), 3) == AXES
    assert view_axes(EVERY, (1.0, 5.0, 1.0), 3) == AXES
    for views in (1, 3):
        assert view_axes(EVERY, (1.0, 6.5, 1.0), views) == ("coronal",)
        assert view_axes(EVERY, (7.0, 1.0, 1.0), views) == ("sagittal",)
        assert view_axes(EVERY, (7.0, 7.0, 7.0), views) == ("axial",)
    assert view_axes(DESCRIPTION, (7.0, 1.0, 1.0), 1) == ("axial",)
    uneven = dataclasses.replace(EVERY, spacing_mm=(1.5, 1.0, 1.0))
    assert view_axes(uneven, (2.5, 1.0, 2.0), 3) == ("axial",)  # twice what was trained on
    assert view_axes(uneven, (2.5, 1.0, 1.9), 3) == AXES


def test_a_model_of_one_direction_has_one_view() -> None:
    refuse_views(EVERY, 3)
    refuse_views(DESCRIPTION, 1)
    with pytest.raises(UsageError, match=r"3 views .* trained on axial slices alone; leave"):
        refuse_views(DESCRIPTION, 3)
    with pytest.raises(UsageError, match="views is 2, must be 1 or 3"):
        view_axes(EVERY, (3.0, 3.0, 3.0), 2)


@pytest.mark.parametrize("spacing_mm", [(3.0, 3.0, 3.0), (2.0, 2.5, 4.0), (2.0, 7.0, 2.0)])
def test_the_labels_lie_on_the_scan_whatever_it_is_seen_from(
    spacing_mm: tuple[float, float, float],
) -> None:
    model = threshold_model(EVERY)
    places = np.indices((40, 30, 36)) - np.reshape((20, 15, 18), (3, 1, 1, 1))
    head = (places**2).sum(axis=0) <= 12**2
    data = np.where(head, np.where(places[0] > 0, 90, 30), 0).astype(np.float32)
    affine = np.diag([*spacing_mm, 1.0])
    image = nibabel.Nifti1Image(data, affine)
    scan = Scan(data, spacing_mm, Grid((40, 30, 36), affine), image, "head.nii", ())
    once, fused = (segmented(model, scan, views=views) for views in (1, 3))
    assert once.slice_axes == (("coronal",) if spacing_mm[1] == 7 else ("axial",))
    assert fused.slice_axes == (("coronal",) if spacing_mm[1] == 7 else AXES)
    assert not any("view" in note for note in once.notes)
    assert any("in no other view" in note for note in fused.notes) == (spacing_mm[1] == 7)
    assert (once.labels == fused.labels).mean() > 0.995
    if spacing_mm == (3.0, 3.0, 3.0):
        np.testing.assert_array_equal(fused.labels, threshold_labels(data))
    assert sum(soft_voxels(fused)) == pytest.approx(data.size)
