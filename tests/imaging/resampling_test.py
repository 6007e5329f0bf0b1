"""Interpolation between grids: by hand, against scipy, and its symmetries."""

import numpy as np
import pytest
from scipy import ndimage

from brainfcn_jax.imaging.resampling import (
    Line,
    Lines,
    centred_line,
    interpolated_labels,
    interpolated_scores,
    interpolation_matrix,
    resample,
    total_weights,
)

RANDOM = np.random.default_rng(0)


def lines(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Lines:
    first, second, third = map(centred_line, shape, spacing_mm)
    return first, second, third


def resampled(grid: Lines, *spacing_mm: float) -> Lines:
    first, second, third = (line.resampled(mm) for line, mm in zip(grid, spacing_mm, strict=True))
    return first, second, third


def test_a_finer_line_is_interpolated_and_held_at_its_ends() -> None:
    matrix = interpolation_matrix(centred_line(2, 2.0), centred_line(4, 1.0))
    expected = np.array([[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]])
    np.testing.assert_allclose(matrix, expected, atol=1e-6)


def test_a_coarser_line_takes_a_mean_as_wide_as_its_samples() -> None:
    matrix = interpolation_matrix(centred_line(8, 1.0), centred_line(4, 2.0))
    np.testing.assert_allclose(matrix[1], np.array([0, 0, 1, 1, 0, 0, 0, 0]) / 2, atol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)


def test_a_cell_that_is_cut_counts_by_its_part() -> None:
    matrix = interpolation_matrix(centred_line(3, 1.0), centred_line(2, 1.5))
    np.testing.assert_allclose(matrix, np.array([[2, 1, 0], [0, 1, 2]]) / 3, atol=1e-6)


@pytest.mark.parametrize("spacing_mm", [0.4, 1.0, 2.3])
def test_total_weights_make_sums_without_interpolation(spacing_mm: float) -> None:
    source = centred_line(17, 1.0)
    target = source.resampled(spacing_mm).part(1, 6)
    values = RANDOM.random(17).astype(np.float32)
    total = (interpolation_matrix(source, target) @ values).sum()
    assert total_weights(source, target) @ values == pytest.approx(total, rel=1e-5)
    assert total_weights(source, source).tolist() == [1] * 17


def test_detail_too_fine_for_the_new_line_is_averaged_away() -> None:
    stripes = np.tile(np.array([0, 1], np.float32), 32)
    source = centred_line(64, 0.5)
    matrix = interpolation_matrix(source, source.resampled(1.0))
    np.testing.assert_allclose((matrix @ stripes)[1:-1], 0.5, atol=1e-6)


def test_spacings_within_five_percent_are_the_same() -> None:
    line = centred_line(100, 1.0)
    assert line.resampled(1.049) is line
    assert line.resampled(0.953) is line
    assert line.resampled(1.06).size == 95
    assert centred_line(256, 0.7).resampled(1.0).size == 180
    assert centred_line(1, 0.1).resampled(1.0) == Line(0.0, 1.0, 1)


def test_the_cover_of_a_part() -> None:
    coarse, fine = centred_line(4, 3.0), centred_line(12, 1.0)
    assert fine.cover(coarse.part(1, 3)) == (3, 9)
    assert coarse.cover(fine.part(2, 7)) == (0, 3)
    assert fine.cover(fine.part(2, 7)) == (2, 7)


def test_a_volume_agrees_with_scipy() -> None:
    volume = RANDOM.normal(size=(7, 6, 5)).astype(np.float32)
    source = lines((7, 6, 5), (1.0, 2.0, 5.0))
    target = resampled(source, 1.0, 0.8, 1.0)
    places = [
        (t.first_mm + t.spacing_mm * np.arange(t.size) - s.first_mm) / s.spacing_mm
        for s, t in zip(source, target, strict=True)
    ]
    grid = np.meshgrid(*places, indexing="ij")
    expected = ndimage.map_coordinates(volume, grid, order=1, mode="nearest")
    np.testing.assert_allclose(resample(volume, source, target), expected, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_mirrored_volume_gives_a_mirrored_result(axis: int) -> None:
    volume = RANDOM.normal(size=(9, 8, 7)).astype(np.float32)
    source = lines((9, 8, 7), (0.6, 1.0, 3.0))
    target = resampled(source, 1.0, 0.7, 1.0)
    mirrored = resample(np.flip(volume, axis), source, target)
    expected = np.flip(resample(volume, source, target), axis)
    np.testing.assert_allclose(mirrored, expected, atol=1e-6)


@pytest.mark.parametrize("slab_values", [1, 300, 10**9])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scores_are_the_same_in_slabs_of_any_size(slab_values: int, axis: int) -> None:
    scores = RANDOM.random((4, 5, 6, 7)).astype(np.float16)
    source = lines((5, 6, 7), (1.0, 1.0, 1.0))
    target = resampled(source, 0.4, 1.0, 2.0)
    whole = np.stack([resample(score.astype(np.float32), source, target) for score in scores])
    found = np.empty_like(whole)
    for place, slab in interpolated_scores(scores, source, target, axis, slab_values):
        assert slab.size <= slab_values or slab.shape[1 + axis] == 1
        found[:, *place] = slab
    np.testing.assert_allclose(found, whole, atol=1e-6)
    labels = interpolated_labels(scores, source, target, axis, slab_values)
    np.testing.assert_array_equal(labels, found.argmax(axis=0))
