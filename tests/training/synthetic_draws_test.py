"""Which generated slices come when: every one once, from many volumes, at an even pace."""

import numpy as np
import pytest

from brainfcn_jax.training.generated_pool import choose_slices, draw, shares


def test_lanes_take_turns_and_go_on_with_new_volumes() -> None:
    draws = [draw(number, slots=2, slices=4) for number in range(14)]
    assert [d.slot for d in draws] == [0, 1] * 7
    # Slot 0 reads 0..3 of volume 0; slot 1 starts in the middle of volume 1.
    assert [(d.volume, d.place) for d in draws[::2]] == [
        (0, 0), (0, 1), (0, 2), (0, 3), (2, 0), (2, 1), (2, 2),
    ]  # fmt: skip
    assert [(d.volume, d.place) for d in draws[1::2]] == [
        (1, 2), (1, 3), (3, 0), (3, 1), (3, 2), (3, 3), (5, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("slots", "slices"), [(1, 5), (3, 7), (8, 8), (12, 56)])
def test_no_slice_comes_twice_and_volumes_are_needed_at_an_even_pace(
    slots: int, slices: int
) -> None:
    draws = [draw(number, slots, slices) for number in range(6 * slots * slices)]
    assert len(set(draws)) == len(draws)
    changes = [
        number
        for number in range(slots, len(draws))
        if draws[number].volume != draws[number - slots].volume
    ]
    assert np.abs(np.diff(changes) - slices).max() <= 2 * slots
    for number in changes:
        assert draws[number].volume % slots == draws[number].slot


@pytest.mark.parametrize("fraction", [0.0, 0.125, 0.3, 0.9])
def test_a_steps_shares_go_on_where_the_last_ended(fraction: float) -> None:
    real_count = generated_count = 0
    for step in range(50):
        real, generated = shares(step, 4, fraction)
        assert len(real) + len(generated) == 4
        assert (real.start, generated.start) == (real_count, generated_count)
        real_count, generated_count = real.stop, generated.stop
    assert real_count == int(200 * fraction)


def test_slices_without_a_head_never_come_and_without_a_brain_seldom() -> None:
    place = np.arange(40)
    head, brain = place >= 10, place >= 25
    chosen = choose_slices(np.random.default_rng(0), head, brain, 20, brain_fraction=0.75)
    assert chosen.min() >= 10
    assert (chosen >= 25).sum() == 15
    assert len(set(chosen.tolist())) == 20


def test_too_few_slices_come_again() -> None:
    head = np.asarray([False, True, True, False])
    random = np.random.default_rng(0)
    only_brain = choose_slices(random, head, head, 5, 0.5)
    assert sorted(set(only_brain.tolist())) == [1, 2]
    no_brain = choose_slices(random, head, np.zeros(4, bool), 5, 0.5)
    assert sorted(set(no_brain.tolist())) == [1, 2]
    nothing = choose_slices(random, np.zeros(4, bool), np.zeros(4, bool), 8, 0.5)
    assert sorted(set(nothing.tolist())) == [0, 1, 2, 3]
