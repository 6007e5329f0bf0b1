"""Generated images as training volumes: made when they are needed, a pool of them kept."""

import math
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Int

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.network.fcn import volume_to_stacks
from brainfcn_jax.synthesis.generator import Generator, load_generator
from brainfcn_jax.synthesis.recipes import adult_recipe, newborn_recipe
from brainfcn_jax.training.batches import TrainingVolume
from brainfcn_jax.training.labelled_scans import map_name
from brainfcn_jax.training.settings import DataSettings, GeneratorSettings
from brainfcn_jax.training.validation import validation_subjects

VOLUMES_FOR_MEANS = 4


class GeneratedPool:
    """Volumes of a generator, each thinned to some of its slices; the last ones are kept.

    Volume n comes from the seed and n alone, whatever was asked for before.
    """

    def __init__(
        self, generator: Generator, settings: GeneratorSettings, equalise: str, seed: int
    ) -> None:
        self._generator = generator
        self._settings = settings
        self._equalise = equalise
        self._seed = seed
        self._slots: dict[int, tuple[int, TrainingVolume]] = {}

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size of the images."""
        spacing_mm = self._generator.recipe.spacing_mm
        return spacing_mm, spacing_mm, spacing_mm

    @property
    def maps(self) -> int:
        """How many different label maps the images are made from."""
        return len({source.name for source in self._generator.sources})

    def slice_of(self, number: int) -> tuple[TrainingVolume, int]:
        """The volume and the place in it of generated image `number` (see `pool.draw`)."""
        settings = self._settings
        wanted = draw(number, settings.volumes_in_pool, settings.slices_per_volume)
        return self._kept(wanted.slot, wanted.volume), wanted.place

    def first_volumes(self) -> list[TrainingVolume]:
        """The volumes that channel means are taken from."""
        count = min(VOLUMES_FOR_MEANS, self._settings.volumes_in_pool)
        return [self._kept(number, number) for number in range(count)]

    def _kept(self, slot: int, number: int) -> TrainingVolume:
        held = self._slots.get(slot)
        if held is None or held[0] != number:
            held = self._slots[slot] = (number, self.make(number))
        return held[1]

    def make(self, number: int) -> TrainingVolume:
        """Generates volume `number`: some of its slices, equalised in the whole, with labels."""
        settings = self._settings
        name, image, tissues = self._generator.example(self._seed, number)
        head = equalise_volume(image, "head")
        equalised = head if self._equalise == "head" else equalise_volume(image, self._equalise)
        places = choose_slices(
            np.random.default_rng((self._seed, number)),
            has_head=np.any(head, axis=(1, 2)),
            has_brain=np.any(tissues, axis=(1, 2)),
            count=settings.slices_per_volume,
            brain_fraction=settings.brain_fraction,
        )
        return TrainingVolume(
            name=name,
            stacks=np.asarray(volume_to_stacks(jnp.asarray(equalised)))[places],
            labels=tissues[places],
            has_head=np.ones(places.size, bool),
        )


def load_pool(settings: GeneratorSettings, data: DataSettings, seed: int) -> GeneratedPool:
    """Reads the label maps; the first images are made when they are asked for.

    Raises:
        InputError: a label map or a validation scan is missing or cannot be used.
        UsageError: held-out maps are not there, or maps are asked for that are held out.
    """
    kind_recipe = adult_recipe if settings.kind == "adult" else newborn_recipe
    generator = load_generator(
        settings.kind,
        data.root,
        data.slice_axis,
        settings.heads_root or None,
        settings.maps,
        kind_recipe(settings.shape, data.slice_axis),
        leave_out=held_out_maps(settings, data),
    )
    return GeneratedPool(generator, settings, data.equalise, seed)


def held_out_maps(settings: GeneratorSettings, data: DataSettings) -> tuple[str, ...]:
    """Names of the label maps that nothing is trained on: those held out, and validation's.

    Raises:
        InputError: a validation scan is missing.
        UsageError: a held-out map is not there, or is asked for.
    """
    root = Path(data.root)
    missing = [name for name in settings.held_out if not any(root.rglob(f"{name}.nii*"))]
    if missing:
        raise UsageError(
            f"generator.held_out names {', '.join(missing)}, which '{root}' does not hold; "
            "name files there, without extensions"
        )
    held_out = {*settings.held_out, *map(map_name, validation_subjects(data))}
    if asked := sorted(held_out & set(settings.maps)):
        raise UsageError(
            f"generator.maps asks for {', '.join(asked)}, which data.validation holds out"
        )
    return tuple(sorted(held_out))


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
    """The slice that is generated image `number` of a run.

    The pool's `slots` take turns. A slot reads its volume's `slices` one by one and goes on with
    a new volume. The slots do so at different moments: a new volume is needed after every
    `slices` images, and a slot's first volume is read from further in, the later the slot.
    """
    slot, turn = number % slots, number // slots
    nth, place = divmod(turn + slot * slices // slots, slices)
    return Draw(slot, nth * slots + slot, place)


def shares(step: int, images: int, real_fraction: float) -> tuple[range, range]:
    """The numbers of the real and of the generated images of a step, each counted from 0.

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
    """`count` slices that show a head, in random order; `brain_fraction` or more show brain.

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
