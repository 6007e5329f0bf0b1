"""A few absurd voxels change nothing but themselves."""

import numpy as np
import pytest
from support.head_scan import head_scan, stripped_scan

from brainfcn_jax.imaging.equalisation import equalise_volume, find_head_threshold
from brainfcn_jax.imaging.outliers import take_in_outliers
from brainfcn_jax.imaging.voxel_checks import finite_scan


@pytest.mark.parametrize("absurd", [1e5, 1e7, 1e9, -1e5, -1e30])
@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("make", [head_scan, stripped_scan])
def test_absurd_voxels_are_taken_in_and_the_others_equalised_as_without_them(
    make: type, count: int, absurd: float
) -> None:
    scan = make()
    spoilt = scan.copy()
    spoilt.ravel()[:: scan.size // count][:count] = absurd
    found, (note,) = finite_scan(spoilt)
    counted = "1 voxel" if count == 1 else "12 voxels"
    assert note.startswith(f"{counted} with intensities {'below' if absurd < 0 else 'above'}")
    assert "e+0" not in note
    untouched = spoilt == scan
    np.testing.assert_array_equal(found[untouched], scan[untouched])
    assert found.min() >= scan.min()
    assert found.max() <= scan.max()
    expected, levels = (equalise_volume(volume, "head") for volume in (scan, found))
    assert np.abs(levels.astype(int) - expected)[untouched].max() <= 1
    assert float(find_head_threshold(found)) == pytest.approx(
        float(find_head_threshold(scan)), rel=1e-3
    )


def test_both_ends_have_a_note_each() -> None:
    scan = stripped_scan()
    scan[0, 0, :3] = 1e6, -1e6, -1e7
    notes = take_in_outliers(scan)
    assert [note.split(" (")[0].rpartition(" ")[0] for note in notes] == [
        "2 voxels with intensities below",
        "1 voxel with intensities above",
    ]
    assert (
        "(down to -10000000), far from all others, are taken as 0, the lowest above that"
        in (notes[0])
    )


def test_bright_vessels_dark_artefacts_and_a_small_brain_stay() -> None:
    scan = head_scan()
    scan[40:43, 40, 40] = 8 * scan.max()
    scan[43, 40, 40] = -scan.max()
    small = np.random.default_rng(0).normal(0, 1e-3, (100, 100, 100)).astype(np.float32)
    small[:14, :14, :14] += np.random.default_rng(1).uniform(50, 900, (14, 14, 14))
    for kept in (scan, small):
        before = kept.copy()
        assert take_in_outliers(kept) == ()
        np.testing.assert_array_equal(kept, before)
