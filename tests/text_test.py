"""Numbers of messages, as people write them."""

import pytest

from brainfcn_jax.text import listed, number, voxels


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (2061.7, "2060"),
        (999.7, "1000"),
        (1035, "1035"),
        (123_456_789, "123456789"),
        (-1e9, "-1000000000"),
        (57.25, "57.2"),
        (0.9375, "0.938"),
        (0.0001234, "0.000123"),
        (0, "0"),
        (1e30, "1e+30"),
        (-2e-9, "-2e-09"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_is_written_as_people_do(value: float, written: str) -> None:
    assert number(value) == written


def test_lists_and_counts() -> None:
    assert listed([512, 0.9375, 2.8284271]) == "512 x 0.9375 x 2.82843"
    assert [voxels(count) for count in (1, 2)] == ["1 voxel", "2 voxels"]
