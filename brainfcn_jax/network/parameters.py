"""Parameters of a network: nested by layer and name, or flat as weight files hold them (numpy)."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

_Leaf = TypeVar("_Leaf")

Parameters = dict[str, dict[str, np.ndarray]]
"""Float32 arrays by layer and name: parameters["conv3_2"]["kernel"]."""


def flat(tree: Mapping[str, Mapping[str, _Leaf]]) -> dict[str, _Leaf]:
    """Return what is nested by layer and name by "layer/name".

    >>> flat({"conv1_1": {"kernel": (3, 3), "bias": (8,)}})
    {'conv1_1/kernel': (3, 3), 'conv1_1/bias': (8,)}
    """
    return {f"{layer}/{name}": leaf for layer, ns in tree.items() for name, leaf in ns.items()}


def nested(arrays: Mapping[str, np.ndarray]) -> Parameters:
    """Return arrays by "layer/name" nested by layer and name: the inverse of `flat`."""
    params: Parameters = {}
    for path, array in arrays.items():
        layer, name = path.split("/")
        params.setdefault(layer, {})[name] = array
    return params
