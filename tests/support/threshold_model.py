"""A model worked out by hand: its labels are thresholds of the equalised scan."""

import numpy as np

from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.labels import COGM, TISSUES, WM
from brainfcn_jax.network.fcn import parameter_shapes
from brainfcn_jax.network.model_file import Model, ModelDescription
from brainfcn_jax.network.parameters import Parameters

WIDTHS = ((2, 2), (3, 3), (4, 4, 4), (5, 5, 5), (5, 5, 5))
"""Channels of its convolutions: few, so that it is compiled and run quickly."""

DARK, BRIGHT = 10, 128
DESCRIPTION = ModelDescription(
    stages=4,
    maps=2,
    labels=TISSUES,
    people="adults",
    contrasts=("T1w",),
    find_brain=True,
    colours="neighbours",
    channel_means=(0.0, 0.0, 0.0),
    slice_axis="axial",
    spacing_mm=(3.0, 3.0, 3.0),
    equalise="head",
    mask_slice="largest",
    licence="Apache-2.0",
    training="by hand",
)


def threshold_model(description: ModelDescription = DESCRIPTION) -> Model:
    """White matter above BRIGHT, else cortex above DARK, else background.

    The middle slice's equalised value v passes through stage 1 unchanged, and the scores are
    DARK for background, v for cortex and 2 v - BRIGHT for white matter.
    """
    params = passing_intensity(description)
    params["fusion"]["kernel"][0, 0, 0, [COGM, WM]] = (1, 2)
    params["fusion"]["bias"][:] = -1000
    params["fusion"]["bias"][[0, COGM, WM]] = (DARK, 0, -BRIGHT)
    return Model(params, description)


def passing_intensity(description: ModelDescription) -> Parameters:
    """Parameters, 0 but for the way of the middle slice's value into the first fused map."""
    shapes = parameter_shapes(
        description.stages, description.maps, description.labels.classes, WIDTHS
    )
    params = {
        layer: {name: np.zeros(shape, np.float32) for name, shape in names.items()}
        for layer, names in shapes.items()
    }
    params["conv1_1"]["kernel"][1, 1, 1, 0] = 1
    for layer in ("conv1_2", "specialised1"):
        params[layer]["kernel"][1, 1, 0, 0] = 1
    return params


def threshold_labels(intensities: np.ndarray) -> np.ndarray:
    """What `threshold_model` says of a scan, in any axis order: equalisation knows no axes."""
    equalised = equalise_volume(np.asarray(intensities, np.float32), "head")
    return np.select([equalised > BRIGHT, equalised > DARK], [WM, COGM]).astype(np.uint8)
