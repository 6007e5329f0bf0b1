"""Models on disk: round trip, half storage, and what is not written."""

import dataclasses
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from support.own_labels import OWN
from support.threshold_model import WIDTHS, threshold_model

from brainfcn_jax.errors import OutputError, WeightsError
from brainfcn_jax.labels import BRAIN, LabelTable
from brainfcn_jax.network import sealed_hdf5
from brainfcn_jax.network.fcn import VGG16_WIDTHS, SegmentationNetwork, parameter_shapes
from brainfcn_jax.network.model_file import Model, ModelDescription, load_model, save_model
from brainfcn_jax.network.parameters import Parameters

DESCRIPTION = ModelDescription(
    stages=4,
    maps=2,
    labels=OWN,
    people="newborns",
    contrasts=("T2w", "FLAIR"),
    find_brain=False,
    colours="neighbours",
    channel_means=(101.25, 102.5, 1 / 3),
    slice_axis="coronal",
    spacing_mm=(0.35, 0.35, 2.0),
    equalise="head",
    mask_slice="middle",
    licence="CC0-1.0",
    training="",
)


def small_model() -> Model:
    """Zeros in the large kernels, random numbers in what is small."""
    rng = np.random.default_rng(0)
    params = {
        layer: {
            name: rng.normal(size=shape).astype(np.float32)
            if np.prod(shape) < 40_000
            else np.zeros(shape, np.float32)
            for name, shape in names.items()
        }
        for layer, names in parameter_shapes(4, 2, OWN.classes).items()
    }
    return Model(params, DESCRIPTION)


@pytest.fixture(scope="module")
def model() -> Model:
    return small_model()


@pytest.fixture(scope="module")
def saved(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "model.h5"
    save_model(path, model, storage="float16")
    return path


def assert_same_parameters(found: Parameters, expected: Parameters) -> None:
    assert {k: set(v) for k, v in found.items()} == {k: set(v) for k, v in expected.items()}
    for layer, names in expected.items():
        for name, array in names.items():
            assert found[layer][name].dtype == np.float32
            np.testing.assert_array_equal(found[layer][name], array)


def test_a_model_comes_back_bit_for_bit(tmp_path: Path, model: Model) -> None:
    save_model(tmp_path / "model.h5", model)
    loaded = load_model(tmp_path / "model.h5")
    assert loaded.description == DESCRIPTION
    assert_same_parameters(loaded.params, model.params)
    assert [path.name for path in tmp_path.iterdir()] == ["model.h5"]


def test_a_file_knows_how_wide_its_network_is(tmp_path: Path, model: Model) -> None:
    assert model.widths == VGG16_WIDTHS
    save_model(tmp_path / "narrow.h5", threshold_model())
    narrow = load_model(tmp_path / "narrow.h5")
    assert narrow.widths[:4] == WIDTHS[:4]
    assert SegmentationNetwork(widths=narrow.widths) != SegmentationNetwork(widths=model.widths)


def test_layers_that_do_not_fit_together_are_named(tmp_path: Path) -> None:
    model = threshold_model()
    model.params["conv2_1"] = {
        "kernel": np.zeros((3, 3, 2, 9), np.float32), "bias": np.zeros(9, np.float32)
    }  # fmt: skip
    with pytest.raises(WeightsError, match=r"conv2_2/kernel") as refused:
        save_model(tmp_path / "model.h5", model)
    assert "conv2_1" not in str(refused.value)


def test_half_storage_comes_back_as_float32(saved: Path, model: Model) -> None:
    rounded = {
        layer: {name: array.astype(np.float16).astype(np.float32) for name, array in names.items()}
        for layer, names in model.params.items()
    }
    assert_same_parameters(load_model(saved).params, rounded)


def test_the_file_is_plain_hdf5_and_the_same_for_the_same_model(
    tmp_path: Path, saved: Path, model: Model
) -> None:
    with h5py.File(saved) as file:
        assert file["conv1_2/bias"].dtype == np.float16
        assert file.attrs["format"] == b"brainfcn_jax.model"
        assert file.attrs["stages"] == 4
    save_model(tmp_path / "again.h5", model, storage="float16")
    assert (tmp_path / "again.h5").read_bytes() == saved.read_bytes()


def test_an_existing_file_is_overwritten_only_when_asked(tmp_path: Path, model: Model) -> None:
    path = tmp_path / "model.h5"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        save_model(path, model)
    assert path.read_text() == "mine"
    save_model(path, model, overwrite=True)
    assert load_model(path).description == DESCRIPTION


def test_a_failed_write_leaves_nothing(
    tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sealed_hdf5, "seal", full)
    with pytest.raises(OutputError, match="No space left"):
        save_model(tmp_path / "model.h5", model)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError, match="cannot be written"):
        save_model(tmp_path / "absent" / "model.h5", model)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e6])
def test_values_that_cannot_be_stored(tmp_path: Path, model: Model, bad: float) -> None:
    params = {**model.params, "fusion": {**model.params["fusion"]}}
    params["fusion"]["bias"] = np.full(OWN.classes, bad, np.float32)
    with pytest.raises(WeightsError, match="fusion/bias is not finite as float16"):
        save_model(tmp_path / "m.h5", Model(params, DESCRIPTION), storage="float16")
    assert list(tmp_path.iterdir()) == []


def test_parameters_of_another_network_are_not_written(tmp_path: Path, model: Model) -> None:
    changes: list[dict[str, Any]] = [
        {"stages": 5}, {"maps": 3}, {"labels": BRAIN}, {"slice_axis": "oblique"},
        {"people": "cats"}, {"contrasts": ()}, {"colours": "red"},
        {"labels": LabelTable(OWN[::-1])},
    ]  # fmt: skip
    for change in changes:
        other = dataclasses.replace(DESCRIPTION, **change)
        with pytest.raises(WeightsError, match="cannot hold this model"):
            save_model(tmp_path / "m.h5", Model(model.params, other))
