"""Histograms of intensities and grey levels."""

import numpy as np

from brainfcn_jax.imaging.histograms import BINS, intensity_histogram, level_histogram


def test_every_voxel_is_counted_once() -> None:
    values = np.random.default_rng(0).gamma(2, 100, (30, 20, 10)).astype(np.float32)
    found = intensity_histogram(values)
    assert found.counts.sum() == values.size
    assert found.edges.shape == (BINS + 1,)
    assert found.edges[0] == values.min()
    in_first_half = np.count_nonzero(values < found.edges[BINS // 2])
    assert found.counts[: BINS // 2].sum() == in_first_half


def test_a_few_bright_voxels_do_not_press_the_rest_together() -> None:
    values = np.r_[np.linspace(0, 100, 10_000), 1e6].astype(np.float32)
    found = intensity_histogram(values)
    assert found.edges[-1] <= 100
    assert found.counts[-1] > found.counts[-2] - 2
    assert found.counts.sum() == values.size


def test_one_intensity_and_none() -> None:
    assert intensity_histogram(np.full(7, 3.0)).counts.tolist() == [7] + [0] * (BINS - 1)
    assert not intensity_histogram(np.zeros(0)).counts.any()


def test_intensities_too_close_together_for_float32() -> None:
    one = intensity_histogram(np.full(7, 1e9, np.float32))
    assert one.counts.tolist() == [7] + [0] * (BINS - 1)
    two = intensity_histogram(np.array([1e9, 1e9 + 64], np.float32))
    assert two.counts[[0, -1]].tolist() == [1, 1]


def test_grey_levels_have_a_bin_each() -> None:
    levels = np.array([[0, 0, 1], [255, 1, 1]], np.uint8)
    everything, head = level_histogram(levels), level_histogram(levels, 1)
    assert everything.counts[[0, 1, 255]].tolist() == [2, 3, 1]
    assert head.counts[[0, 254]].tolist() == [3, 1]
    assert head.edges[[0, -1]].tolist() == [0.5, 255.5]
