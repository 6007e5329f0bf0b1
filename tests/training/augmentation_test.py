"""Augmentation, judged from outside: the transform of each image is read back from its result.

An image whose channels hold its own row and column numbers shows, after augmentation, where each
pixel came from. Draws depend on the key and the number of images only, so that the transform read
from such an image is the one that the same key gives any other image of that size.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from brainfcn_jax.training.augmentation import augment, remapped

COUNT, HEIGHT, WIDTH = 12, 24, 32
MIDDLE = np.array([(HEIGHT - 1) / 2, (WIDTH - 1) / 2])
KEY = jax.random.key(3)

_augment = jax.jit(augment, static_argnames=("rotation_degrees", "scale_range", "mirror"))


def run(
    images: np.ndarray,
    labels: np.ndarray,
    valid: np.ndarray,
    key: jax.Array = KEY,
    rotation_degrees: float = 0.0,
    scale_range: tuple[float, float] = (1.0, 1.0),
    mirror: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    results = _augment(
        key,
        jnp.asarray(images, jnp.float32),
        jnp.asarray(labels, jnp.int32),
        jnp.asarray(valid, bool),
        rotation_degrees=rotation_degrees,
        scale_range=scale_range,
        mirror=mirror,
    )
    image, label, mask = (np.asarray(result) for result in results)
    return image, label, mask


def random_batch(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    shape = (COUNT, HEIGHT, WIDTH)
    images = generator.uniform(0, 255, (*shape, 3)).astype(np.float32)
    return images, generator.integers(0, 8, shape), generator.random(shape) < 0.8


def source_matrices(
    rotation_degrees: float, scale_range: tuple[float, float], mirror: bool, key: jax.Array = KEY
) -> np.ndarray:
    """Reads the matrix of each image, from output to source offsets, off coordinate images."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    image = np.stack([rows, columns, np.ones_like(rows)], axis=-1)
    _, labels, valid = random_batch()
    batch = np.broadcast_to(image, (COUNT, HEIGHT, WIDTH, 3))
    result, _, _ = run(batch, labels, valid, key, rotation_degrees, scale_range, mirror)
    offsets = np.stack([rows, columns], axis=-1) - MIDDLE  # (height, width, 2)
    matrices = []
    for pixels in result:
        whole = pixels[..., 2] > 0.9999  # not blended with the outside
        solution = np.linalg.lstsq(offsets[whole], pixels[whole][:, :2] - MIDDLE, rcond=None)
        matrices.append(solution[0].T)
    return np.stack(matrices)  # (image, 2, 2)


def scipy_resampled(plane: np.ndarray, matrix: np.ndarray, order: int, outside: int) -> np.ndarray:
    shift = MIDDLE - matrix @ MIDDLE
    return ndimage.affine_transform(
        plane, matrix, shift, order=order, mode="grid-constant", cval=outside
    )


def test_nothing_asked_changes_nothing() -> None:
    batch = random_batch()
    for given, result in zip(batch, run(*batch), strict=True):
        np.testing.assert_array_equal(result, given)


def test_double_size_by_hand() -> None:
    # Around the middle 1.5 of four pixels, output 0..3 shows source 0.75, 1.25, 1.75, 2.25.
    image = np.broadcast_to(np.array([0.0, 10.0, 20.0, 40.0])[:, None, None], (4, 4, 3))[None]
    labels = np.broadcast_to(np.array([0, 1, 2, 3])[:, None], (4, 4))[None]
    result, label, _ = run(image, labels, np.ones((1, 4, 4)), scale_range=(2.0, 2.0))
    np.testing.assert_allclose(result[0, :, 2, 0], [7.5, 12.5, 17.5, 25.0], atol=1e-4)
    assert label[0, :, 2].tolist() == [1, 1, 2, 2]


def test_half_size_by_hand() -> None:
    # Output 0..3 shows source -1.5, 0.5, 2.5, 4.5: the first and last lie outside.
    image = np.full((1, 4, 4, 3), 100.0)
    labels = np.full((1, 4, 4), 5)
    valid = np.zeros((1, 4, 4), bool)
    result, label, mask = run(image, labels, valid, scale_range=(0.5, 0.5))
    ring = np.array([False, True, True, False])
    within = ring[:, None] & ring
    np.testing.assert_allclose(result[0, ..., 1], np.where(within, 100, 0), atol=1e-4)
    np.testing.assert_array_equal(label[0], np.where(within, 5, 0))
    # What comes in from outside is background and counts; what was padding still does not.
    np.testing.assert_array_equal(mask[0], ~within)


def test_edge_blends_with_the_zero_outside() -> None:
    # Five pixels at scale 1 / 1.125 reach 2.25 from the middle: a quarter beyond the last pixel.
    image = np.full((1, 5, 5, 3), 80.0)
    whole = np.ones((1, 5, 5))
    result, _, _ = run(image, whole, whole, scale_range=(1 / 1.125, 1 / 1.125))
    np.testing.assert_allclose(result[0, :, 2, 0], [60, 80, 80, 80, 60], atol=1e-3)


def test_drawn_transforms_lie_in_the_range_asked() -> None:
    matrices = source_matrices(20.0, (0.8, 1.3), mirror=False)
    scales = 1 / np.sqrt(np.linalg.det(matrices))
    degrees = np.rad2deg(np.arctan2(matrices[:, 0, 1], matrices[:, 0, 0]))
    assert 0.8 <= scales.min() < 0.95
    assert 1.15 < scales.max() <= 1.3
    assert -20 <= degrees.min() < -5
    assert 5 < degrees.max() <= 20
    orthogonal = matrices @ np.swapaxes(matrices, 1, 2) * scales[:, None, None] ** 2
    np.testing.assert_allclose(orthogonal, np.broadcast_to(np.eye(2), (COUNT, 2, 2)), atol=1e-3)


