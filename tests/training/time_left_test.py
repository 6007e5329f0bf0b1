"""How long a run will take is told once, soon after its start, without the compilation."""

import pytest

from brainfcn_jax.training.time_left import TimeLeft, in_words


def test_a_run_of_fine_tuning_says_after_three_steps_how_long_it_will_take() -> None:
    time_left = TimeLeft(1200)
    compiled = 60.0  # when the first step was done
    lines = [time_left.after(step, compiled + 4 * (step - 1)) for step in range(1, 9)]
    said = "the 1196 steps left will take about 80 min"
    assert lines == [None, None, None, said, None, None, None, None]


def test_fast_steps_are_timed_for_ten_seconds() -> None:
    time_left = TimeLeft(4500)
    lines = {step: time_left.after(step, 5 + 0.125 * (step - 1)) for step in range(1, 4501)}
    said = {step: line for step, line in lines.items() if line}
    assert said == {81: "the 4419 steps left will take about 9 min"}


def test_the_time_of_a_validation_is_not_that_of_steps() -> None:
    time_left = TimeLeft(104)
    time_left.after(1, 0.0)
    time_left.after(2, 4.0)
    time_left.paused(1000.0)
    time_left.after(3, 1008.0)
    assert time_left.after(4, 1012.0) == "the 100 steps left will take about 7 min"


def test_nothing_is_said_at_the_end() -> None:
    time_left = TimeLeft(4)
    assert [time_left.after(step, 10.0 * step) for step in range(1, 5)] == [None] * 4


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (99.0, "99 s"), (100.0, "2 min"), (12_600.0, "3.5 h")]
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
