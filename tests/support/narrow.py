"""A network of the right form with few channels, so that tests compile and run it quickly."""

import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from support.threshold_model import DESCRIPTION, WIDTHS

from brainfcn_jax.labels import TISSUES
from brainfcn_jax.network.fcn import SegmentationNetwork, parameter_shapes
from brainfcn_jax.network.model_file import Model, save_model
from brainfcn_jax.training.step import Params


def network_and_params(
    seed: int = 0, stages: int = 4, maps: int = 2, classes: int = TISSUES.classes
) -> tuple[SegmentationNetwork, Params]:
    """A network with random parameters, large enough everywhere to give visible gradients."""
    network = SegmentationNetwork(stages=stages, maps=maps, classes=classes, widths=WIDTHS)
    random = np.random.default_rng(seed)
    shapes = parameter_shapes(network.stages, network.maps, network.classes, WIDTHS)
    params = {
        layer: {
            name: jnp.asarray(random.normal(scale=0.2, size=shape), jnp.float32)
            for name, shape in part.items()
        }
        for layer, part in shapes.items()
    }
    return network, params


def narrow_start(folder: Path, **changes: Any) -> dict[str, str]:
    """Settings of a training that starts from a narrow network, whose file is put in `folder`.

    Without changes of the description it is otherwise the network of `configs/testing.py`; keys
    are as `tiny_settings` takes them.
    """
    described: dict[str, Any] = {
        "maps": 4,
        "channel_means": (100.0, 110.0, 120.0),
        "spacing_mm": (1.0, 1.0, 3.0),
    }
    description = dataclasses.replace(DESCRIPTION, **described | changes)
    _, params = network_and_params(
        stages=description.stages, maps=description.maps, classes=description.labels.classes
    )
    params = {
        layer: {name: np.asarray(array) for name, array in part.items()}
        for layer, part in params.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_model(folder / "narrow.h5", Model(params, description), overwrite=True)
    return {"network__start": "model", "network__model_path": str(folder / "narrow.h5")}


def narrow_flags(folder: Path, **changes: Any) -> list[str]:
    """`narrow_start` as flags of `run_train.py`."""
    start = narrow_start(folder, **changes)
    return [f"--config.{key.replace('__', '.')}={value}" for key, value in start.items()]
