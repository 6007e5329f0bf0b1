"""Where the batches of a run come from: scans in memory, generated images, or both."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from brainfcn_jax.training.batches import (
    Batch,
    BatchShape,
    TrainingVolume,
    batch_shape,
    batches,
    channel_means,
    in_order,
    make_batch,
    part_of,
    training_slices,
)
from brainfcn_jax.training.devices import device_count, own_microbatches
from brainfcn_jax.training.generated_pool import GeneratedPool, shares
from brainfcn_jax.training.labelled_scans import TrainingData, load_training_data
from brainfcn_jax.training.settings import Settings, TissueGeneratorSettings
from brainfcn_jax.training.synthetic_volumes import held_out_maps, load_pool

NO_SCANS: tuple[TrainingVolume, ...] = ()


@dataclass(frozen=True)
class BatchSource:
    """What a run is trained on.

    Attributes:
        batches: batches(first_step, steps) gives those of steps `first_step` to `steps` - 1, a
            function of the seed and the step's number; of each only what falls to this process.
        channel_means: to be subtracted from the stacks.
        spacing_mm: voxel size along the canonical x, y, z.
        subjects: how many scans or label maps there are.
    """

    batches: Callable[[int, int], Iterator[Batch]]
    channel_means: tuple[float, float, float]
    spacing_mm: tuple[float, float, float]
    subjects: int


def load_batch_source(settings: Settings) -> BatchSource:
    """Load what the settings train on.

    Raises:
        InputError: a scan or label map is missing or cannot be used.
        UsageError: more is asked for than there is, or what is held out.
    """
    if settings.generator is None:
        return source_of_scans(settings, load_training_data(settings.data))
    generator, scans = settings.generator, NO_SCANS
    if isinstance(generator, TissueGeneratorSettings) and generator.real_fraction > 0:
        held_out = held_out_maps(generator, settings.data)
        scans = load_training_data(settings.data, held_out).volumes
    pool = load_pool(generator, settings.data, settings.seed)
    return source_of_generated(settings, pool, scans)


def source_of_scans(settings: Settings, data: TrainingData) -> BatchSource:
    """Return batches of scans alone."""
    shape, own = _batch_shape(settings, data.volumes)
    return BatchSource(
        lambda first, steps: batches(data.volumes, shape, settings.seed, range(first, steps), own),
        channel_means(data.volumes),
        data.spacing_mm,
        len({volume.name for volume in data.volumes}),
    )


def source_of_generated(
    settings: Settings,
    pool: GeneratedPool,
    scans: tuple[TrainingVolume, ...],
) -> BatchSource:
    """Return batches of generated slices, with a share from scans; all as large as the largest."""
    first_volumes = pool.first_volumes()
    generator = settings.generator
    real_fraction = generator.real_fraction if scans and generator else 0.0
    shape, own = _batch_shape(settings, scans, pool.maker.sizes)
    return BatchSource(
        lambda first, steps: mixed_batches(
            pool, scans, shape, real_fraction, range(first, steps), own
        ),
        channel_means(first_volumes),
        pool.maker.spacing_mm,
        pool.maker.maps + len({volume.name for volume in scans}),
    )


def mixed_batches(
    pool: GeneratedPool,
    scans: tuple[TrainingVolume, ...],
    shape: BatchShape,
    real_fraction: float,
    steps: range,
    microbatches: range,
) -> Iterator[Batch]:
    """Yield some microbatches of some steps: `real_fraction` of the images from scans, last.

    The slices of the scans come in the order of `batches.in_order`, those that are generated in
    that of `pool.draw`; nothing is generated for microbatches that are not asked for.
    """
    real_slices = training_slices(scans)
    part, images = part_of(shape, microbatches)
    for step in steps:
        all_real, all_generated = shares(step, shape.images, real_fraction)
        generated = all_generated[images.start : images.stop]
        before = len(all_generated)
        real = all_real[max(images.start - before, 0) : max(images.stop - before, 0)]
        drawn = [pool.slice_of(number) for number in generated]
        pairs = [(len(scans) + nth, place) for nth, (_, place) in enumerate(drawn)]
        if real:
            pairs += real_slices[in_order(len(real_slices), np.asarray(real), pool.seed)].tolist()
        volumes = (*scans, *(volume for volume, _ in drawn))
        yield make_batch(volumes, np.asarray(pairs, np.int64).reshape(-1, 2), part)


def _batch_shape(
    settings: Settings,
    scans: tuple[TrainingVolume, ...],
    sizes: tuple[tuple[int, int], ...] = (),
) -> tuple[BatchShape, range]:
    """Return the shape of all batches, and which of the microbatches are this process's."""
    training = settings.training
    shape = batch_shape(
        (*sizes, *(volume.size for volume in scans)),
        training.images_per_step,
        training.images_per_microbatch,
        device_count(training.launcher),
    )
    return shape, own_microbatches(shape.microbatches, training.launcher)
