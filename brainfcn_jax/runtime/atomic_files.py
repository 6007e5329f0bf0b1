"""Files written beside their final name and renamed, so that no half-written one is ever seen."""

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from brainfcn_jax.errors import OutputError

_UNFINISHED = ".{name}.{mark}.part"


@contextlib.contextmanager
def new_file(path: str | Path, overwrite: bool = False) -> Iterator[Path]:
    """Yield a name beside `path` to write to; on leaving without an error it becomes `path`.

    The temporary file is removed when the writing fails, and `path` is then as it was. Without
    `overwrite` nothing is ever replaced, be it a file that was made meanwhile or a symbolic link
    that leads nowhere.

    Raises:
        OutputError: `path` exists and `overwrite` is false, or the system refuses to write.
    """
    path = Path(path)
    temporary = _beside(path)
    try:
        if not overwrite and os.path.lexists(path):
            raise FileExistsError
        yield temporary
        if overwrite:
            os.replace(temporary, path)
        else:
            _name_new(temporary, path)
    except OutputError:
        raise
    except FileExistsError as error:
        raise OutputError(
            f"'{path}' exists already; choose another name or ask to overwrite it"
        ) from error
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):  # there may be no folder that it could be in
            temporary.unlink(missing_ok=True)


def unfinished(folder: Path) -> set[Path]:
    """Return what killed programs left of writing files in a folder."""
    return set(folder.glob(_UNFINISHED.format(name="*", mark="*")))


def remove_unfinished(paths: Iterable[Path]) -> None:
    """Remove what killed programs left of writing these files.

    Only for whoever knows that nobody writes them at the moment.
    """
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault(path.parent, set()).add(path.name)
    for folder, finals in names.items():
        for left in unfinished(folder):
            if left.name[1:].rsplit(".", 2)[0] in finals:
                with contextlib.suppress(OSError):  # it does no harm
                    left.unlink()


def _beside(path: Path) -> Path:
    """Return a new name for what is to become `path`."""
    return path.with_name(_UNFINISHED.format(name=path.name, mark=secrets.token_hex(4)))


def _name_new(temporary: Path, path: Path) -> None:
    """Give the finished file its name; FileExistsError when something else has it by now."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links: an empty file takes the name first
        path.open("xb").close()
        try:
            os.replace(temporary, path)
        except OSError:
            path.unlink()
            raise
