"""Claims on results, so that two runs into one folder never work on one scan at once (output).

A claim is a lock on one byte of the folder's lock file; which byte follows from the claimed name.
The operating system gives the locks of a process back however the process ends, also one on
another machine that shares the folder, so no claim outlives its run. The lock file stays empty.
"""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from brainfcn_jax.errors import OutputError
from brainfcn_jax.text import first_few

try:
    import fcntl
except ImportError:  # Windows: nothing is claimed there
    fcntl = None  # type: ignore[assignment]


LOCK_FILE = ".brainfcn_jax.lock"

_TAKEN = frozenset({errno.EACCES, errno.EAGAIN})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})
_TURN = 0
"""The byte that whoever changes what all runs share locks for that moment."""

_PRESENT = 2**41
"""The byte that all runs in the folder share a lock on, and that one may have who is alone."""

_PLACES = 2**40


class Claims:
    """The claims of one run on results in one folder.

    Attributes:
        supported: whether the folder's file system has locks; without them nothing is claimed.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.supported = fcntl is not None

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait until no other run changes what all runs share, then keep them from it."""
        if not self.supported:
            yield
            return
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, _TURN)
        try:
            yield
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _TURN)

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Yield whether no other run is in the folder; if so, none comes in meanwhile.

        False where there are no locks to tell by.
        """
        alone = self._lock(_PRESENT) and self.supported
        try:
            yield alone
        finally:
            self.enter()

    def enter(self) -> None:
        """Let other runs know of this one; wait while one that is alone makes use of it."""
        if self.supported:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_SH, 1, _PRESENT)
            except OSError as error:
                self._refused(error)

    def take(self, names: Sequence[str]) -> list[str]:
        """Claim the names, and return those that another process has claimed already."""
        return [name for name in names if not self._lock(_place(name))]

    def _lock(self, place: int) -> bool:
        """Lock a byte; false when another process has a lock on it."""
        if not self.supported:
            return True
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            self._refused(error)
        return True

    def _refused(self, error: OSError) -> None:
        """Go on without locks where the file system has none; else raise the error."""
        if error.errno not in _NO_LOCKS:
            raise error
        self.supported = False


@contextlib.contextmanager
def claimed(folder: Path, names: Sequence[str]) -> Iterator[Claims]:
    """Make the folder if need be and claim results in it by name, until the context is left.

    Raises:
        OutputError: another run has claimed one of them, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise OutputError(
            f"'{folder}' cannot be a folder of results: {error.strerror or error}"
        ) from error
    try:
        claims = Claims(descriptor)
        claims.enter()
        if others := claims.take(names):
            raise OutputError(
                f"another run is at work in '{folder}' on {first_few(others)}; wait for its end, "
                "or choose another --out_dir"
            )
        yield claims
    finally:
        os.close(descriptor)


def lock(file: IO[bytes]) -> bool:
    """Lock a whole open file until it is closed; False when another process has done so.

    Raises OSError on a file system without locks; on Windows nothing is locked.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _place(name: str) -> int:
    """Return the byte of a name, one of 2^40 after the first."""
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return 1 + int.from_bytes(digest[:8], "big") % _PLACES
