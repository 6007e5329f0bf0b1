"""How long the rest of a run will take, without the compilation and without validations."""

import pytest

from brainfcn_jax.training.time_left import TimeLeft, in_words


def test_the_first_step_is_compilation_and_the_others_are_timed() -> None:
    time_left = TimeLeft(104)
    compiled = 60.0  # when the first step was done
    left = [time_left.after(step, compiled + 4 * (step - 1)) for step in range(1, 5)]
    assert left == [None, 4 * 102, 4 * 101, 4 * 100]
    assert time_left.after(104, compiled + 4 * 103) == 0


def test_the_time_of_a_validation_is_not_that_of_steps() -> None:
    time_left = TimeLeft(104)
    time_left.after(1, 0.0)
    time_left.after(2, 4.0)
    time_left.paused(1000.0)
    time_left.after(3, 1008.0)
    assert time_left.after(4, 1012.0) == 400.0


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (99.0, "99 s"), (100.0, "2 min"), (12_600.0, "3.5 h")]
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
