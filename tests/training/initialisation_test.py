"""Training that starts from a trained model: its numbers, its means, and what does not fit."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from support import threshold_model
from support.narrow import network_and_params
from support.threshold_model import WIDTHS
from support.tiny_scans import tiny_settings, write_pairs
from training.cheap_step import launch_cheaply

from brainfcn_jax.errors import OutputError, UsageError, WeightsError
from brainfcn_jax.labels import BRAIN, TISSUES, LabelTable
from brainfcn_jax.network.fcn import VGG16_WIDTHS
from brainfcn_jax.network.model_file import Model, load_model, save_model
from brainfcn_jax.network.shipped_models import FINDER, shipped_file
from brainfcn_jax.training.initialisation import initial_params, starting_model
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.run import make_recipe
from brainfcn_jax.training.settings import Settings, experiment
from brainfcn_jax.training.settings_from_config import settings_from_config

MEANS = (61.5, 62.25, 63.125)
DESCRIPTION = dataclasses.replace(
    threshold_model.DESCRIPTION,
    channel_means=MEANS,
    spacing_mm=(1.0, 1.0, 1.0),
    licence="Apache-2.0, shipped.",
    training="before",
)


def save(path: Path, **changes: Any) -> Path:
    """A weight file of a narrow network."""
    _, params = network_and_params()
    model = Model(jax.device_get(params), dataclasses.replace(DESCRIPTION, **changes))
    save_model(path, model)
    return path


def settings_for(root: Path, model: Path, **changes: Any) -> Settings:
    """Settings that start from a model."""
    return tiny_settings(
        root,
        network__start="model",
        network__model_path=str(model),
        **{"network__maps": 2, "data__validation": (), "training__steps": 2} | changes,
    )


def test_other_starts_have_no_model() -> None:
    assert starting_model(tiny_settings(Path("scans"))) is None


def test_the_models_numbers_are_where_training_starts(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, save(tmp_path / "model.h5"))
    model = starting_model(settings)
    assert model is not None
    network, expected = network_and_params()
    params = initial_params(jax.random.key(0), settings.network, network, model)
    jax.tree.map(np.testing.assert_array_equal, params, expected)


def test_means_and_widths_are_those_of_the_model_or_of_the_scans_and_vgg16(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path, save(tmp_path / "model.h5"))
    scans_means = (1.0, 2.0, 3.0)
    anew = make_recipe(settings, scans_means)
    assert anew.channel_means == scans_means
    assert anew.network.widths == VGG16_WIDTHS
    tuned = make_recipe(settings, scans_means, starting_model(settings))
    assert tuned.channel_means == MEANS
    assert tuned.network.widths[:4] == WIDTHS[:4]


def test_all_that_differs_is_named_with_the_flag_that_mends_it(tmp_path: Path) -> None:
    model = save(tmp_path / "model.h5", slice_axis="coronal", equalise="volume")
    with pytest.raises(UsageError) as refused:
        starting_model(settings_for(tmp_path, model, network__stages=5, network__maps=16))
    for words in (
        "--config.network.stages=4",
        "--config.network.maps=2",
        "data.slice_axis is coronal there and axial here",
        "--config.data.equalise=volume",
    ):
        assert words in str(refused.value)


def test_all_directions_may_follow_one_and_one_all(tmp_path: Path) -> None:
    one, every = save(tmp_path / "one.h5"), save(tmp_path / "all.h5", slice_axis="all")
    assert starting_model(settings_for(tmp_path, every)) is not None
    wanted = {"data__slice_axis": "all", "augmentation__mirror": False}
    assert starting_model(settings_for(tmp_path, one, **wanted)) is not None


def test_other_labels_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    renamed = LabelTable((dataclasses.replace(TISSUES[0], name="other"), *TISSUES[1:]))
    with pytest.raises(UsageError, match="its labels are other, basal"):
        starting_model(settings_for(tmp_path, save(tmp_path / "other.h5", labels=renamed)))
    with pytest.raises(WeightsError, match=r"none\.h5"):
        starting_model(settings_for(tmp_path, tmp_path / "none.h5"))


def test_what_finds_the_brain_starts_from_what_finds_it(tmp_path: Path) -> None:
    generator = {
        "kind": "brain",
        "heads_root": "maps",
        "size": 32,
        "slices_per_volume": 63,
    }
    network = {"start": "model", "stages": 5, "maps": 8, "model_path": str(shipped_file(FINDER))}
    finders = experiment(data={"root": "heads"}, generator=generator, network=network)
    model = starting_model(settings_from_config(finders))
    assert model is not None
    assert model.description.labels == BRAIN
    finders.network.model_path = str(save(tmp_path / "tissues.h5"))
    with pytest.raises(UsageError, match="its labels are cortical"):
        starting_model(settings_from_config(finders))
    with pytest.raises(UsageError, match="its labels are brain"):
        starting_model(settings_for(tmp_path, shipped_file(FINDER)))


def test_fine_tuning_keeps_the_means_and_the_licence_and_leaves_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brainfcn_jax.training.run.launch", launch_cheaply)
    root = write_pairs(tmp_path / "scans", ("sub-01",))
    model = save(tmp_path / "model.h5")
    before = model.read_bytes()
    settings = settings_for(root, model)
    workdir = train(settings, tmp_path / "run")
    tuned = load_model(workdir.last)
    assert tuned.description.channel_means == MEANS
    assert tuned.description.licence.endswith("Started from: Apache-2.0, shipped.")
    assert str(model) not in tuned.description.training
    assert not np.array_equal(
        tuned.params["fusion"]["kernel"], load_model(model).params["fusion"]["kernel"]
    )
    assert model.read_bytes() == before
    with pytest.raises(OutputError, match="not of a training run"):
        train(settings, root)
