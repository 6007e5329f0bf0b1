"""A network of the right form with few channels, so that tests compile and run it quickly."""

import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.network.fcn import SegmentationNetwork, parameter_shapes
from brainfcn_jax.training.step import Params

STAGES = ((2, 2), (3, 3), (4, 4, 4), (5, 5, 5), (5, 5, 5))


def narrow_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces VGG16's numbers of channels by small ones, for one test."""
    monkeypatch.setattr("brainfcn_jax.network.fcn.STAGES", STAGES)


def network_and_params(seed: int = 0) -> tuple[SegmentationNetwork, Params]:
    """A network with random parameters, large enough everywhere to give visible gradients."""
    network = SegmentationNetwork(stages=4, maps=2, classes=8)
    random = np.random.default_rng(seed)
    params = {
        layer: {
            name: jnp.asarray(random.normal(scale=0.2, size=shape), jnp.float32)
            for name, shape in part.items()
        }
        for layer, part in parameter_shapes(network.stages, network.maps, network.classes).items()
    }
    return network, params
