"""Segmentation of brain tissues in MR images with a 3D-like fully convolutional network.

`from brainfcn_jax import segment` is the way in for programs; the rest of the package may change
between versions. Nothing is imported before it is asked for.
"""

import importlib
from importlib import metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainfcn_jax.api import SegmentedScan, load_model, segment

    __version__: str

__all__ = ["SegmentedScan", "__version__", "load_model", "segment"]


def __getattr__(name: str) -> Any:
    """Return the public functions, which bring JAX with them, and the version, when first used.

    `__version__` is "not installed" where the package runs from its source folder.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        try:
            return metadata.version("brainfcn-jax")
        except metadata.PackageNotFoundError:
            return "not installed"
    return getattr(importlib.import_module("brainfcn_jax.api"), name)


def __dir__() -> list[str]:
    """Return the public names, whether or not they were used already."""
    return sorted({*globals(), *__all__})
