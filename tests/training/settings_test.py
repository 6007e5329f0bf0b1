"""Settings: what is read, what is refused, and in which words."""

import dataclasses
from typing import Any

import pytest
from ml_collections import ConfigDict

from brainfcn_jax.errors import UsageError
from brainfcn_jax.training.settings import GeneratorSettings, Settings, settings_from_config


def good_values() -> dict[str, Any]:
    """A config with every key, as plain values."""
    return {
        "seed": 3,
        "data": {
            "root": "scans",
            "scan_pattern": "{subject}_T1w.nii.gz",
            "labels_pattern": "{subject}_dseg.nii.gz",
            "scheme": "tissues",
            "train": ("a", "b"),
            "train_subjects": 0,
            "train_slice_axes": ("axial", "coronal"),
            "validation": ["c"],
            "validation_root": "",
            "modality": "T1w",
            "slice_axis": "axial",
            "equalise": "head",
            "crop_to_head": True,
            "mask_slice": "largest",
        },
        "generator": {
            "kind": "newborn",
            "maps": ("m",),
            "held_out": ("h",),
            "heads_root": "heads",
            "shape": (16, 32, 48),
            "volumes_in_pool": 2,
            "slices_per_volume": 8,
            "brain_fraction": 1,
            "real_fraction": 0.5,
        },
        "network": {
            "stages": 4,
            "maps": 16,
            "precision": "float32",
            "start": "random",
            "vgg16_path": "",
            "model_path": "",
        },
        "optimizer": {
            "name": "sgd",
            "learning_rate": 1e-8,
            "schedule": "constant",
            "warmup_steps": 0,
            "momentum": 0.99,
            "weight_decay": 0,
        },
        "augmentation": {"rotation_degrees": 10, "scale_range": [0.9, 1], "mirror": False},
        "training": {
            "steps": 10,
            "images_per_step": 4,
            "images_per_microbatch": 2,
            "loss": "sum",
            "validate_every": 5,
            "checkpoint_every": 5,
            "log_every": 1,
            "launcher": "jit",
        },
        "licence": "",
    }


def config_with(key: str, value: Any) -> ConfigDict:
    """The good config with one value changed."""
    values = good_values()
    section, _, name = key.rpartition(".")
    (values[section] if section else values)[name] = value
    return ConfigDict(values)


def refusal(config: ConfigDict) -> str:
    """The message with which `config` is refused."""
    with pytest.raises(UsageError) as refused:
        settings_from_config(config)
    return str(refused.value)


def test_every_value_arrives() -> None:
    settings = settings_from_config(ConfigDict(good_values()))
    expected = good_values()
    expected["data"]["validation"] = ("c",)
    expected["augmentation"]["scale_range"] = (0.9, 1.0)
    assert dataclasses.asdict(settings) == expected


def test_whole_numbers_become_floats_and_lists_tuples() -> None:
    settings = settings_from_config(ConfigDict(good_values()))
    assert type(settings.optimizer.weight_decay) is float
    assert type(settings.augmentation.rotation_degrees) is float
    assert settings.augmentation.scale_range == (0.9, 1.0)
    assert settings.data.validation == ("c",)


def test_a_locked_config_is_read() -> None:
    config = ConfigDict(good_values()).lock()
    assert settings_from_config(config).seed == 3


def test_settings_are_frozen_and_hashable() -> None:
    settings = settings_from_config(ConfigDict(good_values()))
    assert isinstance(hash(settings), int)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.seed = 4  # type: ignore[misc]


def test_unknown_and_missing_keys_are_named_at_once() -> None:
    values = good_values()
    values["optimizer"]["lr"] = values["optimizer"].pop("learning_rate")
    values["colour"] = "red"
    del values["licence"]
    message = refusal(ConfigDict(values))
    assert "unknown key 'colour'" in message
    assert "unknown key 'optimizer.lr'" in message
    assert "missing key 'optimizer.learning_rate'" in message
    assert "missing key 'licence'" in message
    assert "\n" not in message


