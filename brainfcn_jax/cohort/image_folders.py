"""Images in folders: which files are some, links without content too, and patterns for them."""

import glob
import shlex
from collections.abc import Iterable
from pathlib import Path

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.file_names import EXTENSIONS, extension
from brainfcn_jax.text import natural_order


def images_in_folder(folder: Path) -> list[Path]:
    """Return the images directly in a folder, in natural order; InputError if it is unreadable."""
    try:
        return images_among(folder.iterdir())
    except OSError as error:
        raise InputError(f"'{folder}' cannot be read: {error.strerror or error}") from error


def images_below(folder: Path) -> list[Path]:
    """Return the images in all folders of a folder, in natural order."""
    return images_among(map(Path, glob.iglob(f"{glob.escape(str(folder))}/**/*", recursive=True)))


def images_among(paths: Iterable[Path]) -> list[Path]:
    """Return the image files among paths, in natural order, without hidden ones; .img as .hdr.

    A link that leads nowhere is one by its name: git-annex and DataLad leave such links where the
    content was not fetched, and whoever reads it is told.
    """
    files = [path for path in paths if path.name[0] != "." and _is_file(path)]
    headers = {path.with_suffix("") for path in files if path.suffix.lower() == ".hdr"}
    return sorted(
        (
            path
            for path in files
            if path.name.lower().endswith(EXTENSIONS)
            and not (path.suffix.lower() == ".img" and path.with_suffix("") in headers)
        ),
        key=lambda path: natural_order(str(path)),
    )


def quoted_pattern(folder: Path, image: Path) -> str:
    """Return the pattern, quoted for a shell, that fits all files below a folder like an image."""
    return shlex.quote(f"{glob.escape(str(folder))}/**/*{extension(image.name)}")


def _is_file(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())
