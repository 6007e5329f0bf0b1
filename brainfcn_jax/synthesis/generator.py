"""A loaded, compiled generator: label maps in memory, scans by seed and number."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from brainfcn_jax.imaging.choices import SliceAxis
from brainfcn_jax.synthesis.intensities import Contrast, newborn_t2_contrast, t1_contrast
from brainfcn_jax.synthesis.known_maps import HELD_OUT, HELD_OUT_NEWBORNS
from brainfcn_jax.synthesis.label_maps import (
    LabelSource,
    load_adults,
    load_newborns,
    read_t1_priors,
)
from brainfcn_jax.synthesis.recipes import ADULT_KINDS, RECIPES, Kind, Recipe
from brainfcn_jax.synthesis.rendering import generate


class GeneratedScan(NamedTuple):
    """A generated scan, slices first.

    Attributes:
        name: its label map's.
        image: in arbitrary units, at least 0.
        tissues: 0..7.
        brain: the brain with its sulci and ventricles.
    """

    name: str
    image: Float32[np.ndarray, "slice height width"]
    tissues: UInt8[np.ndarray, "slice height width"]
    brain: Bool[np.ndarray, "slice height width"]


class Generator:
    """Makes scans from label maps; compiled at the first one, for all of them.

    Attributes:
        sources: the label maps, each as likely as any other.
        recipe: grid and ranges.
    """

    def __init__(self, sources: Sequence[LabelSource], contrast: Contrast, recipe: Recipe) -> None:
        self.sources = tuple(sources)
        self.recipe = recipe
        self._generate = jax.jit(lambda key, packed: generate(key, packed, contrast, recipe))

    def example(self, seed: int, index: int) -> GeneratedScan:
        """Make scan number `index` of `seed`."""
        source_key, key = jax.random.split(jax.random.fold_in(jax.random.key(seed), index))
        source = self.sources[int(jax.random.randint(source_key, (), 0, len(self.sources)))]
        made = self._generate(key, jnp.asarray(source.packed))
        return GeneratedScan(source.name, *(np.asarray(array) for array in made))


def load_generator(
    kind: Kind,
    folder: str | Path,
    slice_axis: SliceAxis = "axial",
    heads_folder: str | Path | None = None,
    names: Sequence[str] = (),
    recipe: Recipe | None = None,
    leave_out: Sequence[str] | None = None,
) -> Generator:
    """Read the label maps of one kind; `recipe` is that kind's own when not given.

    Those in `leave_out` are not used unless `names` asks for them; None: those of the kind that no
    shipped model is trained on.

    Raises:
        InputError: no label maps are found, or they cannot be used.
    """
    recipe = recipe or RECIPES[kind](slice_axis=slice_axis)
    if kind in ADULT_KINDS:
        leave_out = HELD_OUT if leave_out is None else leave_out
        priors = read_t1_priors(folder)
        contrast = t1_contrast(priors.mean, priors.mean_spread, priors.spread)
        return Generator(load_adults(folder, slice_axis, names, leave_out), contrast, recipe)
    leave_out = HELD_OUT_NEWBORNS if leave_out is None else leave_out
    sources = load_newborns(folder, slice_axis, heads_folder, names, leave_out)
    return Generator(sources, newborn_t2_contrast(), recipe)
