"""A short spell of what fuzz.py does for hours, and the inputs that it once found."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from commands.train_test import run
from fuzzing.fuzz_targets import TARGETS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ml_collections import ConfigDict
from support.tiny_scans import CONFIGS
from training.settings_test import good_values

from brainfcn_jax.errors import UsageError
from brainfcn_jax.training.settings_from_config import settings_from_config


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_surprises(name: str) -> None:
    with TemporaryDirectory() as folder:

        @settings(
            max_examples=60,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(st.binary(max_size=80))
        def attempt(data: bytes) -> None:
            TARGETS[name](data, Path(folder))

        attempt()


def test_a_flag_of_thousands_of_letters_is_not_shown_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(f"--config={CONFIGS / 'testing.py'}", f"--config.seed={'x' * 9999}") == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--config.seed=xxx" in said
    assert len(said) < 1000


def test_an_unknown_key_of_two_lines_is_told_in_one() -> None:
    with pytest.raises(UsageError, match=r"unknown key 'a\\nb' \(known here"):
        settings_from_config(ConfigDict({**good_values(), "a\nb": 1}))
