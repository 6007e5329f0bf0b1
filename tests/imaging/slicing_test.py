"""Volumes as slices along an axis: by hand, and there and back."""

import numpy as np
import pytest

from brainfcn_jax.imaging.slicing import channels_last, slices_along, slices_first, volume_of

VOLUME = np.arange(24).reshape(2, 3, 4)


def test_slices_follow_the_axis_and_the_others_keep_their_order() -> None:
    for axis, shape in enumerate([(2, 3, 4), (3, 2, 4), (4, 2, 3)]):
        slices = slices_along(VOLUME, axis)
        assert slices.shape == slices_first((2, 3, 4), axis) == shape
        for place, plane in enumerate(slices):
            np.testing.assert_array_equal(plane, VOLUME.take(place, axis))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("volume", [VOLUME, VOLUME[None], VOLUME.reshape(1, 2, 3, 2, 2)])
def test_a_volume_comes_back_as_a_view(volume: np.ndarray, axis: int) -> None:
    slices = slices_along(volume, axis)
    back = volume_of(slices, axis)
    np.testing.assert_array_equal(back, volume)
    assert np.shares_memory(back, volume)
    assert slices.shape[:-3] == volume.shape[:-3]


def test_volumes_become_channels() -> None:
    volumes = np.stack([VOLUME, VOLUME + 100])
    channels = channels_last(volumes)
    assert channels.shape == (2, 3, 4, 2)
    np.testing.assert_array_equal(channels[..., 1], VOLUME + 100)