def test_positive_angle_turns_the_first_axis_towards_the_second() -> None:
    matrices = source_matrices(30.0, (1.0, 1.0), mirror=False)
    image = np.zeros((COUNT, HEIGHT, WIDTH, 3), np.float32)
    image[:, 18:21, 14:18] = 100  # below the middle, on the first axis
    nothing = np.zeros(image.shape[:3])
    turned, _, _ = run(image, nothing, nothing, rotation_degrees=30.0)
    for matrix, pixels in zip(matrices, turned[..., 0], strict=True):
        degrees = np.rad2deg(np.arctan2(matrix[0, 1], matrix[0, 0]))
        row, column = np.array(ndimage.center_of_mass(pixels)) - MIDDLE
        assert np.rad2deg(np.arctan2(column, row)) == pytest.approx(degrees, abs=1.0)


@pytest.mark.parametrize("mirror", [False, True])
def test_agrees_with_scipy(mirror: bool) -> None:
    images, labels, valid = random_batch(1)
    matrices = source_matrices(25.0, (0.7, 1.4), mirror)
    result, label, mask = run(
        images, labels, valid, rotation_degrees=25.0, scale_range=(0.7, 1.4), mirror=mirror
    )
    differing = []
    for index, matrix in enumerate(matrices):
        for channel in range(3):
            expected = scipy_resampled(images[index, ..., channel], matrix, 1, 0)
            np.testing.assert_allclose(result[index, ..., channel], expected, atol=0.05)
        differing.append(label[index] != scipy_resampled(labels[index], matrix, 0, 0))
        differing.append(mask[index] != scipy_resampled(valid[index].astype(int), matrix, 0, 1))
    # Nearest pixels may differ where the matrix read back falls on the other side of a half.
    assert np.mean(differing) <= 0.001


def test_mirrors_some_images_along_the_height_and_nothing_else() -> None:
    batch = random_batch(2)
    results = run(*batch, mirror=True)
    flipped = []
    for index in range(COUNT):
        same = np.array_equal(results[0][index], batch[0][index])
        flipped.append(not same)
        for given, result in zip(batch, results, strict=True):
            expected = given[index] if same else given[index, ::-1]
            np.testing.assert_array_equal(result[index], expected)
    assert 0 < sum(flipped) < COUNT


def test_labels_and_images_stay_together() -> None:
    # An image that is a smooth function of position, cut into labels by that function.
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    value = 4.0 * rows + 3.0 * columns
    images = np.broadcast_to(value[..., None], (COUNT, HEIGHT, WIDTH, 3))
    labels = np.broadcast_to(1 + (value > 90), (COUNT, HEIGHT, WIDTH))
    whole = np.ones(labels.shape)
    result, label, _ = run(
        images, labels, whole, rotation_degrees=40.0, scale_range=(0.9, 1.5), mirror=True
    )
    # Half a pixel in each direction changes the value by at most 3.5.
    assert (result[..., 0][label == 1] <= 90 + 3.5).all()
    assert (label[result[..., 0] > 90 + 3.5] == 2).all()
    assert set(np.unique(label).tolist()) <= {0, 1, 2}


def test_one_key_one_result_and_images_differ() -> None:
    batch = random_batch()
    one, again, other = (
        run(*batch, key=jax.random.key(seed), rotation_degrees=15.0, scale_range=(0.9, 1.1))[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 1
    matrices = source_matrices(15.0, (0.9, 1.1), mirror=False)
    assert len(np.unique(matrices[:, 0, 0].round(5))) == COUNT


def test_dtypes_are_kept_and_values_stay_in_range() -> None:
    result, label, mask = run(*random_batch(), rotation_degrees=180.0, scale_range=(0.3, 3.0))
    assert [str(array.dtype) for array in (result, label, mask)] == ["float32", "int32", "bool"]
    assert np.isfinite(result).all()
    assert result.min() >= 0
    assert result.max() <= 255.01


LEVELS = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (64, 256, 2, 3))


def test_no_image_is_remapped_unless_asked_for() -> None:
    np.testing.assert_array_equal(remapped(KEY, jnp.asarray(LEVELS), 0.0), LEVELS)


def test_a_curve_leaves_the_outside_and_how_frequent_levels_are() -> None:
    result = np.asarray(remapped(KEY, jnp.asarray(LEVELS), 1.0))
    assert (result[:, 0] == 0).all()
    np.testing.assert_array_equal(result[..., 0], result[..., 2])  # one curve for the neighbours
    np.testing.assert_array_equal(result[:, :, 0], result[:, :, 1])  # and for every place
    for curve in result[:, 1:, 0, 0].astype(int):
        steps = np.histogram(curve, bins=5, range=(0.5, 255.5))[0]
        assert steps.min() > 40  # 51 are even; equal values of the curve share one level
    falling = np.diff(result[:, 1:, 0, 0].astype(int), axis=1) < 0
    assert falling.any(axis=1).mean() > 0.8  # not merely brighter or darker


def test_a_share_of_the_images_is_remapped() -> None:
    result = np.asarray(remapped(KEY, jnp.asarray(LEVELS), 0.25))
    changed = (result != LEVELS).any(axis=(1, 2, 3))
    assert 5 < changed.sum() < 30
