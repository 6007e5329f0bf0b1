"""The project's commands in processes of their own, to be disturbed."""

import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
os.environ.setdefault("JAX_PLATFORMS", "cpu")
sys.path.insert(0, str(ROOT / "tests"))

POLL_SECONDS = 0.002
HANG_SECONDS = 900.0
LOADING_SHARE = 0.2
"""Share of the kills that come at any moment from the start, and not after the first writing."""


@dataclass(frozen=True)
class Undisturbed:
    """The run that nobody killed: how long it loaded and worked, and what it ended with."""

    loading_seconds: float
    working_seconds: float
    result: dict[str, object]


def command_of(name: str, flags: Sequence[str]) -> list[str]:
    """The words that run `brainfcn_jax.commands.NAME`."""
    program = f"from brainfcn_jax.commands.{name} import main; main()"
    return [sys.executable, "-c", program, *flags]


@contextlib.contextmanager
def started(command: Sequence[str], log: Path, compiled: Path) -> Iterator[subprocess.Popen]:
    """The command as a process that says all it says in `log`; it is killed when it outlives this.

    Args:
        command: the words.
        log: is written anew.
        compiled: folder where what JAX compiles is kept for all further processes.
    """
    caching = {
        "JAX_COMPILATION_CACHE_DIR": str(compiled),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    with log.open("w") as stream:
        process = subprocess.Popen(
            command, env=os.environ | caching, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Returns when something is the case, or the process has ended."""
    while process.poll() is None and not condition():
        time.sleep(POLL_SECONDS)


def killed_after(process: subprocess.Popen, seconds: float) -> bool:
    """Kills the process (-9) after some time; false when it ended before."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
        return False
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return True


def said(log: Path) -> str:
    """The end of what a process said."""
    return log.read_text()[-2000:]


def log_of(folder: Path) -> Path:
    """Where what the newest process of a folder says goes."""
    return folder.with_name(folder.name + ".log")


def undisturbed(
    folder: Path,
    start: Callable[[Path], contextlib.AbstractContextManager[subprocess.Popen]],
    begun: Callable[[Path], bool],
    result_of: Callable[[Path], dict[str, object]],
) -> Undisturbed:
    """Runs a command to its end twice: the first time compiles for all that follow.

    Args:
        folder: gets the results, in "first" and "whole".
        start: the command as a process that writes to a folder.
        begun: whether it has begun to write there.
        result_of: what a finished folder holds.
    """
    for out in (folder / "first", folder / "whole"):
        started_at = time.monotonic()
        with start(out) as process:
            wait_until(functools.partial(begun, out), process)
            begun_at = time.monotonic()
            code = process.wait(HANG_SECONDS)
        if code:
            raise SystemExit(f"the undisturbed run ended with {code}: {said(log_of(out))}")
    working = time.monotonic() - begun_at
    return Undisturbed(begun_at - started_at, working, result_of(folder / "whole"))


def killed_at_random(
    process: subprocess.Popen,
    begun: Callable[[], bool],
    whole: Undisturbed,
    chance: random.Random,
) -> str | None:
    """Kills the process (-9) at a random moment and says when; None when it ended before."""
    loading = chance.random() < LOADING_SHARE
    if not loading:
        wait_until(begun, process)
    seconds = chance.uniform(0, whole.loading_seconds if loading else whole.working_seconds)
    if not killed_after(process, seconds):
        return None
    return f"{seconds:.2f} s after {'the start' if loading else 'the first writing'}"
