"""Files that come with nilearn, which is looked for but never imported: that takes seconds (io)."""

from importlib import util
from pathlib import Path

from brainfcn_jax.errors import InputError

DEMO = "demo"
"""What stands for the demo's scan where a scan is asked for."""

_FILE = "datasets/data/mni_icbm152_{image}_tal_nlin_sym_09a_converted.nii.gz"


def nilearn_file(path: str, use: str) -> Path:
    """Find a file by its path in the package; `use` begins the message when it is not there.

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


def demo_scan() -> Path:
    """Find the T1w template; raise as `demo_file` does."""
    return demo_file("t1")


def demo_file(image: str) -> Path:
    """Find the file of the template's "t1", or its map of grey matter "gm" or white matter "wm".

    The maps hold 0 to 255, where 255 is certain.
    Raises InputError when nilearn, or its file, is not installed.
    """
    return nilearn_file(_FILE.format(image=image), "the demo's scan")
