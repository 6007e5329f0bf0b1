"""NaN and infinite voxels are judged by where they lie."""

from typing import Any

import numpy as np
import pytest
from support.head_scan import head_scan, stripped_scan

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.voxel_checks import finite_scan

HEAD = head_scan()
CENTRE = tuple(size // 2 for size in HEAD.shape)


def without(scan: np.ndarray, index: Any) -> np.ndarray:
    """The scan with NaN at an index."""
    holed = scan.copy()
    holed[index] = np.nan
    return holed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_scan_masked_with_what_is_no_number_is_the_one_masked_with_0(value: float) -> None:
    scan = stripped_scan()
    empty = scan == 0
    found, notes = finite_scan(np.where(empty, value, scan.astype(np.float64)))
    np.testing.assert_array_equal(found, scan)
    assert notes == (
        f"{np.count_nonzero(empty)} voxels outside the head's tissue NaN or infinite, taken as "
        "empty (0)",
    )


def test_around_a_brain_of_z_scores_is_its_lowest() -> None:
    scan = stripped_scan()
    inside = scan > 0
    scores = np.where(inside, (scan - scan[inside].mean()) / scan[inside].std(), np.nan)
    found, _ = finite_scan(scores)
    assert (found[~inside] == found.min()).all()
    np.testing.assert_array_equal(found[inside], scores[inside].astype(np.float32))


def test_what_is_missing_in_air_is_empty() -> None:
    found, (note,) = finite_scan(without(HEAD, np.s_[:2, 3:9, 3:9]))
    assert note.startswith("72 voxels outside the head")
    assert not found[0, 3:9, 3:9].any()


@pytest.mark.parametrize(
    "index",
    [
        CENTRE,
        (slice(20, 23), CENTRE[1], CENTRE[2]),
        (slice(None), CENTRE[1], CENTRE[2]),
        (CENTRE[0], slice(40, 44), slice(40, 44)),
    ],
    ids=["voxel", "rod", "whole row", "plate"],
)
def test_a_few_missing_in_the_head_are_filled_from_their_neighbours(index: Any) -> None:
    found, notes = finite_scan(without(HEAD, index))
    assert "in the head NaN or infinite, filled from their neighbours" in notes[-1]
    holed = without(HEAD, index)
    there = np.isfinite(holed)
    np.testing.assert_array_equal(found[there], HEAD[there])
    within_brain = ~there & (HEAD > 60)
    assert within_brain.any()
    assert np.abs(found - HEAD)[within_brain].mean() < 50
    assert found[within_brain].min() > 30


@pytest.mark.parametrize(
    ("index", "box"),
    [
        (np.s_[30:36, 30:36, 30:36], "30-35 x 30-35 x 30-35"),
        (np.s_[:, :, CENTRE[2]], f"x {CENTRE[2]}-{CENTRE[2]} of its grid"),
        (np.s_[::5, ::5, ::5], "of its grid"),
    ],
    ids=["block", "slice", "scattered"],
)
def test_more_of_the_head_missing_is_an_error_that_says_where(index: Any, box: str) -> None:
    with pytest.raises(InputError, match=r"^is NaN or infinite in [\d.]+ % of the head") as caught:
        finite_scan(without(HEAD, index))
    assert box in str(caught.value)
    assert "up to 0.1 % is filled" in str(caught.value)


def test_dark_pockets_that_a_threshold_cut_out_are_empty() -> None:
    """A sinus with a gradual wall, of which the darkest part is missing."""
    away = np.linalg.norm(np.indices(HEAD.shape) - np.reshape(CENTRE, (3, 1, 1, 1)), axis=0)
    sinus = (HEAD * np.clip((away - 4) / 6, 0, 1)).astype(np.float32)
    holed = np.where(sinus < 12, np.nan, sinus)
    found, (note,) = finite_scan(holed)
    assert note.startswith(f"{np.count_nonzero(np.isnan(holed))} voxels outside the head")
    assert found[CENTRE] == 0


def test_slices_missing_at_the_end_are_not_in_the_head() -> None:
    found, notes = finite_scan(without(HEAD, np.s_[:, :, 60:]))
    assert not found[:, :, 60:].any()
    assert "outside the head" in notes[0]
