"""Volumes that the finder is trained on: three directions, brain or not, real heads among them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from support.tiny_scans import tiny_settings
from training.tiny_generator import TinyGenerator

from brainfcn_jax.errors import UsageError
from brainfcn_jax.synthesis.generator import GeneratedScan
from brainfcn_jax.synthesis.masked_heads import masked_head
from brainfcn_jax.training.batches import UNKNOWN
from brainfcn_jax.training.brain_volumes import (
    SLAB_VOXELS,
    BrainVolumes,
    known_brain,
    load_masked_heads,
    slab,
)
from brainfcn_jax.training.settings import FinderGeneratorSettings, experiment
from brainfcn_jax.training.settings_from_config import settings_from_config

SIZE = 32


class CubicGenerator(TinyGenerator):
    """Tiny heads on a cube."""

    def example(self, seed: int, index: int) -> GeneratedScan:
        """Scan number `index` of `seed`, with empty slices above."""
        made = super().example(seed, index)
        above = ((0, SIZE - len(made.image)), (0, 0), (0, 0))
        return GeneratedScan(made.name, *(np.pad(array, above) for array in made[1:]))


def volumes(**changes: Any) -> BrainVolumes:
    """A maker of thirty slices a volume, from two maps and a head with a mask."""
    away = np.linalg.norm(np.indices((40, 40, 40)) - 20, axis=0)
    image = np.where(away < 14, 100.0 - away, 0).astype(np.float32)
    head = masked_head("real", image, away < 9, 2.0)
    settings = FinderGeneratorSettings(size=SIZE, slices_per_volume=30, **changes)
    return BrainVolumes(CubicGenerator(), None, (head,), settings)


def test_a_volume_has_as_many_slices_of_each_direction_and_brain_in_most() -> None:
    volume = volumes(real_fraction=0.0).make(3, 5)
    assert volume.stacks.shape == (30, SIZE, SIZE, 3)
    assert set(np.unique(volume.labels)) == {0, 1}
    assert (volume.labels == 1).any(axis=(1, 2)).mean() >= 0.7
    again = volumes(real_fraction=0.0).make(3, 5)
    np.testing.assert_array_equal(volume.stacks, again.stacks)
    np.testing.assert_array_equal(volume.labels, again.labels)


def test_a_slab_is_of_the_brain_and_nothing_else_is_left() -> None:
    image = np.random.default_rng(0).uniform(1, 2, (90, 90, 90)).astype(np.float32)
    brain = np.zeros(image.shape, np.uint8)
    brain[60:75, 40:60, 30:60] = 1
    seen = set()
    for seed in range(20):
        cut, cut_brain = slab(np.random.default_rng(seed), image, brain)
        kept = np.argwhere(cut)
        sides = np.ptp(kept, axis=0) + 1
        np.testing.assert_array_equal(cut[cut > 0], image[cut > 0])
        np.testing.assert_array_equal(cut_brain, np.where(cut > 0, brain, 0))
        assert cut_brain.any()
        assert (sides < 90).sum() == 1
        assert sides.min() <= max(SLAB_VOXELS)
        assert sides.min() >= min(SLAB_VOXELS)
        seen.add(int(np.argmin(sides)))
    assert seen == {0, 1, 2}
    assert slab(np.random.default_rng(0), image, np.zeros_like(brain))[0].any()


def test_a_share_of_the_volumes_is_a_slab() -> None:
    maker = volumes(real_fraction=0.0, slab_fraction=1.0)
    whole = volumes(real_fraction=0.0).make(0, 0)
    cut = maker.make(0, 0)
    assert (cut.stacks > 0).sum() < 0.95 * (whole.stacks > 0).sum()


def test_a_share_of_the_volumes_is_of_real_heads() -> None:
    maker = volumes(real_fraction=0.5)
    made = [maker.make(0, number) for number in range(20)]
    names = {volume.name for volume in made}
    assert names == {"a", "b", "real"}
    for volume in made:
        assert (volume.labels == UNKNOWN).any() == (volume.name == "real")
    assert maker.maps == 3


class NewbornGenerator(CubicGenerator):
    """The same heads, of two other maps."""

    def __init__(self) -> None:
        super().__init__()
        self.sources = tuple(replace(source, name=f"n{source.name}") for source in self.sources)


def test_a_share_of_the_generated_volumes_is_of_newborns() -> None:
    settings = FinderGeneratorSettings(size=SIZE, slices_per_volume=6)
    maker = BrainVolumes(CubicGenerator(), NewbornGenerator(), (), settings)
    names = [maker.make(0, number).name for number in range(150)]
    assert maker.maps == 4
    assert set(names) == {"a", "b", "na", "nb"}
    assert 45 <= sum(name.startswith("n") for name in names) <= 76  # four in ten


def test_what_the_config_of_a_finder_may_not_say() -> None:
    generator = {
        "kind": "brain",
        "heads_root": "heads",
        "size": 32,
        "slices_per_volume": 63,
    }
    good = {"data": {"root": "heads"}, "generator": generator}
    assert settings_from_config(experiment(**good)).generator is not None
    for change, said in (
        ({"heads_root": ""}, "'generator.heads_root' must be text that names the folder"),
        ({"shape": (32, 48, 32)}, "unknown key 'generator.shape'"),
        ({"slices_per_volume": 64}, "of 1 or more and a multiple of 3, found 64"),
        ({"maps": ("training_seg_01",)}, "names newborns', in generator.newborns_root"),
        ({"thick_fraction": 0.1}, "unknown key 'generator.thick_fraction'"),
        ({"kind": "adult", "newborns_root": "n"}, "unknown key 'generator.newborns_root'"),
        ({"kind": "adult", "slab_fraction": 0.1}, "unknown key 'generator.slab_fraction'"),
        ({"kind": "newborn"}, "unknown key 'generator.size'"),
        ({"kind": ["brain"]}, "'generator.kind' must be 'adult' or 'newborn'"),
        ({"kind": "brian"}, "'adult' or .* or 'brain', found 'brian'"),
    ):
        wrong = experiment(**{**good, "generator": {**generator, **change}})
        with pytest.raises(UsageError, match=said):
            settings_from_config(wrong)
    sagittal = {"root": "heads", "slice_axis": "sagittal", "equalise": "volume"}
    with pytest.raises(UsageError, match=r"data.equalise, data.slice_axis: generator.kind 'brain'"):
        settings_from_config(experiment(data=sagittal, generator=generator))
    with pytest.raises(UsageError, match="narrowing must be 1"):
        settings_from_config(experiment(**good, network={"narrowing": 4}))


def test_pairs_are_brought_to_cubic_voxels_with_the_brain_where_it_is(tmp_path: Path) -> None:
    x, y, z = np.ogrid[:40, :30, :20]
    mask = ((x - 20) ** 2 + (y - 15) ** 2 + (2 * (z - 10)) ** 2 < 100).astype(np.uint8)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(100.0 * mask + 5, affine), tmp_path / "a_T1w.nii.gz")
    nibabel.save(nibabel.Nifti1Image(mask, affine), tmp_path / "a_dseg.nii.gz")
    (loaded,) = load_masked_heads(tiny_settings(tmp_path).data, 2.0)
    assert loaded.name == "a"
    assert loaded.image.shape == (20, 15, 20)
    assert (loaded.outward_mm < 0).sum() * 8 == pytest.approx(mask.sum() * 2, rel=0.15)
    np.testing.assert_allclose(loaded.centre, (10, 7.5, 10), atol=0.6)
    assert loaded.image[loaded.outward_mm < -2].min() > loaded.image[loaded.outward_mm > 2].max()


def test_nothing_is_said_of_brain_near_the_surface_of_its_mask() -> None:
    outward_mm = np.array([-9.0, -2.6, -2.4, 0.0, 2.4, 2.6, 99.0], np.float32).reshape(1, 1, -1)
    expected = [1, 1, UNKNOWN, UNKNOWN, UNKNOWN, 0, 0]
    np.testing.assert_array_equal(known_brain(outward_mm).ravel(), expected)
