"""How bright structures are by the physics of a pulse sequence (pure JAX).

Spin echoes, with and without an inversion before, of relaxation times and proton densities that
vary from person to person: T2w, FLAIR, PDw and T1w scans of any scanner. The equations are those
of textbooks (Bernstein, King and Zhou, "Handbook of MRI Pulse Sequences", 2004, chapters 14 and
17); the times are near those at 3 T of Wansapura et al. 1999 and Stanisz et al. 2005 for adults
and of Williams et al. 2005 for newborns, the rest is a guess. From person to person they vary by 4
to 9%, T1 by the field strength by 12% more.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from brainfcn_jax.synthesis.ranges import PulseSequence
from brainfcn_jax.synthesis.structures import CODES, STRUCTURES

_NAMES = np.array([structure.name for structure in STRUCTURES])
_IS_FLUID = np.isin(_NAMES, ("ventricle", "fluid", "spinal_fluid", "eye"))
_IS_FAT = np.isin(_NAMES, ("scalp_fat", "marrow"))
_FAT_LEFT = 0.15
_NULLING_SPREAD = 0.06
_T1_SPREAD, _T2_SPREAD, _DENSITY_SPREAD, _FIELD_SPREAD = 0.07, 0.09, 0.04, 0.12

ADULT_TIMES = {
    "air": (500.0, 10.0, 0.01), "cortex": (1350.0, 95.0, 0.83),
    "hippocampus_amygdala": (1380.0, 102.0, 0.85), "thalamus": (1130.0, 82.0, 0.80),
    "caudate_accumbens": (1300.0, 87.0, 0.82), "putamen": (1200.0, 79.0, 0.81),
    "pallidum": (950.0, 62.0, 0.77), "deep_grey": (1200.0, 82.0, 0.81),
    "white_matter": (850.0, 74.0, 0.70), "white_matter_lesion": (1250.0, 125.0, 0.83),
    "ventral_diencephalon": (1020.0, 76.0, 0.76), "brainstem": (950.0, 80.0, 0.75),
    "cerebellar_white_matter": (880.0, 76.0, 0.72), "cerebellar_cortex": (1280.0, 94.0, 0.83),
    "cerebellum": (1150.0, 88.0, 0.79), "ventricle": (4200.0, 1500.0, 1.0),
    "choroid_plexus": (2200.0, 230.0, 0.92), "perivascular": (2300.0, 300.0, 0.92),
    "fluid": (3900.0, 1000.0, 0.98), "spinal_fluid": (3900.0, 1000.0, 0.98),
    "artery": (1700.0, 120.0, 0.20), "airway": (500.0, 10.0, 0.01),
    "soft_tissue": (1150.0, 45.0, 0.78), "eye_muscle": (1150.0, 42.0, 0.78),
    "mucosa": (1500.0, 110.0, 0.88), "skin": (900.0, 45.0, 0.70),
    "spinal_cord": (950.0, 80.0, 0.75), "eye": (4100.0, 1500.0, 1.0),
    "bone": (700.0, 15.0, 0.15), "marrow": (420.0, 75.0, 0.70),
    "optic_nerve": (950.0, 80.0, 0.75), "scalp_fat": (340.0, 95.0, 0.90),
}  # fmt: skip
"""Adults: T1 and T2 in ms, and proton density, water being 1, of every structure."""

NEWBORN_TIMES = {
    "cortex": (1950.0, 135.0, 0.88), "hippocampus_amygdala": (2000.0, 140.0, 0.88),
    "thalamus": (1700.0, 130.0, 0.87), "caudate_accumbens": (1850.0, 135.0, 0.88),
    "putamen": (1800.0, 132.0, 0.87), "pallidum": (1650.0, 125.0, 0.86),
    "deep_grey": (1750.0, 132.0, 0.87), "white_matter": (2500.0, 230.0, 0.93),
    "ventral_diencephalon": (1750.0, 135.0, 0.87), "brainstem": (1700.0, 135.0, 0.87),
    "cerebellar_white_matter": (2000.0, 170.0, 0.90),
    "cerebellar_cortex": (1900.0, 135.0, 0.88), "cerebellum": (1850.0, 145.0, 0.88),
}  # fmt: skip
"""Newborns: what differs from `ADULT_TIMES`; unmyelinated white matter relaxes slowest."""


class Relaxation(NamedTuple):
    """What a person's structures are made of.

    Attributes:
      t1_ms: longitudinal relaxation time of each structure.
      t2_ms: transverse relaxation time of each structure.
      density: proton density of each structure, water being 1.
    """

    t1_ms: Float[Array, " structure"]
    t2_ms: Float[Array, " structure"]
    density: Float[Array, " structure"]


def adult_relaxation() -> Relaxation:
    """Return mean relaxation of adults."""
    return _relaxation(ADULT_TIMES)


def newborn_relaxation() -> Relaxation:
    """Return mean relaxation of newborns."""
    return _relaxation({**ADULT_TIMES, **NEWBORN_TIMES})


def draw_signal(
    key: PRNGKeyArray, relaxation: Relaxation, sequences: tuple[PulseSequence, ...]
) -> Float[Array, " structure"]:
    """Return signal of every structure in one scan of one of the sequences, white matter = 1.

    Where a sequence nulls fluid, its inversion time is near that which cancels this person's; fat
    is suppressed in a share of the scans.
    """
    keys = jax.random.split(key, 6)
    person = _person(keys[0], relaxation)
    shares, tr_ms, te_ms, nulling, fat = (
        jnp.array([getattr(sequence, name) for sequence in sequences], jnp.float32)
        for name in ("share", "tr_ms", "te_ms", "nulls_fluid", "fat_suppressed_fraction")
    )
    chosen = jax.random.choice(keys[1], len(sequences), p=shares / jnp.sum(shares))
    tr, te = (_between(k, ends[chosen]) for k, ends in ((keys[2], tr_ms), (keys[3], te_ms)))
    off_null = jnp.exp(_NULLING_SPREAD * jax.random.normal(keys[4]))
    inversion_ms = off_null * nulling_time_ms(person.t1_ms[CODES["ventricle"]], tr)
    signal = spin_echo(person, tr, te, inversion_ms, nulling[chosen])
    suppressed = jax.random.uniform(keys[5]) < fat[chosen]
    signal = jnp.where(jnp.asarray(_IS_FAT) & suppressed, _FAT_LEFT * signal, signal)
    return signal / signal[CODES["white_matter"]]


def spin_echo(
    person: Relaxation,
    tr_ms: Float[Array, ""],
    te_ms: Float[Array, ""],
    inversion_ms: Float[Array, ""],
    inverted: Float[Array, ""],
) -> Float[Array, " structure"]:
    """Return magnitude of a spin echo: `density |1 - exp(-TR/T1)| exp(-TE/T2)`.

    With an inversion `inversion_ms` before it (`inverted` 1, else 0) the middle factor is
    `|1 - 2 exp(-TI/T1) + exp(-TR/T1)|`.
    """
    recovered = 1 + (2 * inverted - 1) * jnp.exp(-tr_ms / person.t1_ms)
    longitudinal = jnp.abs(recovered - 2 * inverted * jnp.exp(-inversion_ms / person.t1_ms))
    return person.density * longitudinal * jnp.exp(-te_ms / person.t2_ms)


def nulling_time_ms(t1_ms: Float[Array, ""], tr_ms: Float[Array, ""]) -> Float[Array, ""]:
    """Return the inversion time at which what relaxes with `t1_ms` gives no signal."""
    return t1_ms * jnp.log(2 / (1 + jnp.exp(-tr_ms / t1_ms)))


def _relaxation(times: Mapping[str, tuple[float, float, float]]) -> Relaxation:
    t1_ms, t2_ms, density = np.array([times[name] for name in _NAMES], np.float32).T
    return Relaxation(jnp.asarray(t1_ms), jnp.asarray(t2_ms), jnp.asarray(density))


def _person(key: PRNGKeyArray, mean: Relaxation) -> Relaxation:
    """Vary each structure by itself, all fluids alike; a field strength scales other T1s."""
    *keys, field_key = jax.random.split(key, 4)
    spreads = (_T1_SPREAD, _T2_SPREAD, _DENSITY_SPREAD)
    varied = []
    for own_key, table, spread in zip(keys, mean, spreads, strict=True):
        drawn = jax.random.normal(own_key, table.shape)
        drawn = jnp.where(jnp.asarray(_IS_FLUID), drawn[CODES["ventricle"]], drawn)
        varied.append(table * jnp.exp(spread * drawn))
    field = jnp.exp(_FIELD_SPREAD * jax.random.normal(field_key))
    t1_ms = jnp.where(jnp.asarray(_IS_FLUID), varied[0], field * varied[0])
    return Relaxation(t1_ms, varied[1], varied[2])


def _between(key: PRNGKeyArray, ends: Float[Array, "2"]) -> Float[Array, ""]:
    return ends[0] + (ends[1] - ends[0]) * jax.random.uniform(key)
