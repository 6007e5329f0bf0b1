"""Anatomy that label maps lack: thicker grey matter, leaves of the cerebellum."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from brainfcn_jax.synthesis.anatomy import leaves, thickened
from brainfcn_jax.synthesis.intensities import newborn_t2_contrast
from brainfcn_jax.synthesis.packed_labels import (
    BESIDE_CEREBELLUM,
    BESIDE_CORTEX,
    NARROW,
    with_depth,
)
from brainfcn_jax.synthesis.ranges import Anatomy
from brainfcn_jax.synthesis.structures import CODES

SHAPE = (12, 40, 40)
ALWAYS = Anatomy(thick_fraction=1.0, leafy_fraction=1.0)
MEAN = newborn_t2_contrast().mean


def halves() -> np.ndarray:
    """Cortex on the left, cerebellum on the right, fluid between and above them."""
    codes = np.full(SHAPE, CODES["fluid"], np.uint8)
    codes[:8, :, :18] = CODES["cortex"]
    codes[:8, :, 22:] = CODES["cerebellar_cortex"]
    return codes


def marks() -> np.ndarray:
    """What `with_depth` adds to the codes of `halves`."""
    return (with_depth(halves(), 1.0) & 255).astype(np.uint8) & ~np.uint8(NARROW - 1)


def grown(seed: int, anatomy: Anatomy = ALWAYS) -> np.ndarray:
    """`halves` with thicker grey matter."""
    marked = marks()
    rims = jnp.asarray(marked & BESIDE_CORTEX > 0), jnp.asarray(marked & BESIDE_CEREBELLUM > 0)
    code = jnp.asarray(halves().astype(np.int32))
    return np.asarray(thickened(jax.random.key(seed), code, rims, 1.0, anatomy))


def test_fluid_beside_grey_matter_is_marked_by_what_it_touches() -> None:
    found = marks()
    assert (found[:8, :, 18] & BESIDE_CORTEX > 0).all()
    assert (found[:8, :, 21] & BESIDE_CEREBELLUM > 0).all()
    assert (found[8, :, :18] & BESIDE_CORTEX > 0).all()
    assert not (found[10:] & (BESIDE_CORTEX | BESIDE_CEREBELLUM)).any()
    assert not (found[:8, :, 19:21] & (BESIDE_CORTEX | BESIDE_CEREBELLUM)).any()


def test_grey_matter_grows_into_the_fluid_by_a_voxel_at_most() -> None:
    plain = halves()
    volumes = []
    for seed in range(12):
        code = grown(seed)
        kept = plain != CODES["fluid"]
        np.testing.assert_array_equal(code[kept], plain[kept])
        assert (code[10:] == CODES["fluid"]).all()
        assert not (code[:8, :, 18] == CODES["cerebellar_cortex"]).any()
        assert not (code[:8, :, 21] == CODES["cortex"]).any()
        volumes.append(int((code == CODES["cortex"]).sum()))
    assert min(volumes) < min(volumes) + 300 < max(volumes), "from little growth to much"


def test_without_a_share_nothing_grows() -> None:
    np.testing.assert_array_equal(grown(0, replace(ALWAYS, thick_fraction=0.0)), halves())


def leafy(seed: int, anatomy: Anatomy = ALWAYS) -> np.ndarray:
    """What leaves add to `halves`."""
    s, h, w = (
        jnp.broadcast_to(
            jnp.arange(n, dtype=jnp.float32).reshape([-1 if a == i else 1 for a in range(3)]), SHAPE
        )
        for i, n in enumerate(SHAPE)
    )
    code = jnp.asarray(halves().astype(np.int32))
    return np.asarray(leaves(jax.random.key(seed), code, MEAN, (s, h, w), 2, 1.0, anatomy))


@pytest.mark.parametrize("seed", range(3))
def test_leaves_reach_from_fluid_to_white_matter_and_change_the_cerebellum_alone(seed: int) -> None:
    added = leafy(seed)
    inside = halves() == CODES["cerebellar_cortex"]
    assert (added[~inside] == 0).all()
    cortex = float(MEAN[CODES["cerebellar_cortex"]])
    ends = [float(MEAN[CODES[name]]) - cortex for name in ("cerebellar_white_matter", "fluid")]
    assert added.min() >= min(0, *ends) - 1e-6
    assert added.max() <= max(ends) + 1e-6
    assert added[inside].std() > 0.005


def test_without_a_share_there_are_no_leaves() -> None:
    assert not leafy(0, replace(ALWAYS, leafy_fraction=0.0)).any()
