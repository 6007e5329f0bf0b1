"""Settings of a generator: none, and keys read as strictly as all others."""

from ml_collections import ConfigDict
from training.settings_test import good_values, refusal

from brainfcn_jax.training.settings_from_config import settings_from_config


def test_without_a_generator_there_is_none() -> None:
    values = good_values() | {"generator": None}
    assert settings_from_config(ConfigDict(values)).generator is None


def test_a_generators_keys_are_read_as_strictly() -> None:
    values = good_values()
    values["generator"]["colour"] = values["generator"].pop("kind")
    message = refusal(ConfigDict(values))
    assert "unknown key 'generator.colour'" in message
    assert "must be a section of keys or None" in refusal(
        ConfigDict(good_values() | {"generator": 3})
    )
