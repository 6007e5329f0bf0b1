"""Copies of turned volumes."""

import itertools
from typing import Literal

import numpy as np
import pytest

from brainfcn_jax.imaging.array_order import laid_out


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("channels", [(), (2,)])
def test_turned_volumes_keep_their_values_and_lie_as_asked(
    order: Literal["C", "F"], channels: tuple[int, ...]
) -> None:
    shape = (37, 16, 21)  # neither whole blocks nor fewer than one
    volume = np.random.default_rng(0).integers(0, 9, (*shape, *channels)).astype(np.float16)
    for axes in itertools.permutations(range(3)):
        turned = np.moveaxis(volume, range(3), axes)[::-1]
        copy = laid_out(turned, order)
        assert copy.flags[order]
        assert copy.dtype == turned.dtype
        np.testing.assert_array_equal(copy, turned)


def test_what_lies_as_asked_is_not_copied() -> None:
    volume = np.zeros((3, 4, 5))
    assert laid_out(volume, "C") is volume
    assert laid_out(volume.T, "F").base is volume
