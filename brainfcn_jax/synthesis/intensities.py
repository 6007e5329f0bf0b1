"""How bright each structure is in one image (pure JAX)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from brainfcn_jax.synthesis.deformation import between
from brainfcn_jax.synthesis.ranges import Contrasts
from brainfcn_jax.synthesis.sequences import (
    Relaxation,
    adult_relaxation,
    draw_signal,
    newborn_relaxation,
)
from brainfcn_jax.synthesis.structures import CODES, STRUCTURES, TISSUE_OF_CODE

_IN_BRAIN = TISSUE_OF_CODE > 0
_BRANCHES = 0.2
_LOWEST, _WILDEST_SPREAD = 0.005, 0.12
_SIGNAL_SPREAD = 0.2  # within a structure, of its signal
_CURVE_KNOTS = 6


class Contrast(NamedTuple):
    """Intensities of all structures in one kind of scan, as measured or known.

    Attributes:
      mean: mean intensity of each structure.
      mean_spread: how much that mean varies between scans (standard deviation).
      spread: standard deviation within the structure.
      relaxation: what the structures are made of, for scans of other kinds.
    """

    mean: Float[Array, " structure"]
    mean_spread: Float[Array, " structure"]
    spread: Float[Array, " structure"]
    relaxation: Relaxation


def t1_contrast(
    mean: Float[np.ndarray, " structure"],
    mean_spread: Float[np.ndarray, " structure"],
    spread: Float[np.ndarray, " structure"],
) -> Contrast:
    """Return the contrast of T1w scans from priors on any scale, brought to white matter = 1.

    The cerebellar cortex of label maps holds the finest branches of white matter, which the
    priors' medians leave out: it is moved a fifth of the way to white matter.
    """
    scale = 1 / mean[CODES["white_matter"]]
    cerebellum = np.array([s.name == "cerebellar_cortex" for s in STRUCTURES])
    branched = np.where(cerebellum, mean + _BRANCHES * (1 / scale - mean), mean)
    means, means_spread, within = (
        jnp.asarray(table * scale) for table in (branched, mean_spread, spread)
    )
    return Contrast(means, means_spread, within, adult_relaxation())


def newborn_t2_contrast() -> Contrast:
    """Return the contrast of T2w scans of newborns, fluid = 1; means vary by 0.08 between scans."""
    mean = jnp.array([s.newborn_t2 for s in STRUCTURES], jnp.float32)
    spread = jnp.array([s.newborn_t2_spread for s in STRUCTURES], jnp.float32)
    mean_spread = jnp.minimum(0.4 * mean, 0.13)
    return Contrast(mean, mean_spread, 1.5 * spread, newborn_relaxation())


def draw_intensities(
    key: PRNGKeyArray, contrast: Contrast, ranges: Contrasts
) -> tuple[Float[Array, " structure"], Float[Array, " structure"]]:
    """Return mean and spread of every structure in one image.

    Likely images: `m + used * mean_spread * N(0, 1)`, then stretched about the cortex by
    `exp(contrast_spread * N(0, 1))`. Those of a sequence, a share `sequence_fraction`: the signal
    of `sequences.draw_signal`. Remapped ones, a share `remapped_fraction`: likely ones through a
    random curve. Wild ones, a share `wild_fraction`: means from U(0, 1), nothing else known; air
    stays dark.

    Returns:
      Means (at least 0) and standard deviations within, one for each structure.
    """
    keys = jax.random.split(key, 6)
    varied = contrast.mean + ranges.mean_spread_used * contrast.mean_spread * jax.random.normal(
        keys[0], contrast.mean.shape
    )
    middle = varied[CODES["cortex"]]
    stretch = jnp.exp(ranges.contrast_spread * jax.random.normal(keys[1]))
    likely = jnp.where(_IN_BRAIN, middle + stretch * (varied - middle), varied)
    brain, other = ranges.brain_spread_used, ranges.other_spread_used
    used = jnp.where(_IN_BRAIN, between(keys[2], brain), between(keys[3], other))
    likely_spread = used * contrast.spread
    is_remapped = jnp.zeros((), bool)
    if ranges.sequence_fraction > 0 or ranges.remapped_fraction > 0:
        kind_key, signal_key, curve_key = jax.random.split(jax.random.fold_in(key, 1), 3)
        kind = jax.random.uniform(kind_key) * (1 - ranges.wild_fraction)
        of_sequence = kind < ranges.sequence_fraction
        is_remapped = ~of_sequence & (kind < ranges.sequence_fraction + ranges.remapped_fraction)
        signal = draw_signal(signal_key, contrast.relaxation, ranges.sequences)
        mapped, mapped_spread = _remapped(curve_key, likely, likely_spread)
        likely = jnp.where(of_sequence, signal, jnp.where(is_remapped, mapped, likely))
        likely_spread = jnp.where(
            of_sequence,
            used * _SIGNAL_SPREAD * signal,
            jnp.where(is_remapped, mapped_spread, likely_spread),
        )
    wild = jax.random.uniform(keys[4], (2, *contrast.mean.shape))
    is_wild = jax.random.uniform(keys[5]) < ranges.wild_fraction
    mean = jnp.where(is_wild, wild[0], likely)
    spread = jnp.where(is_wild, _WILDEST_SPREAD * wild[1] ** 2, likely_spread)
    is_air = np.isin(np.arange(len(STRUCTURES)), (CODES["air"], CODES["airway"]))
    dark = is_air & (is_wild | is_remapped)
    mean, spread = jnp.where(dark, _LOWEST, mean), jnp.where(dark, _LOWEST, spread)
    return jnp.maximum(mean, _LOWEST), spread


def _remapped(
    key: PRNGKeyArray, mean: Float[Array, " structure"], spread: Float[Array, " structure"]
) -> tuple[Float[Array, " structure"], Float[Array, " structure"]]:
    """Return means and spreads through a curve of lines between random values, from U(0, 1).

    Its knots lie evenly between 0 and the brightest structure of the brain.
    """
    brightest = jnp.max(jnp.where(_IN_BRAIN, mean, 0.0))
    knots = jnp.linspace(0.0, 1.0, _CURVE_KNOTS) * brightest
    values = jax.random.uniform(key, (_CURVE_KNOTS,))
    low, high = (jnp.interp(mean + sign * spread, knots, values) for sign in (-1, 1))
    return jnp.interp(mean, knots, values), jnp.abs(high - low) / 2
