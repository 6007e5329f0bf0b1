"""Training volumes that tell brain from everything else, in all three slice directions."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.resampling import centred_grid, resample
from brainfcn_jax.imaging.slicing import slices_along, volume_of
from brainfcn_jax.inference.brain import NEWBORNS
from brainfcn_jax.network.fcn import volume_to_stacks
from brainfcn_jax.synthesis.generator import Generator, load_generator
from brainfcn_jax.synthesis.masked_heads import MaskedHead, masked_head, varied
from brainfcn_jax.synthesis.recipes import (
    any_adult_recipe,
    any_newborn_recipe,
    coarse,
    masked_head_recipe,
)
from brainfcn_jax.training.batches import UNKNOWN, TrainingVolume
from brainfcn_jax.training.generated_pool import choose_slices
from brainfcn_jax.training.label_choice import scheme_of
from brainfcn_jax.training.labelled_scans import check_held_out, training_subjects
from brainfcn_jax.training.settings import DataSettings, FinderGeneratorSettings
from brainfcn_jax.training.subjects import load_subject

SPACING_MM = 2.0
NEWBORN_SPACING_MM = SPACING_MM * NEWBORNS.size
NEWBORN_FRACTION = 0.4
"""Share of the generated heads that are a newborn's, where there are maps of newborns."""

UNCERTAIN_MM = 2.5
"""How near to a mask's surface nothing is said about brain or not."""

SLAB_VOXELS = (15, 50)
"""The thinnest and the thickest slab."""


class BrainVolumes:
    """Makes volumes of generated and of real heads, cubes of 2 mm voxels, newborns' smaller."""

    def __init__(
        self,
        adults: Generator,
        newborns: Generator | None,
        heads: Sequence[MaskedHead],
        settings: FinderGeneratorSettings,
    ) -> None:
        self._adults = adults
        self._newborns = newborns
        self._heads = heads
        self._settings = settings
        self._recipe = masked_head_recipe(settings.size, SPACING_MM)
        sources = (*adults.sources, *(newborns.sources if newborns else ()))
        self.spacing_mm = (SPACING_MM, SPACING_MM, SPACING_MM)
        self.maps = len({source.name for source in sources}) + len(heads)
        self.sizes: tuple[tuple[int, int], ...] = ((settings.size, settings.size),)

    def make(self, seed: int, number: int) -> TrainingVolume:
        """Make volume `number`: some slices of each direction, brain 1."""
        random = np.random.default_rng((seed, number))
        name, image, brain = self._head(random, seed, number)
        if random.random() < self._settings.slab_fraction:
            image, brain = slab(random, image, brain)
        equalised = equalise_volume(image, "head")
        settings = self._settings
        parts = []
        for axis in SLICE_AXES.values():
            slices, labels = (slices_along(volume, axis) for volume in (equalised, brain))
            places = choose_slices(
                random,
                has_head=np.any(slices, axis=(1, 2)),
                has_brain=np.any(labels == 1, axis=(1, 2)),
                count=settings.slices_per_volume // len(SLICE_AXES),
                brain_fraction=settings.brain_fraction,
            )
            stacks = np.asarray(volume_to_stacks(jnp.asarray(slices)))
            parts.append((stacks[places], labels[places]))
        stacks, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = random.permutation(len(labels))
        has_head = np.ones(len(labels), bool)
        return TrainingVolume(name, stacks[order], labels[order], has_head)

    def _head(
        self, random: np.random.Generator, seed: int, number: int
    ) -> tuple[str, Float32[np.ndarray, "x y z"], UInt8[np.ndarray, "x y z"]]:
        """Return name, image and brain of a head, canonical."""
        settings = self._settings
        if self._heads and random.random() < settings.real_fraction:
            head = self._heads[int(random.integers(len(self._heads)))]
            image, outward_mm, seen = varied(random, head, self._recipe)
            return head.name, image, np.where(seen, known_brain(outward_mm), np.uint8(0))
        generator = self._adults
        if self._newborns is not None and random.random() < NEWBORN_FRACTION:
            generator = self._newborns
        made = generator.example(seed, number)
        image, brain = (volume_of(volume, 2) for volume in (made.image, made.brain))
        return made.name, image, brain.astype(np.uint8)


