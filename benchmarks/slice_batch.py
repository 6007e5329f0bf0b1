"""The model and the slices that the network is timed and compared on."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32

from brainfcn_jax.imaging.choices import first_axis
from brainfcn_jax.imaging.equalisation import equalise
from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.network.fcn import subtract_mean, volume_to_stacks
from brainfcn_jax.network.model_file import Model, load_model
from brainfcn_jax.network.shipped_models import find_model

MODEL_OF_STAGES = {4: "adult_t1w", 5: "neonate_t2w"}


def chosen_model(stages: int, weights: str | None) -> Model:
    """The model of a weight file, or the shipped one with so many stages."""
    model = load_model(weights or find_model(MODEL_OF_STAGES[stages]))
    if model.description.stages != stages:
        raise SystemExit(f"'{weights}' has {model.description.stages} stages, not {stages}")
    return model


def middle_slices(
    model: Model, scan: str | None, slices: int, height: int, width: int
) -> Float32[np.ndarray, "slice height width 3"]:
    """Stacks from the middle of a scan (the demo's unless another is given), mean-subtracted.

    Cut or padded at their far edges to the size asked for.
    """
    description = model.description
    data = load_scan(scan or demo_scan()).data
    volume = jnp.asarray(np.moveaxis(data, first_axis(description.slice_axis), 0))
    first = max(0, (len(volume) - slices) // 2)
    levels = np.asarray(equalise(volume, "head")[first : first + slices, :height, :width])
    if len(levels) < slices:
        raise SystemExit(f"the scan has {len(levels)} slices and {slices} are asked for")
    cut = np.zeros((slices, height, width), np.uint8)
    cut[:, : levels.shape[1], : levels.shape[2]] = levels
    means = jnp.asarray(description.channel_means, jnp.float32)
    return np.asarray(subtract_mean(volume_to_stacks(jnp.asarray(cut)), means))
