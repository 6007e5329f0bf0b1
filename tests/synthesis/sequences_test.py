"""Signals of pulse sequences: by hand, and in the order that every radiologist knows."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.synthesis.intensities import draw_intensities, newborn_t2_contrast
from brainfcn_jax.synthesis.ranges import ADULT_SEQUENCES, Contrasts, PulseSequence
from brainfcn_jax.synthesis.recipes import NEWBORN_SEQUENCES, NEWBORN_T1W
from brainfcn_jax.synthesis.sequences import (
    Relaxation,
    adult_relaxation,
    draw_signal,
    newborn_relaxation,
    nulling_time_ms,
    spin_echo,
)
from brainfcn_jax.synthesis.structures import CODES

T2W, FLAIR, PDW, T1W = ADULT_SEQUENCES
DRAWS = 40


def drawn(
    sequence: PulseSequence, relaxation: Relaxation, *names: str, seed: int = 0
) -> np.ndarray:
    """Signals of the structures (draw, structure), in many scans of a sequence."""
    keys = jax.random.split(jax.random.key(seed), DRAWS)
    signals = jax.vmap(lambda key: draw_signal(key, relaxation, (sequence,)))(keys)
    return np.asarray(signals)[:, [CODES[name] for name in names]]


def test_a_spin_echo_by_hand() -> None:
    person = Relaxation(jnp.array([1000.0]), jnp.array([100.0]), jnp.array([0.8]))
    tr, te, inversion = (jnp.asarray(value) for value in (1000.0, 50.0, 500.0))
    plain = spin_echo(person, tr, te, inversion, jnp.asarray(0.0))
    assert float(plain[0]) == pytest.approx(0.8 * (1 - math.exp(-1)) * math.exp(-0.5), rel=1e-5)
    inverted = spin_echo(person, tr, te, inversion, jnp.asarray(1.0))
    by_hand = 0.8 * abs(1 - 2 * math.exp(-0.5) + math.exp(-1)) * math.exp(-0.5)
    assert float(inverted[0]) == pytest.approx(by_hand, rel=1e-5)


def test_what_is_nulled_gives_no_signal() -> None:
    person = Relaxation(jnp.array([4200.0]), jnp.array([1500.0]), jnp.array([1.0]))
    tr = jnp.asarray(9000.0)
    signal = spin_echo(
        person, tr, jnp.asarray(100.0), nulling_time_ms(person.t1_ms[0], tr), jnp.asarray(1.0)
    )
    assert float(signal[0]) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("sequence", "newborn", "dark_to_bright"),
    [
        (T2W, False, ("white_matter", "cortex", "ventricle")),
        (FLAIR, False, ("ventricle", "white_matter", "white_matter_lesion")),
        (PDW, False, ("white_matter", "cortex")),
        (T1W, False, ("ventricle", "cortex", "white_matter", "scalp_fat")),
        (NEWBORN_SEQUENCES[0], True, ("cortex", "white_matter", "ventricle")),
        (NEWBORN_T1W[0], True, ("ventricle", "white_matter", "deep_grey")),
        (NEWBORN_T1W[1], True, ("ventricle", "white_matter", "cortex", "deep_grey")),
    ],
)
def test_tissues_are_as_bright_as_in_real_scans(
    sequence: PulseSequence, newborn: bool, dark_to_bright: tuple[str, ...]
) -> None:
    relaxation = newborn_relaxation() if newborn else adult_relaxation()
    plain = replace(sequence, fat_suppressed_fraction=0.0)
    signals = drawn(plain, relaxation, *dark_to_bright)
    assert np.median(np.diff(signals, axis=1) > 0, axis=0).all()
    assert (np.mean(np.diff(signals, axis=1) > 0, axis=0) > 0.8).all()


def test_white_matter_is_1_and_fat_can_be_suppressed() -> None:
    bright, dark = (
        drawn(replace(T2W, fat_suppressed_fraction=f), adult_relaxation(), "white_matter", "marrow")
        for f in (0.0, 1.0)
    )
    np.testing.assert_allclose(bright[:, 0], 1, rtol=1e-5)
    np.testing.assert_allclose(dark[:, 1], 0.15 * bright[:, 1], rtol=1e-4)


def test_images_of_sequences_are_as_many_as_asked_for() -> None:
    contrast = newborn_t2_contrast()._replace(relaxation=adult_relaxation())
    flair = (replace(FLAIR, share=1.0),)
    keys = jax.random.split(jax.random.key(1), 200)

    def dark_fluid(fraction: float) -> float:
        ranges = Contrasts(wild_fraction=0.0, sequence_fraction=fraction, sequences=flair)
        means, _ = jax.vmap(lambda key: draw_intensities(key, contrast, ranges))(keys)
        dark = means[:, CODES["ventricle"]] < means[:, CODES["white_matter"]]
        return float(dark.mean())

    assert dark_fluid(0.0) < 0.05
    assert dark_fluid(0.4) == pytest.approx(0.4, abs=0.1)
    assert dark_fluid(0.8) == pytest.approx(0.8, abs=0.1)


def test_a_curve_keeps_structures_of_one_brightness_together() -> None:
    contrast = newborn_t2_contrast()
    ranges = Contrasts(
        wild_fraction=0.0, mean_spread_used=0.0, contrast_spread=0.0, remapped_fraction=1.0
    )
    keys = jax.random.split(jax.random.key(2), DRAWS)
    means, spreads = jax.vmap(lambda key: draw_intensities(key, contrast, ranges))(keys)
    same = [CODES[name] for name in ("cortex", "hippocampus_amygdala")]
    np.testing.assert_allclose(means[:, same[0]], means[:, same[1]], rtol=1e-5)
    brighter = means[:, CODES["ventricle"]] > means[:, CODES["cortex"]]
    assert 0.2 < float(brighter.mean()) < 0.8
    assert float(jnp.max(means[:, CODES["air"]])) < 0.01
    assert float(jnp.min(means)) > 0
    assert float(jnp.max(means)) <= 1
    assert bool(jnp.isfinite(spreads).all())
