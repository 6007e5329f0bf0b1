"""Work that is done in the background while its last result is in use."""

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")

_STOP_CHECK_SECONDS = 0.1


class _End:
    """What the background thread puts last: how the iterator ended."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


@contextlib.contextmanager
def prefetch(items: Iterator[Item], ahead: int = 2) -> Iterator[Iterator[Item]]:
    """The same items in the same order, made by a thread that keeps up to `ahead` of them ready.

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
