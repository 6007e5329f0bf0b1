"""What happens when the device's memory does not suffice."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from support.eval_example import intensities, read_image, run, write_image
from support.threshold_model import threshold_labels, threshold_model

from brainfcn_jax.inference.views import predict_along
from brainfcn_jax.network.model_file import save_model

ROOM = 3


@pytest.fixture(autouse=True)
def small_device(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A device with room for `ROOM` slices; the sizes of the batches that it was asked for."""
    asked_for: list[int] = []

    def predict(*arguments: Any, batch_slices: int, **options: Any) -> Any:
        asked_for.append(batch_slices)
        if batch_slices > ROOM:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes")
        return predict_along(*arguments, batch_slices=batch_slices, **options)

    monkeypatch.setattr("brainfcn_jax.inference.segmenter.predict_along", predict)
    return asked_for


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Flags of a run on two scans."""
    save_model(tmp_path / "threshold.h5", threshold_model())
    scans = [write_image(tmp_path / f"s{n}.nii.gz", intensities()) for n in (1, 2)]
    flags = [f"--weights={tmp_path / 'threshold.h5'}", f"--out_dir={tmp_path / 'out'}"]
    return [*flags, *(f"--volume={scan}" for scan in scans)]


def notes(tmp_path: Path, name: str) -> list[str]:
    """What a scan's sidecar notes."""
    sidecar = json.loads((tmp_path / "out" / f"{name}_desc-tissue_dseg.json").read_text())
    return [str(note) for note in sidecar["Notes"]]


def test_the_batch_is_halved_until_it_fits_and_stays_so(
    arguments: list[str], small_device: list[int], tmp_path: Path
) -> None:
    assert run(*arguments) == 0
    assert small_device == [8, 4, 2, 2]
    said = "the device's memory was too small for 8 slices at once; 2 were taken from here on"
    assert said in notes(tmp_path, "s1")
    assert said not in notes(tmp_path, "s2")
    labels = read_image(tmp_path / "out" / "s1_desc-tissue_dseg.nii.gz")
    np.testing.assert_array_equal(np.asarray(labels.dataobj), threshold_labels(intensities()))


def test_a_device_too_small_for_one_slice_fails_the_scan(
    arguments: list[str],
    small_device: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(globals(), "ROOM", 0)
    assert run(*arguments) == 1
    assert small_device == [8, 4, 2, 1, 1]
    said = capsys.readouterr().err
    assert "s1.nii.gz' cannot be labelled: the device's memory is too small for it, one" in said
    assert "(RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes); end what else uses" in said


def test_another_failure_of_the_device_is_told_as_it_is(
    arguments: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise jax.errors.JaxRuntimeError("INTERNAL: the device fell off the bus\nand more")

    monkeypatch.setattr("brainfcn_jax.inference.segmenter.predict_along", fail)
    assert run(*arguments) == 1
    said = capsys.readouterr().err
    assert "s1.nii.gz' cannot be labelled: INTERNAL: the device fell off the bus\n" in said
