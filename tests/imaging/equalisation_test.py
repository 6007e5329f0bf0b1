"""Equalisation against hand-made values, an independent numpy rule, and its properties."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.boxes import head_box
from brainfcn_jax.imaging.equalisation import equalise, head_threshold

MODES = ("volume", "head")
SHAPE = (6, 9, 10)

_equalise = jax.jit(equalise, static_argnames="mode")
_head_threshold = jax.jit(head_threshold)


def equalised(volume: np.ndarray, mode: str) -> np.ndarray:
    return np.asarray(_equalise(jnp.asarray(volume, jnp.float32), mode=mode))


def threshold_of(volume: np.ndarray) -> float:
    return float(_head_threshold(jnp.asarray(volume, jnp.float32)))


def numpy_threshold(volume: np.ndarray) -> float:
    """The rule of `head_threshold` from sorted voxels, without any bins."""
    ordered = np.sort(volume.astype(np.float64), axis=None)
    dark, bright = (ordered[int(np.ceil(f * ordered.size)) - 1] for f in (0.02, 0.98))
    robust = dark + 0.1 * (bright - dark)
    empty = ordered == ordered[0]
    noise = ~empty & (ordered <= robust)
    return float(ordered[0] if empty.mean() >= 0.05 and noise.mean() < 0.05 else robust)


def numpy_equalised(volume: np.ndarray, inside: np.ndarray, levels: int, first: int) -> np.ndarray:
    """The rule of `equalise` from ranks, without any bins; outside of `inside` it is 0."""
    taking_part = np.sort(volume[inside])
    lower = np.searchsorted(taking_part, volume, side="left")
    upper = np.searchsorted(taking_part, volume, side="right")
    level = levels * (lower + upper) // max(2 * taking_part.size, 1) + first
    return np.where(inside, level, 0).astype(np.uint8)


def stripped_scan(seed: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    generator = np.random.default_rng(seed)
    volume = generator.integers(100, 900, shape).astype(np.float32)
    volume[: shape[0] // 2] = 0
    return volume


def full_head_scan(seed: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    generator = np.random.default_rng(seed)
    volume = generator.uniform(0, 10, shape).astype(np.float32)
    volume[1:5, 2:7, 2:8] = generator.uniform(200, 900, (4, 5, 6))
    return volume


def test_volume_mode_by_hand() -> None:
    # 8 voxels: mid distribution of 0, 0, 0, 0 is 2/8, of 1 is 4.5/8, of 2, 2 is 6/8, of 9 is 7.5/8.
    volume = np.array([0, 0, 0, 0, 1, 2, 2, 9], np.float32).reshape(2, 2, 2)
    expected = [64, 64, 64, 64, 144, 192, 192, 240]
    assert equalised(volume, "volume").ravel().tolist() == expected


def test_head_mode_by_hand() -> None:
    # Half of the voxels hold the minimum, so that the head is 1, 2, 2, 9:
    # mid distribution 0.5/4, 2/4, 2/4, 3.5/4; 1 + floor of 255 times that.
    volume = np.array([0, 0, 0, 0, 1, 2, 2, 9], np.float32).reshape(2, 2, 2)
    assert equalised(volume, "head").ravel().tolist() == [0, 0, 0, 0, 32, 128, 128, 224]


def test_threshold_of_a_full_head_by_hand() -> None:
    # 0..99: no value fills 5%; the 2nd and the 98th of 100 values are 1 and 97; 1 + 0.1 * 96.
    volume = np.arange(100, dtype=np.float32).reshape(4, 5, 5)
    assert threshold_of(volume) == pytest.approx(10.6, abs=0.01)


@pytest.mark.parametrize(("zeros", "stripped"), [(4, False), (5, True), (6, True)])
def test_five_percent_at_the_minimum_make_a_stripped_scan(zeros: int, stripped: bool) -> None:
    volume = np.arange(100, 200, dtype=np.float32)
    volume[:zeros] = 0
    threshold = threshold_of(volume.reshape(4, 5, 5))
    assert (threshold == 0) is stripped


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [stripped_scan, full_head_scan])
def test_volume_mode_agrees_with_numpy(make: Callable[[int], np.ndarray], seed: int) -> None:
    volume = make(seed)
    expected = numpy_equalised(volume, np.ones(SHAPE, bool), levels=256, first=0)
    assert np.abs(equalised(volume, "volume").astype(int) - expected).max() <= 1


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [stripped_scan, full_head_scan])
def test_head_mode_agrees_with_numpy(make: Callable[[int], np.ndarray], seed: int) -> None:
    volume = make(seed)
    inside = volume > numpy_threshold(volume)
    expected = numpy_equalised(volume, inside, levels=255, first=1)
    result = equalised(volume, "head")
    np.testing.assert_array_equal(result > 0, inside)
    assert np.abs(result.astype(int) - expected).max() <= 1


def test_integers_agree_with_numpy_exactly() -> None:
    volume = stripped_scan(7)
    np.testing.assert_array_equal(
        equalised(volume, "volume"),
        numpy_equalised(volume, np.ones(SHAPE, bool), levels=256, first=0),
    )
    np.testing.assert_array_equal(
        equalised(volume, "head"), numpy_equalised(volume, volume > 0, levels=255, first=1)
    )


def test_threshold_agrees_with_numpy() -> None:
    for seed in range(3):
        for volume in (stripped_scan(seed), full_head_scan(seed)):
            bin_width = float(np.ptp(volume)) / 65536
            assert threshold_of(volume) == pytest.approx(numpy_threshold(volume), abs=bin_width)


def test_head_mode_finds_the_head_and_nothing_else() -> None:
    result = equalised(full_head_scan(0), "head")
    head = np.zeros(SHAPE, bool)
    head[1:5, 2:7, 2:8] = True
    np.testing.assert_array_equal(result > 0, head)


def test_empty_border_around_a_noisy_background_is_not_head() -> None:
    volume = full_head_scan(0)
    head = volume > 100
    volume[:, :, 0] = 0
    np.testing.assert_array_equal(equalised(volume, "head") > 0, head)


def test_threshold_inside_a_bin_leaves_lower_voxels_out() -> None:
    # One outlier makes the bins wider (1e6 / 65536 = 15) than the whole step from 0 to 10.
    volume = np.zeros((4, 5, 5), np.float32)
    volume[2:] = 10
    volume[3, 4, 4] = 1e6
    result = equalised(volume, "head")
    np.testing.assert_array_equal(result > 0, volume > 0)
    assert result[2].tolist() == np.full((5, 5), 1 + int(255 * 24.5 / 50)).tolist()


@pytest.mark.parametrize("mode", MODES)
@given(seed=st.integers(0, 2**16), full_head=st.booleans())
@settings(max_examples=20)
def test_level_never_falls_as_intensity_rises(mode: str, seed: int, full_head: bool) -> None:
    volume = full_head_scan(seed) if full_head else stripped_scan(seed)
    order = np.argsort(volume, axis=None)
    levels = equalised(volume, mode).ravel()[order].astype(int)
    assert (np.diff(levels) >= 0).all()


@pytest.mark.parametrize("mode", MODES)
@given(
    seed=st.integers(0, 2**16),
    slope=st.floats(1e-3, 1e3),
    intercept=st.floats(-100, 100),
)
@settings(max_examples=20)
def test_affine_change_moves_no_level_by_more_than_one(
    mode: str, seed: int, slope: float, intercept: float
) -> None:
    volume = stripped_scan(seed)
    changed = (slope * (volume + np.float32(intercept))).astype(np.float32)
    before, after = (equalised(v, mode).astype(int) for v in (volume, changed))
    assert np.abs(before - after).max() <= 1


def test_levels_are_evenly_used() -> None:
    volume = np.random.default_rng(0).lognormal(size=(16, 32, 32)).astype(np.float32)
    for mode in MODES:
        result = equalised(volume, mode)
        assert (result.min(), result.max()) == (0, 255)
    # 64 voxels a level, give or take those that share a bin.
    counts = np.bincount(equalised(volume, "volume").ravel(), minlength=256)
    assert counts.min() >= 32
    assert counts.max() <= 128


@pytest.mark.parametrize("mode", MODES)
def test_background_of_a_stripped_scan_stays_darker_than_the_brain(mode: str) -> None:
    volume = stripped_scan(1)
    result = equalised(volume, mode)
    assert result.dtype == np.uint8
    assert result[volume == 0].max() < result[volume > 0].min()


@pytest.mark.parametrize("constant", [0.0, -3.0, 1e-30, 3e38])
def test_constant_volume(constant: float) -> None:
    volume = np.full(SHAPE, constant, np.float32)
    assert set(equalised(volume, "volume").ravel().tolist()) == {128}
    assert set(equalised(volume, "head").ravel().tolist()) == {0}
    assert threshold_of(volume) == np.float32(constant)


def test_volume_mode_is_symmetric_under_inversion() -> None:
    volume = stripped_scan(3)
    total = equalised(volume, "volume").astype(int) + equalised(-volume, "volume")
    assert set(total.ravel().tolist()) <= {255, 256}


def test_unknown_mode_is_named() -> None:
    with pytest.raises(UsageError, match=r"'brain'; choose 'volume' or 'head'"):
        equalise(jnp.zeros(SHAPE), "brain")


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        (0, ((2, 4), (3, 4), (1, 6))),
        (1, ((1, 5), (2, 5), (0, 7))),
        (50, ((0, 6), (0, 9), (0, 10))),
    ],
)
def test_head_box_by_hand(margin: int, expected: tuple[tuple[int, int], ...]) -> None:
    image = np.zeros(SHAPE, np.uint8)
    image[2, 3, 1] = image[3, 3, 5] = 1
    assert head_box(image, margin) == expected


def test_head_box_without_a_head_is_the_whole_volume() -> None:
    assert head_box(np.zeros(SHAPE, np.uint8), 2) == ((0, 6), (0, 9), (0, 10))


def test_head_box_refuses_a_negative_margin() -> None:
    with pytest.raises(UsageError, match="-1 voxels; give 0 or more"):
        head_box(np.ones(SHAPE, np.uint8), -1)
