"""Which slices make which batch: order, padding, fillers, means."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from brainfcn_jax.training.batches import (
    UNKNOWN,
    Batch,
    BatchShape,
    TrainingVolume,
    batch_shape,
    batches,
    channel_means,
    chosen,
    make_batch,
    part_of,
    training_slices,
)


def volume(name: str, slices: int, height: int, width: int, value: int) -> TrainingVolume:
    """A volume whose slice n has the colour (value, value + n, 0); slice 0 shows no head."""
    stacks = np.full((slices, height, width, 3), value, np.uint8)
    stacks[..., 1] += np.arange(slices, dtype=np.uint8)[:, None, None]
    stacks[..., 2] = 0
    labels = np.full((slices, height, width), 3, np.uint8)
    return TrainingVolume(name, stacks, labels, np.arange(slices) > 0)


VOLUMES = [volume("a", 4, 10, 14, 100), volume("b", 3, 18, 8, 200)]
SIZES = [volume.size for volume in VOLUMES]


def test_slices_without_a_head_are_left_out() -> None:
    np.testing.assert_array_equal(
        training_slices(VOLUMES), [[0, 1], [0, 2], [0, 3], [1, 1], [1, 2]]
    )


def test_the_size_is_the_largest_rounded_up_and_devices_share_equally() -> None:
    assert batch_shape(SIZES, 20, 4, 1) == BatchShape(20, 5, 4, 32, 16)
    assert batch_shape(SIZES, 20, 3, 1).microbatches == 7
    assert batch_shape(SIZES, 20, 1, 8).microbatches == 24
    assert batch_shape(SIZES, 20, 4, 8).microbatches == 8


@given(
    count=st.integers(1, 40), images=st.integers(1, 25), seed=st.integers(0, 99),
    step=st.integers(0, 50),
)  # fmt: skip
def test_every_slice_comes_once_before_any_comes_again(
    count: int, images: int, seed: int, step: int
) -> None:
    read = np.concatenate([chosen(count, images, seed, s) for s in range(step + 1)])
    for start in range(0, len(read), count):
        part = read[start : start + count]
        assert len(set(part.tolist())) == len(part)
    np.testing.assert_array_equal(chosen(count, images, seed, step), read[-images:])


def test_seed_and_round_change_the_order() -> None:
    assert chosen(50, 50, 0, 0).tolist() != chosen(50, 50, 1, 0).tolist()
    assert chosen(50, 50, 0, 0).tolist() != chosen(50, 50, 0, 1).tolist()


def test_an_image_lies_in_the_middle_and_the_rest_is_not_valid() -> None:
    shape = BatchShape(images=1, microbatches=1, images_per_microbatch=1, height=16, width=16)
    batch = make_batch(VOLUMES, np.asarray([[0, 2]]), shape)
    inside = np.zeros((16, 16), bool)
    inside[3:13, 1:15] = True
    np.testing.assert_array_equal(batch.valid[0, 0], inside)
    np.testing.assert_array_equal(batch.labels[0, 0], np.where(inside, 3, 0))
    np.testing.assert_array_equal(batch.images[0, 0], np.where(inside[..., None], [100, 102, 0], 0))


def test_the_last_microbatch_is_filled_with_images_of_no_weight() -> None:
    shape = batch_shape(SIZES, images=5, images_per_microbatch=2, devices=4)
    batch = make_batch(VOLUMES, training_slices(VOLUMES), shape)
    np.testing.assert_array_equal(batch.weight, [[1, 1], [1, 1], [1, 0], [0, 0]])
    for leaf in batch[:3]:
        assert leaf.shape[:4] == (4, 2, 32, 16)
        assert not leaf[2, 1].any()
        assert not leaf[3].any()
    assert [leaf.dtype for leaf in batch] == [np.uint8, np.uint8, np.bool_, np.float32]


def test_channel_means_by_hand() -> None:
    # a: 3 slices of 140 pixels, green 101, 102, 103; b: 2 slices of 144 pixels, green 201, 202.
    pixels = 3 * 140 + 2 * 144
    red = (3 * 140 * 100 + 2 * 144 * 200) / pixels
    green = (140 * (101 + 102 + 103) + 144 * (201 + 202)) / pixels
    np.testing.assert_allclose(channel_means(VOLUMES), (red, green, 0.0))


def test_a_later_start_reads_the_same_batches() -> None:
    shape = batch_shape(SIZES, images=3, images_per_microbatch=2, devices=1)

    def read(first_step: int) -> list[Batch]:
        return list(batches(VOLUMES, shape, 7, range(first_step, 6), range(shape.microbatches)))

    whole, rest = read(0), read(4)
    assert (len(whole), len(rest)) == (6, 2)
    for late, early in zip(rest, whole[4:], strict=True):
        for found, expected in zip(late, early, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_processes_share_a_batch_without_reading_the_whole() -> None:
    # Seven images in eight microbatches of two: the last two hold no image, the fourth one.
    shape = BatchShape(images=7, microbatches=8, images_per_microbatch=2, height=32, width=16)
    assert part_of(shape, range(2, 4)) == (BatchShape(3, 2, 2, 32, 16), range(4, 7))
    assert part_of(shape, range(6, 8)) == (BatchShape(0, 2, 2, 32, 16), range(7, 7))
    (whole,) = batches(VOLUMES, shape, 7, range(3, 4), range(8))
    for share in (range(3), range(3, 6), range(6, 8)):
        (part,) = batches(VOLUMES, shape, 7, range(3, 4), share)
        for found, expected in zip(part, whole, strict=True):
            np.testing.assert_array_equal(found, expected[share.start : share.stop])


def test_a_pixel_of_unknown_label_takes_no_part() -> None:
    known = volume("a", 2, 16, 16, 100)
    known.labels[1, :4] = UNKNOWN
    batch = make_batch([known], np.array([[0, 1]]), BatchShape(1, 1, 1, 16, 16))
    assert not batch.valid[0, 0, :4].any()
    assert batch.valid[0, 0, 4:].all()
    assert batch.labels.max() == 3
