"""Real heads with brain masks: loaded from pairs, varied at random, silent near the mask's edge."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage
from support.tiny_scans import tiny_settings

from brainfcn_jax.training.batches import UNKNOWN
from brainfcn_jax.training.masked_heads import (
    UNCERTAIN_MM,
    MaskedHead,
    load_masked_heads,
    masked_head,
    varied,
)

SIZE, SPACING_MM = 48, 2.0


@pytest.fixture
def head() -> MaskedHead:
    """A bright brain of 24 mm in a dim head, off the middle."""
    away = np.linalg.norm(np.indices((40, 50, 44)) - np.reshape((18, 24, 26), (3, 1, 1, 1)), axis=0)
    image = np.select([away < 12, away < 16], [100.0, 40.0]).astype(np.float32)
    return masked_head("a", image, away < 12, SPACING_MM)


def test_pairs_are_brought_to_cubic_voxels_with_the_brain_where_it_is(tmp_path: Path) -> None:
    x, y, z = np.ogrid[:40, :30, :20]
    mask = ((x - 20) ** 2 + (y - 15) ** 2 + (2 * (z - 10)) ** 2 < 100).astype(np.uint8)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(100.0 * mask + 5, affine), tmp_path / "a_T1w.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask, affine), tmp_path / "a_dseg.nii.gz")
    (loaded,) = load_masked_heads(tiny_settings(tmp_path).data, SPACING_MM)
    assert loaded.name == "a"
    assert loaded.image.shape == (20, 15, 20)
    assert (loaded.outward_mm < 0).sum() * 8 == pytest.approx(mask.sum() * 2, rel=0.15)
    np.testing.assert_allclose(loaded.centre, (10, 7.5, 10), atol=0.6)
    assert loaded.image[loaded.outward_mm < -2].min() > loaded.image[loaded.outward_mm > 2].max()


def test_a_seed_gives_one_cube_and_another_seed_another(head: MaskedHead) -> None:
    one, again, other = (
        varied(np.random.default_rng(seed), head, SIZE, SPACING_MM) for seed in (1, 1, 2)
    )
    assert one[0].shape == one[1].shape == (SIZE,) * 3
    np.testing.assert_array_equal(one[0], again[0])
    np.testing.assert_array_equal(one[1], again[1])
    assert not np.array_equal(one[0], other[0])


def test_brain_is_inside_unknown_at_the_edge_and_nothing_far_away(head: MaskedHead) -> None:
    for seed in range(12):
        image, brain = varied(np.random.default_rng(seed), head, SIZE, SPACING_MM)
        assert set(np.unique(brain)) <= {0, 1, UNKNOWN}
        assert image.min() >= 0
        assert not brain[image == 0].any()
        sure = brain == 1
        if sure.any():
            from_brain_mm = ndimage.distance_transform_edt(~sure) * SPACING_MM
            assert from_brain_mm[brain == UNKNOWN].max() <= 2 * UNCERTAIN_MM + 3 * SPACING_MM
