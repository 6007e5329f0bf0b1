"""Generated training volumes: made from seed and number, kept, never from what is held out."""

import dataclasses
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from support.tiny_scans import tiny_settings, write_pairs
from training.tiny_generator import SHAPE, TinyGenerator, generator_settings

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.network.fcn import volume_to_stacks
from brainfcn_jax.synthesis.generator import Generator
from brainfcn_jax.training import synthetic_volumes
from brainfcn_jax.training.generated_pool import GeneratedPool
from brainfcn_jax.training.settings import DataSettings
from brainfcn_jax.training.synthetic_volumes import (
    TissueVolumes,
    held_out_maps,
    load_pool,
    thick_slices,
)


@pytest.fixture
def generator() -> Generator:
    """Gives tiny heads."""
    return TinyGenerator()


def new_pool(generator: Generator, seed: int = 3) -> GeneratedPool:
    """A pool of three volumes that has made nothing yet."""
    settings = generator_settings()
    return GeneratedPool(TissueVolumes(generator, settings, DataSettings()), settings, seed)


def test_a_volume_is_some_of_the_slices_equalised_in_the_whole(generator: Generator) -> None:
    volume = TissueVolumes(generator, generator_settings(), DataSettings()).make(3, 5)
    name, image, tissues, _ = generator.example(3, 5)
    stacks = np.asarray(volume_to_stacks(jnp.asarray(equalise_volume(image, "head"))))
    assert volume.name == name
    assert volume.stacks.shape == (8, *SHAPE[1:], 3)
    assert volume.has_head.all()
    for stack, labels in zip(volume.stacks, volume.labels, strict=True):
        places = [n for n, known in enumerate(stacks) if np.array_equal(known, stack)]
        assert any(np.array_equal(tissues[place], labels) for place in places)
    assert (volume.labels > 0).any(axis=(1, 2)).mean() >= 0.75
    assert (volume.stacks[..., 1] > 0).any(axis=(1, 2)).all()


def test_thick_slices_are_means_with_the_tissue_of_most() -> None:
    image = np.arange(7, dtype=np.float32).reshape(7, 1, 1)
    tissues = np.array([1, 1, 3, 5, 2, 2, 7], np.uint8).reshape(7, 1, 1)
    means, most = thick_slices(image, tissues, 3)
    assert means.ravel().tolist() == [1, 4]
    assert most.ravel().tolist() == [1, 2]


def test_a_share_of_the_volumes_has_thick_slices_whose_neighbours_are_near(
    generator: Generator,
) -> None:
    maker = TissueVolumes(generator, generator_settings(thick_fraction=1.0), DataSettings())
    volume = maker.make(3, 5)
    _, image, tissues, _ = generator.example(3, 5)
    known = {labels.tobytes() for n in range(2, 7) for labels in thick_slices(image, tissues, n)[1]}
    assert all(labels.tobytes() in known for labels in volume.labels)
    own, before = (volume.stacks[..., channel].astype(int) for channel in (1, 0))
    assert np.abs(own - before).max() <= 128  # at most half of the way to another slice


def test_volumes_are_cut_along_all_axes_half_of_them_along_the_generators(
    generator: Generator,
) -> None:
    maker = TissueVolumes(generator, generator_settings(), DataSettings(slice_axis="all"))
    assert maker.sizes == ((32, 32), (32, 16), (32, 16))
    seen: list[int] = []
    for number in range(24):
        tissues = np.moveaxis(generator.example(3, number).tissues, 0, 2)
        known = {
            labels.tobytes(): axis
            for axis in (0, 1, 2)
            for labels in np.moveaxis(tissues, axis, 0)
            if labels.any()
        }
        volume = maker.make(3, number)
        axes = {known[labels.tobytes()] for labels in volume.labels if labels.any()}
        assert len(axes) == 1
        seen += axes
    assert 8 <= seen.count(2) <= 16
    assert min(seen.count(0), seen.count(1)) >= 2


def test_what_comes_does_not_depend_on_what_came_before(generator: Generator) -> None:
    one, other = new_pool(generator), new_pool(generator)
    one.first_volumes()
    in_turn = [one.slice_of(number) for number in range(40)]
    for number in (39, 12, 25):
        (volume, place), (expected, known) = other.slice_of(number), in_turn[number]
        assert place == known
        np.testing.assert_array_equal(volume.stacks[place], expected.stacks[place])
        np.testing.assert_array_equal(volume.labels[place], expected.labels[place])


def test_a_volume_is_made_once_and_only_as_many_are_kept_as_the_pool_has(
    generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, made, make = new_pool(generator), [], TissueVolumes.make

    def counting(self: TissueVolumes, seed: int, number: int) -> Any:
        made.append(number)
        return make(self, seed, number)

    monkeypatch.setattr(TissueVolumes, "make", counting)
    pool.first_volumes()
    for number in range(48):
        pool.slice_of(number)
    assert made[:3] == [0, 1, 2]
    assert len(set(made)) == len(made)
    assert len(made) <= 3 + 48 // 8
    assert len(vars(pool)["_slots"]) == 3


@pytest.fixture
def data(tmp_path: Path) -> DataSettings:
    """Two pairs, of which the second follows the training."""
    root = write_pairs(tmp_path / "scans", ("sub-01", "sub-02"))
    return tiny_settings(root, data__validation=("sub-02",)).data


def test_validation_maps_are_held_out_too(data: DataSettings) -> None:
    assert held_out_maps(generator_settings(), data) == ("sub-02_dseg",)
    both = held_out_maps(generator_settings(held_out=("sub-01_dseg",)), data)
    assert both == ("sub-01_dseg", "sub-02_dseg")


def test_wrong_names_are_refused(data: DataSettings) -> None:
    with pytest.raises(UsageError, match=r"held_out names sub-09_dseg, which"):
        held_out_maps(generator_settings(held_out=("sub-09_dseg",)), data)
    with pytest.raises(UsageError, match=r"maps asks for sub-02_dseg, which data.validation"):
        held_out_maps(generator_settings(maps=("sub-02_dseg",)), data)


@pytest.mark.parametrize(("kind", "mm"), [("adult", 1.0), ("newborn", 0.8)])
def test_the_settings_reach_the_generator(
    data: DataSettings, generator: Generator, monkeypatch: pytest.MonkeyPatch, kind: str, mm: float
) -> None:
    asked: dict[str, Any] = {}

    def load(*arguments: Any, leave_out: tuple[str, ...]) -> Generator:
        asked.update(arguments=arguments, leave_out=leave_out)
        return generator

    monkeypatch.setattr(synthetic_volumes, "load_generator", load)
    settings = generator_settings(kind=kind, maps=("m", "m"), shape=(32, 48, 64))
    pool = load_pool(settings, dataclasses.replace(data, slice_axis="coronal"), 0)
    got_kind, root, axis, heads, maps, recipe = asked["arguments"]
    assert (got_kind, root, axis, heads) == (kind, data.root, "coronal", None)
    assert maps == ("m", "m")
    assert (recipe.shape, recipe.spacing_mm, recipe.slice_axis) == ((32, 48, 64), mm, "coronal")
    assert asked["leave_out"] == ("sub-02_dseg",)
    assert (pool.maker.spacing_mm, pool.maker.maps) == ((1.5, 1.5, 1.5), 2)
