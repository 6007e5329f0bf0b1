"""Settings: what is read, what is refused, and in which words."""

import dataclasses
from typing import Any, get_args, get_type_hints

import pytest
from ml_collections import ConfigDict

from brainfcn_jax.errors import UsageError
from brainfcn_jax.schemes import SCHEMES
from brainfcn_jax.training.settings import Settings, TissueGeneratorSettings, experiment
from brainfcn_jax.training.settings_from_config import settings_from_config

GOOD_DATA: dict[str, Any] = {
    "root": "scans",
    "scan_pattern": "{subject}_T1w.nii.gz",
    "labels_pattern": "{subject}_dseg.nii.gz",
    "label_table": "",
    "scheme": "tissues",
    "train": ("a", "b"),
    "train_subjects": 0,
    "train_slice_axes": ("axial", "coronal"),
    "validation": ["c"],
    "validation_root": "",
    "people": "adults",
    "contrasts": ("T1w", "T2w"),
    "find_brain": True,
    "colours": "neighbours",
    "slice_axis": "axial",
    "equalise": "head",
    "crop_to_head": True,
    "mask_slice": "largest",
}


def good_values() -> dict[str, Any]:
    """A config with every key, as plain values."""
    return {
        "seed": 3,
        "data": {**GOOD_DATA},
        "generator": {
            "kind": "newborn",
            "maps": ("m",),
            "held_out": ("h",),
            "heads_root": "heads",
            "shape": (16, 32, 48),
            "volumes_in_pool": 2,
            "slices_per_volume": 8,
            "thick_fraction": 0.5,
            "brain_fraction": 1,
            "real_fraction": 0.5,
        },
        "network": {
            "stages": 4,
            "maps": 16,
            "narrowing": 1,
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
        "augmentation": {
            "rotation_degrees": 10,
            "scale_range": [0.9, 1],
            "mirror": False,
            "remapped_fraction": 0.25,
        },
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
    assert settings_from_config(ConfigDict(good_values()).lock()).seed == 3


def test_settings_are_frozen_and_hashable() -> None:
    settings = settings_from_config(ConfigDict(good_values()))
    assert isinstance(hash(settings), int)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.seed = 4  # type: ignore[misc]


def test_unknown_keys_and_wrong_values_are_named_at_once() -> None:
    values = good_values()
    values["optimizer"]["lr"] = values["optimizer"].pop("learning_rate")
    values["optimizer"]["momentum"] = 1.0
    values["colour"] = "red"
    values["seed"] = "3"
    message = refusal(ConfigDict(values))
    assert "unknown key 'colour'" in message
    assert "unknown key 'optimizer.lr' (known here: name, learning_rate, schedule" in message
    assert "'optimizer.momentum' must be a number" in message
    assert "'seed' must be a whole number of 0 or more, found '3'" in message
    assert "\n" not in message


def test_what_a_config_does_not_say_is_the_default() -> None:
    settings = settings_from_config(ConfigDict({"data": {"root": "scans"}}))
    assert settings.data.root == "scans"
    assert dataclasses.replace(settings, data=Settings().data) == Settings()


def test_an_experiment_says_what_differs_and_shows_every_key() -> None:
    config = experiment(seed=7, data={"root": "scans", "people": "newborns"})
    expected = dataclasses.asdict(Settings())
    expected["seed"] = 7
    expected["data"] |= {"root": "scans", "people": "newborns"}
    assert config.to_dict() == expected


def test_an_experiments_generator_has_defaults_too() -> None:
    config = experiment(generator={"kind": "newborn"})
    expected = dataclasses.asdict(TissueGeneratorSettings(kind="newborn"))
    assert config.generator.to_dict() == expected


def test_a_key_that_an_experiment_gets_wrong_is_named_with_all_others() -> None:
    config = experiment(data={"root": "scans", "rot": 1}, colour="red")
    message = refusal(config)
    assert "unknown key 'data.rot'" in message
    assert "unknown key 'colour'" in message


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", True, "'seed' must be a whole number of 0 or more, found True"),
        ("seed", 1.0, "'seed' must be a whole number of 0 or more, found 1.0"),
        ("network.stages", 3, "'network.stages' must be 4 or 5, found 3"),
        ("network", 7, "'network' must be a section of keys, found 7"),
        ("data.root", None, "'data.root' must be text, found None"),
        ("data.crop_to_head", 1, "'data.crop_to_head' must be True or False, found 1"),
        ("data.slice_axis", "z", "must be 'sagittal' or 'coronal' or 'axial' or 'all', found 'z'"),
        ("data.people", "adult", "'adults' or 'newborns' or 'anyone', found 'adult'"),
        ("data.contrasts", ("t1w",), "'T1w' or 'T2w' or 'FLAIR' or 'PDw', found ('t1w',)"),
        ("data.contrasts", "T1w", "a tuple of any number of values, each 'T1w' or"),
        ("data.train", "a", "must be a tuple of any number of values, each text, found 'a'"),
        ("data.train", ("a", 1), "each text, found ('a', 1)"),
        ("optimizer.learning_rate", float("nan"), "must be a number above 0, found nan"),
        ("optimizer.learning_rate", "1e-8", "must be a number above 0, found '1e-8'"),
        (
            "seed",
            2**31,
            "of 0 or more, found 2147483648 (at most 2147483647)",
        ),
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
        ("seed", -1, "a whole number of 0 or more"),
        ("data.scan_pattern", "T1.nii", "text that holds '{subject}'"),
        ("data.labels_pattern", "T1.nii", "text that holds '{subject}'"),
        ("data.scheme", "brodmann", f"text that is empty or one of {', '.join(SCHEMES)}"),
        ("data.train_subjects", -1, "a whole number of 0 or more"),
        ("network.maps", 0, "a whole number in 1..256"),
        ("network.maps", 257, "a whole number in 1..256"),
        ("generator.volumes_in_pool", 0, "a whole number in 1..10000"),
        ("generator.slices_per_volume", 0, "a whole number of 1 or more"),
        ("generator.brain_fraction", 1.5, "a number in 0..1"),
        ("generator.real_fraction", 1.0, "a number of at least 0 and below 1"),
        ("optimizer.learning_rate", 0.0, "a number above 0"),
        ("optimizer.warmup_steps", -1, "a whole number of 0 or more"),
        ("optimizer.momentum", 1.0, "a number of at least 0 and below 1"),
        ("optimizer.weight_decay", -0.1, "a number of 0 or more"),
        ("augmentation.rotation_degrees", -1.0, "a number in 0..180"),
        ("training.steps", 0, "a whole number of 1 or more"),
        ("training.images_per_step", 10_001, "a whole number in 1..10000"),
        ("training.images_per_microbatch", 0, "a whole number in 1..10000"),
        ("training.validate_every", 0, "a whole number of 1 or more"),
        ("training.checkpoint_every", 0, "a whole number of 1 or more"),
        ("training.log_every", 0, "a whole number of 1 or more"),
    ],
)
def test_a_value_out_of_range_is_told_its_range(key: str, value: Any, words: str) -> None:
    assert refusal(config_with(key, value)).endswith(f"'{key}' must be {words}, found {value!r}")


