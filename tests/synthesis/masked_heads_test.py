"""Real heads with brain masks, varied at random."""

import numpy as np
import pytest

from brainfcn_jax.synthesis.masked_heads import MaskedHead, masked_head, varied
from brainfcn_jax.synthesis.recipes import masked_head_recipe

SIZE, SPACING_MM = 48, 2.0
RECIPE = masked_head_recipe(SIZE, SPACING_MM)


@pytest.fixture
def head() -> MaskedHead:
    """A bright brain of 24 mm in a dim head, off the middle."""
    away = np.linalg.norm(np.indices((40, 50, 44)) - np.reshape((18, 24, 26), (3, 1, 1, 1)), axis=0)
    image = np.select([away < 12, away < 16], [100.0, 40.0]).astype(np.float32)
    return masked_head("a", image, away < 12, SPACING_MM)


def test_a_seed_gives_one_cube_and_another_seed_another(head: MaskedHead) -> None:
    one, again, other = (varied(np.random.default_rng(seed), head, RECIPE) for seed in (1, 1, 2))
    assert one[0].shape == one[1].shape == (SIZE,) * 3
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0])


def test_the_brain_is_bright_and_nothing_is_shown_that_is_not_seen(head: MaskedHead) -> None:
    cut = 0
    for seed in range(12):
        image, outward_mm, seen = varied(np.random.default_rng(seed), head, RECIPE)
        assert image.min() >= 0
        assert not image[~seen].any()
        assert not seen[outward_mm > 50].any()  # beyond what was scanned
        cut += not seen[outward_mm <= 50].all()
    assert 0 < cut < 12
