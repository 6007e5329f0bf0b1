"""Label maps are told from scans by how they lie, whatever their codes."""

import numpy as np
import pytest
from scipy import ndimage
from support.head_scan import head_scan, stripped_scan
from support.labelled_brain import labelled_brain

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.flatness import is_label_map
from brainfcn_jax.imaging.voxel_checks import refuse_labels
from brainfcn_jax.labels import COGM

TISSUES = labelled_brain((90, 105, 99), (2.0, 2.0, 2.0))
RNG = np.random.default_rng(0)


def parcels(count: int, among: np.ndarray, first: int = 1) -> np.ndarray:
    """The voxels `among` divided into so many regions by the nearest of random seeds."""
    inside = np.argwhere(among)
    seeds = inside[RNG.choice(len(inside), count, replace=False)]
    marks = np.ones(among.shape, bool)
    marks[tuple(seeds.T)] = False
    nearest = ndimage.distance_transform_edt(marks, return_distances=False, return_indices=True)
    codes = np.zeros(among.shape, int)
    codes[tuple(seeds.T)] = first + np.arange(count)
    return np.where(among, codes[tuple(nearest)], 0)


def aparc_and_aseg() -> np.ndarray:
    """Cortical regions of 1001..1035 and 2001..2035, other tissues with small codes."""
    cortex, left = TISSUES == COGM, np.arange(90)[:, None, None] < 45
    codes = parcels(35, cortex & left, 1001) + parcels(35, cortex & ~left, 2001)
    return np.where(cortex, codes, np.array([0, 0, 10, 2, 16, 8, 4, 24])[TISSUES])


def quantised(scan: np.ndarray, levels: int) -> np.ndarray:
    """A scan in so many grey levels."""
    low, high = scan.min(), np.percentile(scan, 99.9)
    return np.clip(np.rint((scan - low) / (high - low) * (levels - 1)), 0, levels - 1)


MAPS = {
    "tissues": TISSUES,
    "aparc+aseg": aparc_and_aseg(),
    "300 codes": parcels(300, TISSUES > 0),
    "1000 codes": parcels(1000, TISSUES > 0),
    "codes x 1000": 1000 * TISSUES.astype(int),
    "scaled codes": TISSUES * np.float32(0.037),
    "other background": np.where(TISSUES == 0, 255, TISSUES),
    "mask": TISSUES > 0,
    "one small structure": (TISSUES == 2) * 17,
    "every second voxel": parcels(100, TISSUES > 0)[::2, ::2, ::2],
    "resampled": ndimage.zoom(parcels(100, TISSUES > 0), 0.8, order=0),
    "thick slices": parcels(200, TISSUES > 0)[:, :, ::3],
    "grey, white, fluid": np.array([0, 2, 2, 3, 3, 2, 1, 1])[TISSUES],
}


@pytest.mark.parametrize("kind", MAPS)
def test_a_label_map_is_refused_whatever_its_codes(kind: str) -> None:
    with pytest.raises(InputError, match=r"^holds regions of \d+ values .*, as label maps do"):
        refuse_labels(MAPS[kind].astype(np.float32))


@pytest.mark.parametrize("levels", [6, 8, 10, 16, 32, 64, 100, 256, 4096])
@pytest.mark.parametrize("make", [head_scan, stripped_scan])
def test_a_scan_in_few_grey_levels_is_none(make: type, levels: int) -> None:
    scan = make()
    assert not is_label_map(quantised(scan, levels).astype(np.float32))
    smooth = ndimage.gaussian_filter(scan, 0.7)
    assert not is_label_map(quantised(smooth, levels).astype(np.float32))


def test_a_masked_clipped_or_magnified_scan_is_none() -> None:
    scan = quantised(head_scan(), 256).astype(np.float32)
    assert not is_label_map(np.where(scan > 60, scan, 0))
    assert not is_label_map(np.minimum(scan, np.percentile(scan, 97)))
    assert not is_label_map(scan.max() - scan)
    for factor in (2, 3):
        larger = scan[:40, :40, :40]
        for axis in range(3):
            larger = larger.repeat(factor, axis)
        assert not is_label_map(larger)


def test_air_in_two_levels_does_not_make_a_scan_flat() -> None:
    scan = quantised(head_scan(), 256).astype(np.float32)
    air = scan < 20
    scan[air] = RNG.integers(0, 2, np.count_nonzero(air))
    assert not is_label_map(scan)


@pytest.mark.parametrize("shape", [(10, 10, 10), (100, 100, 2)])
def test_what_is_tiny_or_flat_is_not_judged(shape: tuple[int, int, int]) -> None:
    refuse_labels(RNG.integers(0, 2, shape).astype(np.float32))