def slab(
    random: np.random.Generator,
    image: Float32[np.ndarray, "x y z"],
    brain: UInt8[np.ndarray, "x y z"],
) -> tuple[Float32[np.ndarray, "x y z"], UInt8[np.ndarray, "x y z"]]:
    """Return a slab of the head through its brain, across an axis at random; all else is 0."""
    axis = int(random.integers(3))
    with_brain = np.flatnonzero(np.any(brain == 1, axis=tuple({0, 1, 2} - {axis})))
    middle = random.choice(with_brain) if with_brain.size else image.shape[axis] // 2
    thickness = int(random.integers(SLAB_VOXELS[0], SLAB_VOXELS[1] + 1))
    start = max(0, middle - thickness // 2)
    kept = (slice(None),) * axis + (slice(start, middle - thickness // 2 + thickness),)
    cut, cut_brain = np.zeros_like(image), np.zeros_like(brain)
    cut[kept], cut_brain[kept] = image[kept], brain[kept]
    return cut, cut_brain


def load_brain_volumes(settings: FinderGeneratorSettings, data: DataSettings) -> BrainVolumes:
    """Read the label maps of adults and newborns, and the heads with masks.

    Raises:
        InputError: a label map or head is missing or cannot be used.
        UsageError: more heads are asked for than there are, or a held-out map is not there.
    """
    folders = [folder for folder in (settings.heads_root, settings.newborns_root) if folder]
    check_held_out(settings.held_out, folders)
    cube = (settings.size, settings.size, settings.size)
    newborns = None
    if settings.newborns_root:
        newborns = load_generator(
            "newborn",
            settings.newborns_root,
            heads_folder=settings.heads_root,
            names=settings.maps,
            recipe=coarse(any_newborn_recipe(cube), NEWBORN_SPACING_MM),
            leave_out=settings.held_out,
        )
    adults = load_generator(
        "adult",
        settings.heads_root,
        recipe=coarse(any_adult_recipe(cube), SPACING_MM),
        leave_out=settings.held_out,
    )
    heads = load_masked_heads(data, SPACING_MM) if settings.real_fraction > 0 else ()
    return BrainVolumes(adults, newborns, heads, settings)


def known_brain(outward_mm: Float32[np.ndarray, "x y z"]) -> UInt8[np.ndarray, "x y z"]:
    """Return 1 where brain is, `UNKNOWN` within `UNCERTAIN_MM` of the mask's surface."""
    near = np.abs(outward_mm) < UNCERTAIN_MM
    return np.where(near, UNKNOWN, outward_mm <= 0).astype(np.uint8)


def load_masked_heads(settings: DataSettings, spacing_mm: float) -> tuple[MaskedHead, ...]:
    """Load the training subjects, whose label maps are masks: all above 0 is brain.

    Raises:
        InputError: a subject is missing, cannot be used, or has no brain.
        UsageError: more subjects are asked for than there are.
    """
    heads = []
    for subject in training_subjects(settings):
        scan, labels = load_subject(subject, scheme_of(settings))
        source = centred_grid(labels.shape, scan.spacing_mm)
        x, y, z = (line.resampled(spacing_mm) for line in source)
        image, mask = (
            resample(volume.astype(np.float32), source, (x, y, z))
            for volume in (scan.data, labels > 0)
        )
        if not (mask > 0.5).any():
            raise InputError(f"'{subject.labels_path}' marks no brain; leave it out of data.train")
        heads.append(masked_head(subject.name, image, mask > 0.5, spacing_mm))
    return tuple(heads)
