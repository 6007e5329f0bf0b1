"""Processes that tests start, none of which outlives its test."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

_PARENT_CHECK_SECONDS = 0.5
_SET_BY_TESTS = {
    "XLA_FLAGS",
    "JAX_DISABLE_MOST_OPTIMIZATIONS",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS",
}


def users_environment() -> dict[str, str]:
    """Returns the variables with which a command runs as at a user's: one device, fast programs."""
    return {name: text for name, text in os.environ.items() if name not in _SET_BY_TESTS}


@contextlib.contextmanager
def child(words: Sequence[str], **options: Any) -> Iterator["subprocess.Popen[str]"]:
    """A process that is killed, if it still runs, when the block is left in whatever way."""
    process = subprocess.Popen(words, text=True, **options)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end_with_the_parent() -> None:
    """Ends this process when the one that started it is gone, however that ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
