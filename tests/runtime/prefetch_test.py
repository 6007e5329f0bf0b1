"""Work in the background: order, errors, a bounded lead, a clean end."""

import threading
import time
from collections.abc import Iterator

import pytest

from brainfcn_jax.runtime.background import prefetch


def test_the_same_items_in_the_same_order() -> None:
    with prefetch(iter(range(50))) as items:
        assert list(items) == list(range(50))


def test_no_more_than_asked_are_made_ahead() -> None:
    made: list[int] = []

    def count() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with prefetch(count(), ahead=2) as items:
        assert next(items) == 0
        time.sleep(0.3)
        assert len(made) <= 4  # one taken, two ready, one waiting for its place


def test_an_error_comes_where_its_item_would_have_come() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("no second item")

    with prefetch(fail()) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="no second item"):
            next(items)


def test_leaving_early_stops_the_thread() -> None:
    def endless() -> Iterator[int]:
        while True:
            yield 0

    before = threading.active_count()
    with prefetch(endless()) as items:
        next(items)
    assert threading.active_count() == before
