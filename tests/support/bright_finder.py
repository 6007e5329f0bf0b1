"""A finder worked out by hand: brain is what is bright in the equalised scan."""

import dataclasses

from support.threshold_model import DESCRIPTION, passing_intensity

from brainfcn_jax.labels import BRAIN
from brainfcn_jax.network.model_file import Model

BRIGHT = 160
"""Level above half of the equalised head: a head that is all alike has level 128."""


def bright_finder() -> Model:
    """Brain above BRIGHT of the equalised scan at 2 mm, else background."""
    description = dataclasses.replace(
        DESCRIPTION, labels=BRAIN, find_brain=False, spacing_mm=(2.0, 2.0, 2.0)
    )
    params = passing_intensity(description)
    params["fusion"]["kernel"][0, 0, 0, 1] = 1
    params["fusion"]["bias"][1] = -BRIGHT
    return Model(params, description)
