"""Files that come with nilearn, which is looked for but never imported: that takes seconds (io)."""

from importlib import util
from pathlib import Path

from brainfcn_jax.errors import InputError


def nilearn_file(path: str, use: str) -> Path:
    """A file by its path in the package; `use` begins the message when it is not there.

    Raises InputError when nilearn, or the file, is not installed.
    """
    package = util.find_spec("nilearn")
    for folder in (package and package.submodule_search_locations) or ():
        found = Path(folder) / path
        if found.is_file():
            return found
    raise InputError(
        f"{use} comes with the package nilearn, which is not installed or lacks it; "
        "install it with 'pip install nilearn'"
    )
