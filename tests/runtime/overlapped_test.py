"""Steps that overlap."""

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from typing import ClassVar

import pytest

from brainfcn_jax.runtime import background
from brainfcn_jax.runtime.background import overlapped


def test_items_come_out_in_order_with_what_the_last_step_gave() -> None:
    def slow_first(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)
        return number * 10

    found = list(overlapped(range(5), (slow_first, lambda ten: ten + 1)))
    assert [(done.item, done.value, done.error) for done in found] == [
        (number, number * 10 + 1, None) for number in range(5)
    ]


def test_nothing_in_nothing_out() -> None:
    assert list(overlapped([], (lambda item: item,))) == []


def test_no_thread_outlives_the_last_item() -> None:
    before = set(threading.enumerate())

    class Slow:
        """What takes a while to free, as arrays on a device may."""

        def __call__(self, number: int) -> int:
            return number

        def __del__(self) -> None:
            time.sleep(0.1)

    assert len(list(overlapped(range(3), (Slow(), Slow())))) == 3
    assert set(threading.enumerate()) <= before


def test_an_error_ends_its_own_item_only() -> None:
    written: list[int] = []

    def fail_on_two(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    found = list(overlapped(range(4), (fail_on_two, written.append)))
    assert [str(done.error or "") for done in found] == ["", "", "two", ""]
    assert written == [0, 1, 3]


def test_steps_work_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=5)

    def first(number: int) -> int:
        if number > 0:
            meeting.wait()  # for the item before, in the second step
        return number

    def second(number: int) -> int:
        if number < 3:
            meeting.wait()  # for the item after, in the first step
        return number

    found = list(overlapped(range(4), (first, second)))
    assert [done.error for done in found] == [None] * 4


class Large:
    """Something whose copies are counted."""

    alive: ClassVar[weakref.WeakSet["Large"]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.alive.add(self)


def test_what_is_under_way_does_not_grow_with_the_number_of_items() -> None:
    most = 0

    def read(_: int) -> Large:
        return Large()

    def write(large: Large) -> None:
        nonlocal most
        most = max(most, len(Large.alive))

    for _ in overlapped(range(40), (read, lambda large: large, write)):
        time.sleep(0.001)
    assert most <= 3
    assert len(Large.alive) == 0


def test_closing_lets_the_last_step_end_and_begins_no_other() -> None:
    begun, ended, writing = [], [], threading.Event()

    def write(number: int) -> None:
        begun.append(number)
        writing.set()
        time.sleep(0.1)
        ended.append(number)

    with contextlib.closing(overlapped(range(100), (lambda n: n, write))) as found:
        next(found)
        writing.clear()
        writing.wait(5)
    assert begun == ended
    assert len(begun) < 5


def test_closing_never_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LAST_STEP_SECONDS", 0.1)
    released = threading.Event()
    waited_for = overlapped(range(3), (lambda n: n, lambda n: n and released.wait(10)))
    next(waited_for)
    time.sleep(0.05)
    start = time.perf_counter()
    waited_for.close()
    assert time.perf_counter() - start < 2
    released.set()


def test_an_interrupt_reaches_the_user_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LAST_STEP_SECONDS", 0.1)

    def interrupted() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(overlapped(interrupted(), (lambda n: n,)))
