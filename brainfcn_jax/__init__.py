"""Segmentation of brain tissues in MR images with a 3D-like fully convolutional network.

`from brainfcn_jax import segment` is the way in for programs; the rest of the package may change
between versions. Nothing is imported before it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from brainfcn_jax.api import SegmentedScan, load_model, segment

__all__ = ["SegmentedScan", "load_model", "segment"]


def __getattr__(name: str) -> Any:
    """The public functions, which bring JAX with them, when first used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("brainfcn_jax.api"), name)


def __dir__() -> list[str]:
    """The public names, whether or not they were used already."""
    return sorted({*globals(), *__all__})
