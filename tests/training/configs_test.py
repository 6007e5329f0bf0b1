"""Configs: each becomes settings, holds what the paper's table says, and can be overridden."""

import ast
import importlib.util
from pathlib import Path
from typing import Any

import pytest
from absl import flags
from ml_collections import ConfigDict, config_flags

from brainfcn_jax.synthesis.known_maps import HELD_OUT, HELD_OUT_NEWBORNS
from brainfcn_jax.training.run_folder import flat_settings
from brainfcn_jax.training.settings import Settings
from brainfcn_jax.training.settings_from_config import settings_from_config

CONFIGS = Path(__file__).parents[2] / "configs"
NAMES = (
    "adult_any", "adult_t1w", "brain", "exp1", "exp2", "exp3", "exp4", "finetune", "neonate_any",
    "neonate_t2w", "oasis", "testing",
)  # fmt: skip


def config_of(name: str) -> ConfigDict:
    """What `configs/NAME.py` returns, with a root."""
    spec = importlib.util.spec_from_file_location(name, CONFIGS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config: ConfigDict = module.get_config()
    config.data.root = "scans"
    if name == "brain":
        config.generator.heads_root = "maps"
        config.generator.newborns_root = "newborns"
    return config


def dotted(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """A config's values by their dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        section = isinstance(value, ConfigDict)
        flat |= dotted(value, f"{prefix}{key}.") if section else {f"{prefix}{key}": value}
    return flat


def settings_of(name: str) -> Settings:
    """The settings of `configs/NAME.py`."""
    return settings_from_config(config_of(name))


def test_all_configs_are_listed_here() -> None:
    assert sorted(path.stem for path in CONFIGS.glob("[!_]*.py")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_config_becomes_settings_and_records_its_experiment(name: str) -> None:
    assert isinstance(settings_of(name), Settings)
    docstring = ast.get_docstring(ast.parse((CONFIGS / f"{name}.py").read_text("utf-8"))) or ""
    command = f"Command: python run_train.py --config=configs/{name}.py --config.data.root="
    assert command in docstring
    assert "\nTime: " in docstring
    assert "\nResult: " in docstring


@pytest.mark.parametrize("name", NAMES)
def test_a_config_has_every_key_for_the_command_line_and_the_record(name: str) -> None:
    config = config_of(name)
    assert dotted(config).keys() == flat_settings(settings_from_config(config)).keys()


@pytest.mark.parametrize(
    ("name", "stages", "learning_rate", "people", "slice_axis", "subjects"),
    [
        ("exp1", 5, 1e-10, "newborns", "axial", 2),
        ("exp2", 5, 1e-10, "newborns", "coronal", 2),
        ("exp3", 5, 1e-10, "newborns", "coronal", 4),
        ("exp4", 4, 1e-8, "adults", "axial", 5),
    ],
)
def test_the_papers_experiments(
    name: str, stages: int, learning_rate: float, people: str, slice_axis: str, subjects: int
) -> None:
    settings = settings_of(name)
    assert (settings.network.stages, settings.network.maps) == (stages, 16)
    assert settings.network.start == "imagenet"
    assert settings.optimizer.name == "sgd"
    assert settings.optimizer.schedule == "constant"
    assert settings.optimizer.learning_rate == learning_rate
    assert (settings.optimizer.momentum, settings.optimizer.weight_decay) == (0.99, 0.005)
    assert (settings.training.steps, settings.training.images_per_step) == (100_000, 20)
    assert settings.training.loss == "sum"
    assert (settings.data.people, settings.data.slice_axis) == (people, slice_axis)
    assert settings.data.contrasts == (("T1w",) if people == "adults" else ("T2w",))
    assert not settings.data.find_brain
    assert (settings.data.equalise, settings.data.mask_slice) == ("volume", "middle")
    assert len(settings.data.train) == subjects


def test_exp3_trains_on_both_slice_directions() -> None:
    data = settings_of("exp3").data
    axes = dict(zip(data.train, data.train_slice_axes, strict=True))
    assert all(name.startswith(axis) for name, axis in axes.items())
    assert sorted(axes.values()) == ["axial", "axial", "coronal", "coronal"]


def test_oasis_holds_two_subjects_out() -> None:
    data = settings_of("oasis").data
    assert data.validation == ("1007", "1036")
    assert data.train == ()
    assert data.train_subjects == 5


def test_the_adult_model_never_sees_the_held_out_heads() -> None:
    settings = settings_of("adult_t1w")
    assert settings.generator is not None
    assert settings.generator.held_out == HELD_OUT
    assert settings.generator.maps == ()
    assert settings.generator.real_fraction == 0
    assert (settings.network.stages, settings.data.people) == (4, "adults")
    assert settings.data.contrasts == ("T1w",)
    assert settings.data.find_brain
    assert "SynthSeg" in settings.licence


def test_the_newborn_model_never_sees_weeks_31_and_33() -> None:
    settings = settings_of("neonate_t2w")
    assert settings.generator is not None
    assert settings.data.validation == ("GA31_operated", "GA33_operated")
    assert len(set(settings.generator.maps)) == 14
    assert settings.generator.held_out == HELD_OUT_NEWBORNS
    assert not set(settings.generator.maps) & set(HELD_OUT_NEWBORNS)
    assert (settings.network.stages, settings.data.people) == (5, "newborns")
    assert settings.data.contrasts == ("T2w",)
    assert settings.data.find_brain
    assert "dHCP" in settings.licence


def test_fine_tuning_starts_from_a_model() -> None:
    settings = settings_of("finetune")
    assert settings.network.start == "model"
    assert settings.generator is None
    assert settings.optimizer.learning_rate < settings_of("oasis").optimizer.learning_rate


def settings_of_command(*overrides: str) -> Settings:
    """The settings of a command line, read the way `run_train.py` reads it."""
    command = ["run_train.py", f"--config={CONFIGS / 'exp4.py'}", *overrides]
    values = flags.FlagValues()
    holder = config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=command)
    values(command)
    return settings_from_config(holder.value)


def test_keys_are_overridden_on_the_command_line() -> None:
    settings = settings_of_command(
        "--config.data.root=MRBrainS13",
        "--config.optimizer.learning_rate=1e-9",
        "--config.data.train=('1', '2')",
        "--config.data.crop_to_head=True",
    )
    assert settings.data.root == "MRBrainS13"
    assert settings.optimizer.learning_rate == 1e-9
    assert settings.data.train == ("1", "2")
    assert settings.data.crop_to_head is True


def test_an_unknown_key_on_the_command_line_is_refused() -> None:
    with pytest.raises(AttributeError, match="lr"):
        settings_of_command("--config.data.root=MRBrainS13", "--config.optimizer.lr=1")
