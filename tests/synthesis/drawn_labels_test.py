"""Labels as people draw them: smoother than the map, by the tissue that is most around."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from brainfcn_jax.labels import BACKGROUND, COGM, CSF, WM
from brainfcn_jax.synthesis.drawn_labels import bell_matrix, drawn

SHAPE = (12, 14, 16)


def sulcus(width: int) -> np.ndarray:
    """Cortex with a sheet of fluid of `width` voxels in its middle, background at one end."""
    tissues = np.full(SHAPE, COGM, np.uint8)
    tissues[:, :, 7 : 7 + width] = CSF
    tissues[:, :2] = BACKGROUND
    return tissues


@pytest.mark.parametrize(("width", "drawn_width"), [(1, 0), (2, 2), (4, 4)])
def test_only_a_sulcus_of_one_millimetre_is_drawn_as_cortex(width: int, drawn_width: int) -> None:
    found = np.asarray(drawn(jnp.asarray(sulcus(width)), 1.0, 1.0))
    assert (found[6, 8] == CSF).sum() == drawn_width


def test_in_finer_voxels_it_is_as_wide_in_millimetres() -> None:
    found = np.asarray(drawn(jnp.asarray(sulcus(2)), 1.0, 0.5))
    assert not (found == CSF).any()


def test_background_and_what_is_labelled_stay_so() -> None:
    tissues = np.random.default_rng(0).integers(0, 8, SHAPE).astype(np.uint8)
    found = np.asarray(drawn(jnp.asarray(tissues), 1.0, 1.0))
    np.testing.assert_array_equal(found == BACKGROUND, tissues == BACKGROUND)
    assert not np.array_equal(found, tissues)


def test_no_smoothing_changes_nothing() -> None:
    tissues = jnp.asarray(np.random.default_rng(1).integers(0, 8, SHAPE).astype(np.uint8))
    np.testing.assert_array_equal(drawn(tissues, 0.0, 1.0), tissues)


def test_it_is_the_largest_of_scipys_smoothed_tissues() -> None:
    random = np.random.default_rng(2)
    coarse = random.integers(1, 8, (3, 4, 4))
    tissues = np.kron(coarse, np.ones((4, 4, 4), int))[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    tissues = tissues.astype(np.uint8)
    shares = np.stack(
        [
            ndimage.gaussian_filter(
                (tissues == t).astype(float), 1.0, mode="constant", truncate=3.0
            )
            for t in range(1, 8)
        ]
    )
    inner = (slice(3, -3),) * 3  # at the ends scipy's weights do not sum to 1
    largest = np.sort(shares, axis=0)
    clear = (largest[-1] - largest[-2] > 1e-4)[inner]
    found = np.asarray(drawn(jnp.asarray(tissues), 1.0, 1.0))
    np.testing.assert_array_equal(found[inner][clear], (1 + shares.argmax(axis=0))[inner][clear])


def test_weights_of_a_place_sum_to_one_and_fall_off_evenly() -> None:
    weights = bell_matrix(9, 1.5)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(weights[4], weights[4][::-1])
    assert weights[4, 4] / weights[4, 5] == pytest.approx(np.exp(0.5 / 1.5**2))


def test_a_blade_of_white_matter_in_cortex_is_not_drawn() -> None:
    tissues = np.full(SHAPE, COGM, np.uint8)
    tissues[:, 7] = WM
    tissues[:, 9:] = WM
    found = np.asarray(drawn(jnp.asarray(tissues), 0.8, 1.0))
    assert (found[:, 12] == WM).all()
    assert (found[:, :7] == COGM).all()
