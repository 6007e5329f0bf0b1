"""One model for many scans: what runs out of memory is halved, and the model brings its labels."""

import dataclasses
from typing import Any

import jax
import nibabel
import numpy as np
import pytest
from support.own_labels import OWN
from support.threshold_model import (
    DESCRIPTION,
    passing_intensity,
    threshold_labels,
    threshold_model,
)

from brainfcn_jax import segment
from brainfcn_jax.errors import BrainfcnError, UsageError
from brainfcn_jax.inference import segmenter as segmenter_module
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.inference.views import predict_along
from brainfcn_jax.network.model_file import Model

OFFSETS = np.indices((26, 22, 12)) - np.reshape((13, 11, 6), (3, 1, 1, 1))
INTENSITIES = np.where(
    (OFFSETS**2).sum(0) <= 64, np.random.default_rng(0).integers(50, 900, (26, 22, 12)), 0
).astype(np.int16)
IMAGE = nibabel.Nifti1Image(INTENSITIES, np.diag([3.0, 3.0, 3.0, 1.0]))
"""A ball of random intensities on a background of 0."""


def model(**changes: Any) -> Model:
    """The threshold model, which looks for no brain unless changed."""
    return threshold_model(dataclasses.replace(DESCRIPTION, **({"find_brain": False} | changes)))


class SmallDevice:
    """Stands before the network on a device with room for so many slices; keeps what was asked."""

    def __init__(self, room: int, message: str) -> None:
        self.room = room
        self.message = message
        self.asked_for: list[int] = []

    def __call__(self, *given: Any, batch_slices: int, **more: Any) -> Any:
        """Does what `predict_along` does where there is room."""
        self.asked_for.append(batch_slices)
        if batch_slices > self.room:
            raise jax.errors.JaxRuntimeError(self.message)
        return predict_along(*given, batch_slices=batch_slices, **more)


def small_device(
    monkeypatch: pytest.MonkeyPatch,
    room: int,
    message: str = "RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes",
) -> SmallDevice:
    """Puts a small device in the network's place."""
    device = SmallDevice(room, message)
    monkeypatch.setattr(segmenter_module, "predict_along", device)
    return device


def test_the_batch_is_halved_until_it_fits_and_that_is_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = small_device(monkeypatch, room=3)
    found = segment(IMAGE, model())
    assert device.asked_for == [8, 4, 2]
    said = "the device's memory was too small for 8 slices at once; 2 were taken from here on"
    assert said in found.notes
    np.testing.assert_array_equal(found.labels, threshold_labels(INTENSITIES))


def test_it_stays_halved_for_the_next_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = segment(IMAGE, model()).scan
    device = small_device(monkeypatch, room=3)
    segmenter = Segmenter(model())
    notes = [segmenter.segment(scan).notes for _ in range(2)]
    assert device.asked_for == [8, 4, 2, 2]
    assert segmenter.batch_slices == 2
    assert ["2 were taken" in " ".join(of_scan) for of_scan in notes] == [True, False]


def test_a_device_too_small_for_one_slice_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    device = small_device(monkeypatch, room=0)
    with pytest.raises(BrainfcnError, match=r"too small for it, one slice at a time too") as told:
        segment(IMAGE, model(), batch_slices=5)
    assert device.asked_for == [5, 2, 1]
    assert "(RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes); end what else uses" in str(
        told.value
    )


def test_another_failure_of_the_device_is_not_taken_for_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    device = small_device(monkeypatch, 0, "INTERNAL: the device fell off the bus")
    with pytest.raises(jax.errors.JaxRuntimeError, match="fell off the bus"):
        segment(IMAGE, model())
    assert device.asked_for == [8]


def test_memory_that_runs_out_while_the_brain_is_looked_for_halves_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked_for = []

    def find(finder: object, scan: object, batch_slices: int) -> None:
        asked_for.append(batch_slices)
        if batch_slices > 4:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")

    monkeypatch.setattr(segmenter_module, "find_brain", find)
    found = segment(IMAGE, model(find_brain=True))
    assert asked_for == [8, 4]
    assert any("too small for 8 slices" in note for note in found.notes)


def test_labels_of_ones_own_are_found_and_named() -> None:
    description = dataclasses.replace(DESCRIPTION, labels=OWN, find_brain=False)
    params = passing_intensity(description)
    params["fusion"]["kernel"][0, 0, 0, 2] = 1
    params["fusion"]["bias"][:] = (10, -1000, 0, -1000)  # a cyst wherever there is anything
    found = segment(IMAGE, Model(params, description), keep_probabilities=True)
    assert np.unique(found.labels).tolist() == [0, 2]
    assert [row.abbreviation for row in found.volumes] == ["BG", "Lesion", "Cyst", "Oedema"]
    assert list(found.probability_images) == ["Lesion", "Cyst", "Oedema"]
    assert found.probabilities is not None and found.probabilities.shape[-1] == 4
    assert found.volume_mm3("Cyst") > 0
    assert {flag.name for flag in found.quality.flags} <= {"missing_tissue", "high_uncertainty"}
    with pytest.raises(UsageError, match="there are BG, Lesion, Cyst, Oedema"):
        found.volume_mm3("Brain")
