"""What the slice viewer is given, unpacked again."""

import base64
import gzip

import numpy as np
import pytest
from jaxtyping import UInt8
from support.labelled_brain import SPACING_MM, entropies, intensities, labelled_brain

from brainfcn_jax.imaging.grid import Grid
from brainfcn_jax.labels import CSF, WM
from brainfcn_jax.results.pages import viewer
from brainfcn_jax.results.pages.viewer import ViewerVolumes, viewer_volumes


def grid_of(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> Grid:
    return Grid(shape, np.diag([*spacing_mm, 1.0]))


def volumes_of(
    given: ViewerVolumes,
) -> tuple[UInt8[np.ndarray, "x y z"], UInt8[np.ndarray, "x y z"], UInt8[np.ndarray, "x y z"]]:
    """Scan, labels and uncertainty."""
    contents = (given.scan, given.labels, given.uncertainty)
    unpacked = (gzip.decompress(base64.b64decode(content)) for content in contents)
    scan, labels, uncertainty = (
        np.frombuffer(content, np.uint8).reshape(given.shape, order="F") for content in unpacked
    )
    return scan, labels, uncertainty


def test_a_small_scan_is_cut_to_its_head_and_kept_as_it_is() -> None:
    labels = labelled_brain()
    image = intensities(labels)
    given = viewer_volumes(image, labels, entropies(labels), grid_of(labels.shape, SPACING_MM))
    scan, tissues, uncertainty = volumes_of(given)
    box = tuple(slice(p.min(), p.max() + 1) for p in np.nonzero(labels))
    np.testing.assert_array_equal(tissues, labels[box])
    assert set(np.unique(uncertainty)) == {0, 51}
    assert (scan[labels[box] == 0] == 0).mean() > 0.99
    assert scan[labels[box] == WM].mean() > 2 * scan[labels[box] == CSF].mean() + 9
    assert given.spacing_mm == SPACING_MM


def test_bytes_give_back_intensities() -> None:
    labels = labelled_brain()
    image = intensities(labels)
    given = viewer_volumes(image, labels, entropies(labels), grid_of(labels.shape, SPACING_MM))
    scan, tissues, _ = volumes_of(given)
    black, white = given.window
    shown = black + scan / 255 * (white - black)
    box = tuple(slice(p.min(), p.max() + 1) for p in np.nonzero(labels))
    within = (scan > 0) & (scan < 255) & (tissues > 0)
    assert np.abs(shown - image[box])[within].max() <= (white - black) / 255 / 2 + 1e-3


@pytest.mark.parametrize("most_voxels", [10**6, 20_000])
def test_a_voxel_of_the_viewer_is_told_by_the_files_own_indices_and_mm(
    monkeypatch: pytest.MonkeyPatch, most_voxels: int
) -> None:
    monkeypatch.setattr(viewer, "MOST_VOXELS", most_voxels)
    shape, affine = (
        (66, 60, 70),
        np.array([[0, -3.0, 0, 80], [0, 0, 3, -100], [-3, 0, 0, 90], [0, 0, 0, 1]]),
    )  # the axes run to the bottom, the left and the front
    grid = Grid(shape, affine)
    labels = labelled_brain()
    given = viewer_volumes(intensities(labels), labels, entropies(labels), grid)
    _, tissues, _ = volumes_of(given)
    in_file = grid.from_canonical(labels)
    to_file, to_mm = np.array(given.to_file), np.array(given.to_mm)
    places = np.argwhere(tissues > 0)[::97]
    ones = np.column_stack([places, np.ones(len(places))])
    found = np.rint(ones @ to_file.T)[:, :3].astype(int)
    same = in_file[tuple(found.T)] == tissues[tuple(places.T)]
    assert same.mean() > 0.97  # the nearest voxel of two at the same distance may be the other
    np.testing.assert_allclose(ones @ to_mm.T, ones @ to_file.T @ affine.T, atol=0.1)


def test_it_starts_in_the_middle_of_the_brain() -> None:
    labels = np.zeros((40, 40, 40), np.uint8)
    labels[20:30, 4:8, 10:12] = WM
    image = np.ones(labels.shape, np.float32)
    given = viewer_volumes(image, labels, entropies(labels), grid_of(labels.shape, SPACING_MM))
    assert volumes_of(given)[1][given.start] == WM


def test_a_large_scan_gets_larger_voxels_over_the_same_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(viewer, "MOST_VOXELS", 20_000)
    shape, spacing_mm = (60, 70, 33), (3.0, 3.0, 6.0)
    labels = labelled_brain(shape, spacing_mm)
    given = viewer_volumes(
        intensities(labels), labels, entropies(labels), grid_of(shape, spacing_mm)
    )
    scan, tissues, _ = volumes_of(given)
    assert tissues.size == scan.size <= 20_000
    extent_mm = np.array(tissues.shape) * given.spacing_mm
    extents = [np.ptp(places) + 1 for places in np.nonzero(labels)]
    np.testing.assert_allclose(extent_mm, np.multiply(extents, (3, 3, 6)), rtol=1e-5)
    assert np.bincount(tissues.ravel(), minlength=8) / tissues.size == pytest.approx(
        np.bincount(
            labels[labels.any((1, 2))][:, labels.any((0, 2))][..., labels.any((0, 1))].ravel(),
            minlength=8,
        )
        / np.prod(extents),
        abs=0.02,
    )


@pytest.mark.parametrize("level", [0.0, 7.0])
def test_a_scan_without_anything_in_it_is_shown_whole(level: float) -> None:
    shape = (6, 5, 4)
    given = viewer_volumes(
        np.full(shape, level, np.float32),
        np.zeros(shape, np.uint8),
        np.zeros(shape, np.float16),
        grid_of(shape, (1.0, 1.0, 1.0)),
    )
    assert given.shape == shape
    assert given.start == (3, 2, 2)


def test_a_whole_head_of_noise_keeps_the_page_small() -> None:
    rng = np.random.default_rng(0)
    shape = (192, 224, 192)
    image = rng.random(shape, np.float32)
    labels = rng.integers(0, 8, shape, np.uint8)
    given = viewer_volumes(image, labels, image.astype(np.float16), grid_of(shape, (1.0, 1.0, 1.0)))
    assert sum(map(len, (given.scan, given.labels, given.uncertainty))) < 8_000_000
