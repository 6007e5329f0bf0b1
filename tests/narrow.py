"""A network of the right form with few channels, so that tests compile and run it quickly."""

import jax
import jax.numpy as jnp
import pytest

from brainfcn_jax.network import SegmentationNetwork
from brainfcn_jax.train_step import Params

STAGES = ((2, 2), (3, 3), (4, 4, 4), (5, 5, 5), (5, 5, 5))


def narrow_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces VGG16's numbers of channels by small ones, for one test."""
    monkeypatch.setattr("brainfcn_jax.network.STAGES", STAGES)


def network_and_params(seed: int = 0) -> tuple[SegmentationNetwork, Params]:
    """A network with random parameters, large enough everywhere to give visible gradients."""
    network = SegmentationNetwork(stages=4, maps=2, classes=8)
    params = network.init(jax.random.key(seed), jnp.zeros((1, 16, 16, 3)))["params"]
    keys = iter(jax.random.split(jax.random.key(seed + 1), 1000))
    return network, jax.tree.map(
        lambda leaf: 0.2 * jax.random.normal(next(keys), leaf.shape), params
    )
