"""Work in the background: results made ahead, and steps of many items that overlap."""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")

_STOP_CHECK_SECONDS = 0.1

LAST_STEP_SECONDS = 3.0
"""How long an interrupted run waits for the last step, the writing, of what it has at hand."""


@dataclass(frozen=True)
class Done(Generic[Item]):
    """What became of one item.

    Attributes:
        item: the item.
        value: what the last step gave; None after an error.
        error: what a step raised; the steps after it were left out.
    """

    item: Item
    value: Any = None
    error: Exception | None = None


class _End:
    """What the background thread puts last: how the iterator ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextlib.contextmanager
def prefetch(items: Iterator[Item], ahead: int = 2) -> Iterator[Iterator[Item]]:
    """Yield the same items in order, made by a thread that keeps up to `ahead` of them ready.

    An error in making an item is raised where that item would have come. Leaving the context
    stops the thread.
    """
    ready: queue.Queue[Item | _End] = queue.Queue(maxsize=ahead)
    stopped = threading.Event()

    def put(item: Item | _End) -> None:
        while not stopped.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=_STOP_CHECK_SECONDS)
                return

    def work() -> None:
        try:
            for item in items:
                put(item)
                if stopped.is_set():
                    return
            put(_End(None))
        except BaseException as error:  # raised again in the thread that asked
            put(_End(error))

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        yield _taken(ready)
    finally:
        stopped.set()
        thread.join()


def _taken(ready: "queue.Queue[Item | _End]") -> Iterator[Item]:
    while not isinstance(item := ready.get(), _End):
        yield item
    if item.error is not None:
        raise item.error


def overlapped(
    items: Iterable[Item], steps: Sequence[Callable[[Any], Any]]
) -> Generator[Done[Item], None, None]:
    """Pass every item through the steps, each step in a thread of its own, and keep the order.

    A step gets what the step before gave, the first the item. As many items are under way as
    there are steps, so memory does not grow with their number. An exception in a step ends that
    item only. When all are through, so are the threads: what they held is freed before the program
    ends, which a thread that still frees arrays then would abort. When the iterator is closed, or
    its user is interrupted, no step is begun any more, and the last step is given
    `LAST_STEP_SECONDS` to end; the others are left to themselves.
    """
    line: _Line[Item] = _Line(steps)
    waiting, all_through = iter(items), False
    try:
        under_way = line.feed(islice(waiting, len(steps)))
        while under_way:
            done = line.take()
            under_way += line.feed(islice(waiting, 1)) - 1
            yield done
        all_through = True
    finally:
        line.stop(all_through)


class _Line(Generic[Item]):
    """The threads of the steps and the queues between them."""

    def __init__(self, steps: Sequence[Callable[[Any], Any]]) -> None:
        self._queues: list[queue.SimpleQueue[Done[Item] | None]] = [
            queue.SimpleQueue() for _ in range(len(steps) + 1)
        ]
        self._stopped = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._work, args=(step, *self._queues[index : index + 2]), daemon=True
            )
            for index, step in enumerate(steps)
        ]
        for thread in self._threads:
            thread.start()

    def feed(self, items: Iterable[Item]) -> int:
        """Put items before the first step, and return their number."""
        fed = [Done(item, value=item) for item in items]
        for waiting in fed:
            self._queues[0].put(waiting)
        return len(fed)

    def take(self) -> Done[Item]:
        """Return the next item that is through."""
        done = self._queues[-1].get()
        assert done is not None
        return done

    def stop(self, all_through: bool) -> None:
        """End the threads after what they have in hand; wait for all if none has anything.

        Else wait for the last one only.
        """
        self._stopped.set()
        for waiting in self._queues[:-1]:
            waiting.put(None)
        for thread in self._threads if all_through else self._threads[-1:]:
            thread.join(LAST_STEP_SECONDS)

    def _work(
        self,
        step: Callable[[Any], Any],
        source: "queue.SimpleQueue[Done[Item] | None]",
        target: "queue.SimpleQueue[Done[Item] | None]",
    ) -> None:
        while (done := source.get()) is not None and not self._stopped.is_set():
            if done.error is None:
                try:
                    done = Done(done.item, value=step(done.value))
                except Exception as error:  # told to whoever takes the item
                    done = Done(done.item, error=error)
            target.put(done)
            del done  # a large result is kept by nobody while the next one is waited for
