"""A finder worked out by hand: brain is what is bright in the equalised scan."""

import numpy as np
from threshold_model import WIDTHS

from brainfcn_jax.labels import BRAIN_ALONE
from brainfcn_jax.network.fcn import parameter_shapes
from brainfcn_jax.network.model_file import Model, ModelDescription

BRIGHT = 160
"""Level above half of the equalised head: a head that is all alike has level 128."""


def bright_finder() -> Model:
    """Brain above BRIGHT of the equalised scan at 2 mm, else background."""
    description = ModelDescription(
        stages=4,
        maps=2,
        tissues=BRAIN_ALONE,
        channel_means=(0.0, 0.0, 0.0),
        slice_axis="axial",
        spacing_mm=(2.0, 2.0, 2.0),
        modality="any",
        equalise="head",
        mask_slice="largest",
        licence="Apache-2.0",
        training="by hand",
    )
    params = {
        layer: {name: np.zeros(shape, np.float32) for name, shape in names.items()}
        for layer, names in parameter_shapes(4, 2, 2, WIDTHS).items()
    }
    params["conv1_1"]["kernel"][1, 1, 1, 0] = 1
    for layer in ("conv1_2", "specialised1"):
        params[layer]["kernel"][1, 1, 0, 0] = 1
    params["fusion"]["kernel"][0, 0, 0, 1] = 1
    params["fusion"]["bias"][1] = -BRIGHT
    return Model(params, description)
