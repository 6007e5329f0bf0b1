"""Volumes of tissues generated from label maps, and the pool that a run draws from."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis, directions
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.slicing import slices_along, volume_of
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.network.fcn import nearer_neighbours, volume_to_stacks
from brainfcn_jax.synthesis.generator import Generator, load_generator
from brainfcn_jax.synthesis.recipes import RECIPES
from brainfcn_jax.training.batches import TrainingVolume
from brainfcn_jax.training.brain_volumes import load_brain_volumes
from brainfcn_jax.training.generated_pool import GeneratedPool, choose_slices
from brainfcn_jax.training.labelled_scans import check_held_out, map_name
from brainfcn_jax.training.settings import (
    DataSettings,
    FinderGeneratorSettings,
    GeneratorSettings,
    TissueGeneratorSettings,
)
from brainfcn_jax.training.validation import validation_subjects

THINNEST, THICKEST = 2, 6
"""Generated slices in a thick one."""

OTHER_AXES_FRACTION = 0.5
"""Share of the volumes that are cut along another axis than the generator's, if any are."""


class TissueVolumes:
    """Makes volumes of generated scans with their tissues, each cut along one axis.

    Of several axes the first is the generator's own, which half of the volumes are cut along.
    """

    def __init__(
        self, generator: Generator, settings: TissueGeneratorSettings, data: DataSettings
    ) -> None:
        self._generator = generator
        self._settings = settings
        self._axes = directions(data.slice_axis)
        self._equalise = data.equalise
        spacing_mm = generator.recipe.spacing_mm
        self.spacing_mm = (spacing_mm, spacing_mm, spacing_mm)
        self.maps = len({source.name for source in generator.sources})
        volume = np.broadcast_to(0, settings.shape)  # takes no memory
        self.sizes: tuple[tuple[int, int], ...] = tuple(
            cut_along(volume, self._axes[0], axis).shape[1:] for axis in self._axes
        )

    def make(self, seed: int, number: int) -> TrainingVolume:
        """Generate a volume: some of its slices, equalised in the whole, with labels."""
        settings = self._settings
        random = np.random.default_rng((seed, number))
        name, image, tissues, _ = self._generator.example(seed, number)
        own, *others = self._axes
        if others and random.random() < OTHER_AXES_FRACTION:
            axis = others[int(random.integers(len(others)))]
            image, tissues = cut_along(image, own, axis), cut_along(tissues, own, axis)
        thickness = 1
        if random.random() < settings.thick_fraction:
            thickness = int(random.integers(THINNEST, THICKEST + 1))
            image, tissues = thick_slices(image, tissues, thickness)
        head = equalise_volume(image, "head")
        whole = self._equalise != "head"
        equalised = equalise_volume(image, self._equalise) if whole else head
        places = choose_slices(
            random,
            has_head=np.any(head, axis=(1, 2)),
            has_brain=np.any(tissues, axis=(1, 2)),
            count=settings.slices_per_volume,
            brain_fraction=settings.brain_fraction,
        )
        stacks = volume_to_stacks(jnp.asarray(equalised))[places].astype(jnp.float32)
        nearer = np.rint(nearer_neighbours(stacks, 1 / thickness))
        has_head = np.ones(places.size, bool)
        return TrainingVolume(name, nearer.astype(np.uint8), tissues[places], has_head)


def cut_along(
    volume: Shaped[np.ndarray, "slice height width"], own: SliceAxis, axis: SliceAxis
) -> Shaped[np.ndarray, "slice2 height2 width2"]:
    """Return a volume whose slices follow one another along `own`, cut along another axis."""
    return slices_along(volume_of(volume, SLICE_AXES[own]), SLICE_AXES[axis])


def thick_slices(
    image: Float32[np.ndarray, "slice height width"],
    tissues: UInt8[np.ndarray, "slice height width"],
    thickness: int,
) -> tuple[
    Float32[np.ndarray, "thick_slice height width"], UInt8[np.ndarray, "thick_slice height width"]
]:
    """Return means of `thickness` slices each, and the tissue of most (the first, if equal).

    Slices at the end that do not fill one more are left out.
    """
    count = len(image) // thickness
    shape = (count, thickness, *image.shape[1:])
    means = image[: count * thickness].reshape(shape).mean(axis=1)
    parts = tissues[: count * thickness].reshape(shape)
    votes = np.stack(
        [(parts == tissue).sum(axis=1, dtype=np.uint8) for tissue in range(TISSUES.classes)]
    )
    return means, votes.argmax(axis=0).astype(np.uint8)


def load_pool(
    settings: TissueGeneratorSettings | FinderGeneratorSettings, data: DataSettings, seed: int
) -> GeneratedPool:
    """Read what the images are made from; the first are made when they are asked for.

    Raises:
        InputError: a label map or a validation scan is missing or cannot be used.
        UsageError: held-out maps are not there, or maps are asked for that are held out.
    """
    if isinstance(settings, FinderGeneratorSettings):
        return GeneratedPool(load_brain_volumes(settings, data), settings, seed)
    own = directions(data.slice_axis)[0]
    generator = load_generator(
        settings.kind,
        data.root,
        own,
        settings.heads_root or None,
        settings.maps,
        RECIPES[settings.kind](settings.shape, own),
        leave_out=held_out_maps(settings, data),
    )
    return GeneratedPool(TissueVolumes(generator, settings, data), settings, seed)


def held_out_maps(settings: GeneratorSettings, data: DataSettings) -> tuple[str, ...]:
    """Return names of the label maps that nothing is trained on: those held out, and validation's.

    Raises:
        InputError: a validation scan is missing.
        UsageError: a held-out map is not there, or is asked for.
    """
    check_held_out(settings.held_out, (data.root,))
    held_out = {*settings.held_out, *map(map_name, validation_subjects(data))}
    if asked := sorted(held_out & set(settings.maps)):
        raise UsageError(
            f"generator.maps asks for {', '.join(asked)}, which data.validation holds out"
        )
    return tuple(sorted(held_out))
