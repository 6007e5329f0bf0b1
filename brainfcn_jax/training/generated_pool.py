"""A pool of volumes that are made when they are needed, and which slices of it are used (numpy)."""

import math
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from brainfcn_jax.training.batches import TrainingVolume
from brainfcn_jax.training.settings import GeneratorSettings

VOLUMES_FOR_MEANS = 4


@runtime_checkable
class VolumeMaker(Protocol):
    """Makes training volumes by seed and number.

    Attributes:
        spacing_mm: voxel size of the images.
        maps: how many different label maps and heads the images are made from.
        sizes: heights and widths that slices may have.
    """

    spacing_mm: tuple[float, float, float]
    maps: int
    sizes: tuple[tuple[int, int], ...]

    def make(self, seed: int, number: int) -> TrainingVolume:
        """Make a volume, a function of the two numbers alone."""


class GeneratedPool:
    """Volumes of a maker, each thinned to some of its slices; the last ones are kept.

    Volume n comes from the seed and n alone, whatever was asked for before.
    """

    def __init__(self, maker: VolumeMaker, settings: GeneratorSettings, seed: int) -> None:
        self.maker = maker
        self._settings = settings
        self.seed = seed
        self._slots: dict[int, tuple[int, TrainingVolume]] = {}

    def slice_of(self, number: int) -> tuple[TrainingVolume, int]:
        """Return the volume and the place in it of generated image `number` (see `draw`)."""
        settings = self._settings
        wanted = draw(number, settings.volumes_in_pool, settings.slices_per_volume)
        return self._kept(wanted.slot, wanted.volume), wanted.place

    def first_volumes(self) -> list[TrainingVolume]:
        """Return the volumes that channel means are taken from."""
        count = min(VOLUMES_FOR_MEANS, self._settings.volumes_in_pool)
        return [self._kept(number, number) for number in range(count)]

    def _kept(self, slot: int, number: int) -> TrainingVolume:
        held = self._slots.get(slot)
        if held is None or held[0] != number:
            held = self._slots[slot] = (number, self.maker.make(self.seed, number))
        return held[1]


class Draw(NamedTuple):
    """One slice of the pool.

    Attributes:
        slot: place of its volume in the pool.
        volume: number of the volume, which is generated when it is first needed.
        place: which of the volume's chosen slices.
    """

    slot: int
    volume: int
    place: int


def draw(number: int, slots: int, slices: int) -> Draw:
    """Return the slice that is generated image `number` of a run.

    The pool's `slots` take turns. A slot reads its volume's `slices` one by one and goes on with
    a new volume. The slots do so at different moments: a new volume is needed after every
    `slices` images, and a slot's first volume is read from further in, the later the slot.
    """
    slot, turn = number % slots, number // slots
    nth, place = divmod(turn + slot * slices // slots, slices)
    return Draw(slot, nth * slots + slot, place)


def shares(step: int, images: int, real_fraction: float) -> tuple[range, range]:
    """Return the numbers of the real and of the generated images of a step, each counted from 0.

    Of the first n images of a run, `floor(n * real_fraction)` are real.
    """
    before, after = (math.floor(n * real_fraction) for n in (step * images, (step + 1) * images))
    return range(before, after), range(step * images - before, (step + 1) * images - after)


def choose_slices(
    random: np.random.Generator,
    has_head: Bool[np.ndarray, " slice"],
    has_brain: Bool[np.ndarray, " slice"],
    count: int,
    brain_fraction: float,
) -> Int[np.ndarray, " count"]:
    """Return `count` slices that show a head, in random order; `brain_fraction` or more show brain.

    Where a volume has fewer than are asked for, some come more than once; in a volume without
    any head every slice may come.
    """
    brain, other = (
        random.permutation(np.flatnonzero(has_head & kind)) for kind in (has_brain, ~has_brain)
    )
    if not brain.size and not other.size:
        other = random.permutation(has_head.size)
    others = count if not brain.size else min(int((1 - brain_fraction) * count), other.size)
    picked = np.concatenate([np.resize(brain, count - others), np.resize(other, others)])
    return random.permutation(picked)
