"""Random rotation, scaling, mirroring and contrast of slices with their labels. Pure JAX."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, Shaped, UInt8

_KNOTS = 6
_LEVELS = 255  # but for 0, which is outside of the head


def augment(
    key: PRNGKeyArray,
    images: Float[Array, "image height width channel"],
    labels: Int[Array, "image height width"],
    valid: Bool[Array, "image height width"],
    rotation_degrees: float,
    scale_range: tuple[float, float],
    mirror: bool,
) -> tuple[
    Float[Array, "image height width channel"],
    Int[Array, "image height width"],
    Bool[Array, "image height width"],
]:
    """Turn, scales and mirror each image at random about its centre (Xu et al. 2017, section 3).

    For each image an angle is drawn evenly from `-rotation_degrees..rotation_degrees`, a scale
    evenly from `scale_range` (above 1 magnifies) and, with `mirror`, a fair coin. With centre
    `c = ((height - 1) / 2, (width - 1) / 2)` the pixel p shows the source position
    `c + mirrored(rotated(p - c)) / scale`; a positive angle turns the first axis towards the
    second. Images are bilinear, labels and `valid` nearest. Pixels are taken as square.

    Args:
      key: the only source of randomness; one key, one result.
      images: 0..255, before the mean is subtracted, so that what comes in from outside is the
        constant 0 of an empty neighbour.
      labels: tissue numbers; 0 comes in from outside.
      valid: False where a pixel only pads. It follows its source pixel, and is True outside of
        the image: what comes in from there is background, and counts.
      rotation_degrees: the largest angle, in degrees.
      scale_range: the lowest and the highest scale, above 0.
      mirror: whether half of the images are mirrored along the height axis, which is the patient's
        left-right in axial and coronal slices (not in sagittal ones: there leave it off).

    Returns:
      Images, labels and valid, of the shapes and dtypes given.
    """
    count, height, width = labels.shape
    matrices = _source_matrices(key, count, rotation_degrees, scale_range, mirror)
    rows, columns = _source_positions(matrices, height, width)
    return (
        _bilinear(images, rows, columns),
        _nearest(labels, rows, columns, jnp.zeros((), labels.dtype)),
        _nearest(valid, rows, columns, jnp.ones((), valid.dtype)),
    )


def remapped(
    key: PRNGKeyArray, images: UInt8[Array, "image height width channel"], fraction: float
) -> UInt8[Array, "image height width channel"]:
    """Return a share of the images in another contrast: their levels through a random curve.

    For each of these images a curve of straight lines runs between `_KNOTS` values from U(0, 1),
    evenly spaced over the levels 1..255. What it gives is equalised again, as though each of these
    levels were as frequent as the others, which equalisation inside the head makes them. 0 stays.

    Args:
      key: the only source of randomness; one key, one result.
      images: equalised, not yet anything else.
      fraction: how likely each image is changed.
    """
    curve_key, chance_key = jax.random.split(key)
    count = images.shape[0]
    values = jax.random.uniform(curve_key, (count, _KNOTS))
    knots, levels = jnp.linspace(1, _LEVELS, _KNOTS), jnp.arange(1, _LEVELS + 1)
    curved = jax.vmap(lambda value: jnp.interp(levels, knots, value))(values)  # (image, level)
    lower = jnp.sum(curved[:, :, None] > curved[:, None, :], axis=2)
    equal = jnp.sum(curved[:, :, None] == curved[:, None, :], axis=2)
    table = (1 + lower + equal // 2).astype(jnp.uint8)
    chosen = jax.random.uniform(chance_key, (count, 1)) < fraction
    table = jnp.where(chosen, table, levels.astype(jnp.uint8))
    table = jnp.pad(table, ((0, 0), (1, 0)))  # (image, level from 0)
    return jax.vmap(lambda lookup, image: lookup[image])(table, images)


def _source_matrices(
    key: PRNGKeyArray,
    count: int,
    rotation_degrees: float,
    scale_range: tuple[float, float],
    mirror: bool,
) -> Float[Array, "image 2 2"]:
    angle_key, scale_key, mirror_key = jax.random.split(key, 3)
    lowest, highest = scale_range
    angles = jnp.deg2rad(
        jax.random.uniform(
            angle_key, (count,), jnp.float32, minval=-rotation_degrees, maxval=rotation_degrees
        )
    )
    scales = jax.random.uniform(scale_key, (count,), jnp.float32, minval=lowest, maxval=highest)
    mirrored = jax.random.bernoulli(mirror_key, 0.5, (count,)) & mirror
    signs = jnp.where(mirrored, -1.0, 1.0)
    cosines, sines = jnp.cos(angles) / scales, jnp.sin(angles) / scales
    first = jnp.stack([signs * cosines, signs * sines], axis=-1)  # (image, 2)
    second = jnp.stack([-sines, cosines], axis=-1)  # (image, 2)
    return jnp.stack([first, second], axis=1)  # (image, 2, 2)


def _source_positions(
    matrices: Float[Array, "image 2 2"], height: int, width: int
) -> tuple[Float[Array, "image height width"], Float[Array, "image height width"]]:
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    row = (jnp.arange(height, dtype=jnp.float32) - middle_row)[None, :, None]
    column = (jnp.arange(width, dtype=jnp.float32) - middle_column)[None, None, :]
    entries = matrices[:, :, :, None, None]  # (image, 2, 2, 1, 1)
    rows = entries[:, 0, 0] * row + entries[:, 0, 1] * column + middle_row
    columns = entries[:, 1, 0] * row + entries[:, 1, 1] * column + middle_column
    return rows, columns  # (image, height, width) each


def _bilinear(
    images: Float[Array, "image height width channel"],
    rows: Float[Array, "image height width"],
    columns: Float[Array, "image height width"],
) -> Float[Array, "image height width channel"]:
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = rows - top, columns - left  # the shares of the lower and of the right neighbour
    total = jnp.zeros_like(images)
    for row, row_share in ((top, 1 - down), (top + 1, down)):
        for column, column_share in ((left, 1 - right), (left + 1, right)):
            places, inside = _flat_places(row, column)
            share = jnp.where(inside, row_share * column_share, 0.0)
            total += share[..., None] * _take(images, places)
    return total


def _nearest(
    values: Shaped[Array, "image height width"],
    rows: Float[Array, "image height width"],
    columns: Float[Array, "image height width"],
    outside: Shaped[Array, ""],
) -> Shaped[Array, "image height width"]:
    places, inside = _flat_places(jnp.floor(rows + 0.5), jnp.floor(columns + 0.5))
    return jnp.where(inside, _take(values, places), outside)


def _flat_places(
    rows: Float[Array, "image height width"], columns: Float[Array, "image height width"]
) -> tuple[Int[Array, "image height width"], Bool[Array, "image height width"]]:
    count, height, width = rows.shape
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    row = jnp.clip(rows, 0, height - 1).astype(jnp.int32)
    column = jnp.clip(columns, 0, width - 1).astype(jnp.int32)
    image = jnp.arange(count, dtype=jnp.int32)[:, None, None]
    return (image * height + row) * width + column, inside


def _take(
    values: Shaped[Array, "image height width *channel"], places: Int[Array, "image height width"]
) -> Shaped[Array, "image height width *channel"]:
    # One gather of whole pixels from a flat array: several times faster on a CPU than a gather
    # for each channel.
    flat = values.reshape(-1, *values.shape[3:])  # (image * height * width, *channel)
    return flat.at[places].get(mode="promise_in_bounds")
