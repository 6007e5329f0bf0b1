"""Batches of generated slices and of scans: mixed as asked for, the same wherever one starts."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from support.narrow import narrow_start
from support.tiny_scans import tiny_settings, write_pairs
from training.cheap_step import launch_cheaply
from training.tiny_generator import SHAPE, TinyGenerator, generator_settings

from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.synthesis.generator import Generator
from brainfcn_jax.training import batch_source
from brainfcn_jax.training.batch_source import load_batch_source, mixed_batches
from brainfcn_jax.training.batches import Batch, BatchShape, TrainingVolume, channel_means
from brainfcn_jax.training.checkpoints import Checkpoints
from brainfcn_jax.training.generated_pool import GeneratedPool
from brainfcn_jax.training.labelled_scans import load_training_data
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.settings import DataSettings, Settings, TissueGeneratorSettings
from brainfcn_jax.training.step import TrainState
from brainfcn_jax.training.synthetic_volumes import TissueVolumes

CHANGES = {"training__steps": 6, "training__checkpoint_every": 3, "data__validation": ()}


@pytest.fixture(scope="module", autouse=True)
def tiny_pools() -> Iterator[Generator]:
    """Pools come from the tiny generator."""
    generator = TinyGenerator()

    def load(settings: TissueGeneratorSettings, data: DataSettings, seed: int) -> GeneratedPool:
        return GeneratedPool(TissueVolumes(generator, settings, data), settings, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch_source, "load_pool", load)
        yield generator


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Six steps of four images, a quarter of them from two scans, the third being held out."""
    root = write_pairs(tmp_path / "scans", ("sub-01", "sub-02", "sub-03"))
    plain = tiny_settings(root, **CHANGES, **narrow_start(tmp_path / "model"))
    generator = generator_settings(real_fraction=0.25, held_out=("sub-03_dseg",))
    return dataclasses.replace(plain, generator=generator)


def same(left: Batch, right: Batch) -> bool:
    """Whether two batches are equal."""
    return all(map(np.array_equal, left, right))


def test_a_share_comes_from_the_scans_that_are_not_held_out(settings: Settings) -> None:
    found = load_batch_source(settings)
    assert found.subjects == 4
    assert found.spacing_mm == (1.5, 1.5, 1.5)
    scans = load_batch_source(dataclasses.replace(settings, generator=None))
    assert scans.subjects == 3
    for batch in found.batches(0, 6):
        assert batch.images.shape == (2, 2, *SHAPE[1:], 3)
        assert batch.weight.all()
        padded = ~batch.valid.all(axis=(2, 3)).ravel()  # scans are narrower than images
        assert padded.tolist() == [False, False, False, True]


def test_a_scan_counts_once_however_many_directions_it_is_cut_in(
    settings: Settings, tmp_path: Path
) -> None:
    root = write_pairs(tmp_path / "fine", ("sub-01", "sub-02", "sub-03"), (1.0, 1.0, 1.5))
    data = dataclasses.replace(settings.data, root=str(root), slice_axis="all")
    every = dataclasses.replace(settings, data=data)
    assert load_batch_source(every).subjects == 4
    scans = load_batch_source(dataclasses.replace(every, generator=None))
    assert scans.subjects == 3
    assert next(scans.batches(0, 1)).images.shape[2:4] == (32, 32)


def test_a_later_start_gives_the_same_batches(settings: Settings) -> None:
    whole = list(load_batch_source(settings).batches(0, 6))
    late = list(load_batch_source(settings).batches(4, 6))
    assert same(whole[4], late[0]) and same(whole[5], late[1])
    assert not same(whole[4], whole[5])
    other = load_batch_source(dataclasses.replace(settings, seed=9))
    assert not same(next(other.batches(0, 6)), whole[0])


def test_a_process_makes_only_its_own_images(settings: Settings, tiny_pools: Generator) -> None:
    assert isinstance(settings.generator, TissueGeneratorSettings)
    scans = load_training_data(settings.data, ("sub-03_dseg",)).volumes
    shape = BatchShape(images=6, microbatches=4, images_per_microbatch=2, height=32, width=32)
    maker = TissueVolumes(tiny_pools, settings.generator, settings.data)
    pools = [CountingPool(maker, settings.generator, 0) for _ in range(3)]
    whole, *parts = (
        list(mixed_batches(pool, scans, shape, 0.25, range(6), microbatches))
        for pool, microbatches in zip(pools, (range(4), range(2), range(2, 4)), strict=True)
    )
    for number, batch in enumerate(whole):
        joined = (
            np.concatenate(leaves) for leaves in zip(*(p[number] for p in parts), strict=True)
        )
        assert all(map(np.array_equal, joined, batch))
    drawn, *drawn_apart = (pool.drawn for pool in pools)
    assert sorted(drawn_apart[0] + drawn_apart[1]) == drawn
    assert min(map(len, drawn_apart)) > 0


class CountingPool(GeneratedPool):
    """Remembers which images it was asked for."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.drawn: list[int] = []

    def slice_of(self, number: int) -> tuple[TrainingVolume, int]:
        """The volume and the place in it of an image."""
        self.drawn.append(number)
        return super().slice_of(number)


def test_means_come_from_the_first_generated_volumes(
    settings: Settings, tiny_pools: Generator
) -> None:
    assert isinstance(settings.generator, TissueGeneratorSettings)
    maker = TissueVolumes(tiny_pools, settings.generator, settings.data)
    expected = channel_means([maker.make(settings.seed, number) for number in range(3)])
    assert load_batch_source(settings).channel_means == expected


class KilledError(Exception):
    """Stands for the end of the process."""


def test_a_run_on_generated_images_goes_on_to_the_same_bits(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_at_the_end(self: Checkpoints, step: int, state: TrainState) -> None:
        if step == 6:
            raise KilledError
        save(self, step, state)

    save = Checkpoints.save
    monkeypatch.setattr("brainfcn_jax.training.run.launch", launch_cheaply)
    whole = train(settings, tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", stop_at_the_end)
        with pytest.raises(KilledError):
            train(settings, tmp_path / "stopped")
    stopped = train(settings, tmp_path / "stopped")
    found, expected = load_model(stopped.last), load_model(whole.last)
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)
    assert found.description == expected.description
    assert found.description.spacing_mm == (1.5, 1.5, 1.5)
    assert settings.data.root not in found.description.training