@pytest.mark.parametrize("shape", [(16, 32, 2048), (16, 32, 50)])
def test_images_are_as_large_as_the_network_takes_them(shape: tuple[int, ...]) -> None:
    words = f"3 values, each a whole number in 16..1024 and a multiple of 16, found {shape}"
    assert words in refusal(config_with("generator.shape", shape))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("network.start", "model", "network.model_path names none"),
        ("network.model_path", "m.h5", "network.start is 'model'"),
        ("generator.maps", ["h", "m"], "generator.maps and generator.held_out share h"),
        ("generator.kind", "adult", "generator.heads_root is for newborns"),
        ("generator.real_fraction", 0.0, "choose scans, but generator.real_fraction is 0"),
        ("augmentation.scale_range", (1.0, 1e9), "2 values, each a number in 0.1..10, found"),
        ("augmentation.scale_range", [1.1, 0.9], "smallest first"),
        ("training.images_per_microbatch", 5, "must lie in 1..training.images_per_step"),
        ("data.label_table", "dseg.tsv", "a generator makes the seven tissues"),
        ("data.contrasts", (), "data.contrasts is empty; name what the scans show"),
        ("data.root", "", "name the folder with --config.data.root=FOLDER"),
        ("data.validation", ["b", "c"], "data.train and data.validation share b"),
        ("data.train_subjects", 3, "data.train_subjects is 3, but data.train names 2"),
        ("data.train_slice_axes", ("axial",), "names 1 axes for the 2 subjects"),
    ],
)
def test_values_that_make_no_sense_are_refused(key: str, value: Any, words: str) -> None:
    assert words in refusal(config_with(key, value))


def test_a_run_shorter_than_its_warm_up_is_told_which_two_keys_to_change() -> None:
    message = refusal(experiment(data={"root": "scans"}, training={"steps": 50}))
    assert "training.steps is 50, less than the 100 steps of the warm-up" in message
    assert "--config.optimizer.warmup_steps=5" in message


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


def test_every_section_describes_its_keys() -> None:
    sections = [type(value) for value in vars(Settings()).values()]
    described = [section for section in sections if dataclasses.is_dataclass(section)]
    assert len(described) == 5
    for section in [Settings, *get_args(get_type_hints(Settings)["generator"])[:2], *described]:
        words = "".join(kind.__doc__ or "" for kind in section.__mro__)
        for field in dataclasses.fields(section):
            assert f"\n        {field.name}: " in words, (section, field.name)
