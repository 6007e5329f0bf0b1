"""Files written beside their final name and renamed, so that no half-written one is ever seen."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from brainfcn_jax.errors import OutputError


@contextmanager
def new_file(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Gives a name beside `path` to write to; on leaving without an error it becomes `path`.

    The temporary file is removed when the writing fails, and `path` is then as it was.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or the system refuses to write.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise OutputError(f"'{path}' exists already; choose another name or ask to overwrite it")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"'{path}' cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