def test_a_missing_section_is_one_missing_key() -> None:
    values = good_values()
    del values["network"]
    assert refusal(ConfigDict(values)).endswith("cannot be used: missing key 'network'")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", True, "'seed' must be a whole number, found True"),
        ("seed", 1.0, "'seed' must be a whole number, found 1.0"),
        ("network.stages", 3, "'network.stages' must be 4 or 5, found 3"),
        ("network", 7, "'network' must be a section of keys, found 7"),
        ("data.root", None, "'data.root' must be text, found None"),
        ("data.crop_to_head", 1, "'data.crop_to_head' must be True or False, found 1"),
        ("data.slice_axis", "z", "must be 'axial' or 'coronal' or 'sagittal', found 'z'"),
        ("data.train", "a", "must be a tuple of any number of values, each text, found 'a'"),
        ("data.train", ("a", 1), "each text, found ('a', 1)"),
        ("optimizer.learning_rate", float("nan"), "must be a number, found nan"),
        ("optimizer.learning_rate", "1e-8", "must be a number, found '1e-8'"),
        ("seed", 2**31, "must be a whole number, found 2147483648 (at most 2147483647)"),
        ("optimizer.learning_rate", 10**400, "(at most 1e+30)"),
        ("augmentation.scale_range", (1, 10**5000), "found what is too large to show"),
        ("data.root", ["r"] * 10_000, "'r',..."),
        ("augmentation.scale_range", (1.0,), "must be a tuple of 2 values, each a number"),
    ],
)
def test_wrong_types_are_named(key: str, value: Any, words: str) -> None:
    assert words in refusal(config_with(key, value))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", -1, "seed must be 0 or more"),
        ("network.maps", 257, "network.maps must lie in 1..256"),
        ("augmentation.scale_range", (1.0, 1e9), "must be two numbers in 0.1..10"),
        ("training.images_per_step", 10_001, "training.images_per_step must lie in 1..10000"),
        ("generator.shape", (16, 32, 2048), "generator.shape must be multiples of 16 in 16..1024"),
        ("network.maps", 0, "network.maps must lie in 1..256"),
        ("network.start", "model", "network.model_path names none"),
        ("network.model_path", "m.h5", "network.start is 'model'"),
        ("generator.maps", ["h", "m"], "generator.maps and generator.held_out share h"),
        ("generator.kind", "adult", "generator.heads_root is for generator.kind 'newborn'"),
        ("generator.shape", (16, 32, 50), "generator.shape must be multiples of 16"),
        ("generator.volumes_in_pool", 0, "generator.volumes_in_pool must lie in 1..10000"),
        ("generator.slices_per_volume", 0, "generator.slices_per_volume must be 1 or more"),
        ("generator.brain_fraction", 1.5, "generator.brain_fraction must lie in 0..1"),
        ("generator.real_fraction", 1.0, "generator.real_fraction must be 0 or more and below 1"),
        ("generator.real_fraction", 0.0, "choose scans, but generator.real_fraction is 0"),
        ("optimizer.learning_rate", 0.0, "optimizer.learning_rate must be above 0"),
        ("optimizer.warmup_steps", 11, "optimizer.warmup_steps must lie in 0..training.steps"),
        ("optimizer.momentum", 1.0, "optimizer.momentum must be at least 0 and below 1"),
        ("optimizer.weight_decay", -0.1, "optimizer.weight_decay must be 0 or more"),
        ("augmentation.rotation_degrees", -1.0, "augmentation.rotation_degrees must lie in"),
        ("augmentation.scale_range", [1.1, 0.9], "smallest first"),
        ("training.steps", 0, "training.steps must be 1 or more"),
        ("training.images_per_microbatch", 5, "must lie in 1..training.images_per_step"),
        ("training.validate_every", 0, "training.validate_every must be 1 or more"),
        ("training.checkpoint_every", 0, "training.checkpoint_every must be 1 or more"),
        ("training.log_every", 0, "training.log_every must be 1 or more"),
        ("data.root", "", "name the folder with --config.data.root=FOLDER"),
        ("data.scan_pattern", "T1.nii", "data.scan_pattern must hold '{subject}'"),
        ("data.labels_pattern", "T1.nii", "data.labels_pattern must hold '{subject}'"),
        ("data.scheme", "brodmann", "data.scheme must be one of tissues"),
        ("data.validation", ["b", "c"], "data.train and data.validation share b"),
        ("data.train_subjects", -1, "data.train_subjects must be 0 (all) or more"),
        ("data.train_subjects", 3, "data.train_subjects is 3, but data.train names 2"),
        ("data.train_slice_axes", ("axial",), "names 1 axes for the 2 subjects"),
    ],
)
def test_values_that_make_no_sense_are_refused(key: str, value: Any, words: str) -> None:
    assert words in refusal(config_with(key, value))


@pytest.mark.parametrize("key", ["slice_axis", "train_slice_axes"])
def test_sagittal_slices_are_not_mirrored(key: str) -> None:
    values = good_values()
    values["data"][key] = "sagittal" if key == "slice_axis" else ("axial", "sagittal")
    assert settings_from_config(ConfigDict(values))
    values["augmentation"]["mirror"] = True
    assert "mirror would turn sagittal slices front to back" in refusal(ConfigDict(values))


def test_train_subjects_may_exceed_names_that_are_still_to_be_found() -> None:
    values = good_values()
    values["data"] |= {"train": (), "train_slice_axes": (), "train_subjects": 15}
    assert settings_from_config(ConfigDict(values)).data.train_subjects == 15


def test_without_a_generator_there_is_none() -> None:
    values = good_values() | {"generator": None}
    assert settings_from_config(ConfigDict(values)).generator is None


def test_a_generators_keys_are_read_as_strictly() -> None:
    values = good_values()
    values["generator"]["colour"] = values["generator"].pop("kind")
    message = refusal(ConfigDict(values))
    assert "unknown key 'generator.colour'" in message
    assert "missing key 'generator.kind'" in message
    assert "must be a section of keys or None" in refusal(
        ConfigDict(good_values() | {"generator": 3})
    )


def test_every_section_describes_its_keys() -> None:
    sections = [Settings, GeneratorSettings]
    for section in [*sections, *(field.type for field in dataclasses.fields(Settings))]:
        if not dataclasses.is_dataclass(section):
            continue
        for field in dataclasses.fields(section):
            assert f"\n        {field.name}: " in (section.__doc__ or ""), (section, field.name)
