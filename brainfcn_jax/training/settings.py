"""The settings of one experiment, read from a config and checked once (plain Python)."""

from dataclasses import dataclass
from typing import Literal

from ml_collections import ConfigDict

from brainfcn_jax.errors import UsageError
from brainfcn_jax.labels import SCHEMES
from brainfcn_jax.text import first_few
from brainfcn_jax.training.settings_reader import read_section

SliceAxis = Literal["axial", "coronal", "sagittal"]

MOST_MAPS, MOST_IMAGES, LONGEST_SIDE = 256, 10_000, 1024
"""Beyond these a value is a slip: it would fill the memory before anything is said."""


@dataclass(frozen=True)
class DataSettings:
    """Which scans are used, and how they are brought to the network.

    Attributes:
        root: folder that the patterns start from; with a generator, also that of its label maps.
        scan_pattern: path of a scan below `root`, with `{subject}` for the subject's name.
        labels_pattern: path of the label map that belongs to it.
        scheme: name of the label maps' code scheme (see `labels`).
        train: names of the training subjects; empty: all that are found, less `validation`.
        train_subjects: only the first so many training subjects are used; 0: all of them.
        train_slice_axes: slice axis of each subject in `train`; empty: `slice_axis` for all.
        validation: names of the subjects held out to follow the training; empty: none.
        validation_root: folder where these lie, by the same patterns; empty: `root`.
        modality: what the scans show, such as "T1w"; kept with the trained model.
        slice_axis: axis along which a volume is cut into slices.
        equalise: histogram equalisation over the whole "volume" or inside the "head" only.
        crop_to_head: train on the bounding box of the head instead of on whole slices.
        mask_slice: slice that gives the brain mask in post-processing, "middle" or "largest".
    """

    root: str
    scan_pattern: str
    labels_pattern: str
    scheme: str
    train: tuple[str, ...]
    train_subjects: int
    train_slice_axes: tuple[SliceAxis, ...]
    validation: tuple[str, ...]
    validation_root: str
    modality: str
    slice_axis: SliceAxis
    equalise: Literal["volume", "head"]
    crop_to_head: bool
    mask_slice: Literal["middle", "largest"]


@dataclass(frozen=True)
class GeneratorSettings:
    """Images made from label maps, in place of the scans in `DataSettings.root` or beside them.

    Attributes:
        kind: "adult" (T1w, from SynthSeg's maps) or "newborn" (T2w, from maps of tissues).
        maps: label maps, by file name without extensions; one named n times is used n times as
            often; empty: all that are found, less `held_out`.
        held_out: label maps that nothing is trained on: neither images made from them nor a
            scan that they label.
        heads_root: "newborn" only: folder of SynthSeg's maps, which lend face, eyes and neck;
            empty: heads get a plain neck.
        shape: slices, rows and columns of an image; the last two also of a batch.
        volumes_in_pool: images that are kept, so that a step's slices come from many.
        slices_per_volume: how many slices are taken from each image.
        brain_fraction: least share of an image's slices that show brain.
        real_fraction: share of the slices that come from the labelled scans.
    """

    kind: Literal["adult", "newborn"]
    maps: tuple[str, ...]
    held_out: tuple[str, ...]
    heads_root: str
    shape: tuple[int, int, int]
    volumes_in_pool: int
    slices_per_volume: int
    brain_fraction: float
    real_fraction: float


@dataclass(frozen=True)
class NetworkSettings:
    """The network and what its training starts from.

    Attributes:
        stages: VGG16 stages that are used, 5 for neonates and 4 for adults in the paper.
        maps: channels of each specialised layer.
        precision: dtype of activations; weights and scores are always float32.
        start: "imagenet" for the published VGG16 weights, "model" for a trained model, "random"
            for none.
        vgg16_path: file of the published weights; empty: the variable BRAINFCN_VGG16 names it.
        model_path: "model" only: weight file of the trained model, whose channel means are kept.
    """

    stages: Literal[4, 5]
    maps: int
    precision: Literal["float32", "bfloat16"]
    start: Literal["imagenet", "model", "random"]
    vgg16_path: str
    model_path: str


@dataclass(frozen=True)
class OptimizerSettings:
    """How gradients become steps.

    Attributes:
        name: "sgd" with momentum, in Caffe's order, or "adam".
        learning_rate: after the warm-up; it belongs to the loss named in `TrainingSettings`.
        schedule: course of the learning rate after the warm-up.
        warmup_steps: steps over which the learning rate rises from 0.
        momentum: of SGD, or Adam's first decay rate.
        weight_decay: added to the gradient of kernels, never of biases.
    """

    name: Literal["sgd", "adam"]
    learning_rate: float
    schedule: Literal["constant", "linear_to_zero", "cosine"]
    warmup_steps: int
    momentum: float
    weight_decay: float


@dataclass(frozen=True)
class AugmentationSettings:
    """Random changes of each training image.

    Attributes:
        rotation_degrees: largest rotation, in either direction.
        scale_range: smallest and largest scale.
        mirror: whether half of the images are mirrored left to right; not for sagittal slices.
    """

    rotation_degrees: float
    scale_range: tuple[float, float]
    mirror: bool


@dataclass(frozen=True)
class TrainingSettings:
    """How long and in what portions the network is trained.

    Attributes:
        steps: updates of the weights.
        images_per_step: images whose losses are averaged in one update.
        images_per_microbatch: images whose activations are held at once on a device.
        loss: "sum" or "mean" over the pixels of an image.
        validate_every: steps from one validation to the next.
        checkpoint_every: steps from one checkpoint to the next.
        log_every: steps from one line of metrics to the next.
        launcher: "jit" on one device, "pmap" over all devices of all processes.
    """

    steps: int
    images_per_step: int
    images_per_microbatch: int
    loss: Literal["sum", "mean"]
    validate_every: int
    checkpoint_every: int
    log_every: int
    launcher: Literal["jit", "pmap"]


@dataclass(frozen=True)
class Settings:
    """One experiment.

    Attributes:
        seed: of everything random: new layers, order of images, augmentation.
        data: the scans.
        generator: images made from label maps; None: only scans are trained on.
        network: the network and its start.
        optimizer: how gradients become steps.
        augmentation: random changes of images.
        training: length and portions.
        licence: terms under which weights trained on these scans may be used.
    """

    seed: int
    data: DataSettings
    generator: GeneratorSettings | None
    network: NetworkSettings
    optimizer: OptimizerSettings
    augmentation: AugmentationSettings
    training: TrainingSettings
    licence: str


def settings_from_config(config: ConfigDict) -> Settings:
    """The settings that `config` holds, every key read and checked.

    Raises:
        UsageError: keys are unknown or missing, values have the wrong type or make no sense;
            all that is wrong is named at once.
    """
    problems: list[str] = []
    settings = read_section(Settings, config.to_dict(), "", problems)
    if settings is not None:
        problems += [*_out_of_range(settings), *_data_contradictions(settings.data)]
        problems += _generator_contradictions(settings.generator, settings.data)
    if settings is None or problems:
        raise UsageError("the config cannot be used: " + "; ".join(problems))
    return settings


def _out_of_range(settings: Settings) -> list[str]:
    """Rules about numbers that are broken."""
    optimizer, training = settings.optimizer, settings.training
    low, high = settings.augmentation.scale_range
    trained_axes = {settings.data.slice_axis, *settings.data.train_slice_axes}
    rules = {
        "seed must be 0 or more": settings.seed >= 0,
        f"network.maps must lie in 1..{MOST_MAPS}": 1 <= settings.network.maps <= MOST_MAPS,
        "network.start is 'model' and network.model_path names none, or the other way round": (
            (settings.network.start == "model") == (settings.network.model_path != "")
        ),
        "optimizer.learning_rate must be above 0": optimizer.learning_rate > 0,
        "optimizer.warmup_steps must lie in 0..training.steps": (
            0 <= optimizer.warmup_steps <= training.steps
        ),
        "optimizer.momentum must be at least 0 and below 1": 0 <= optimizer.momentum < 1,
        "optimizer.weight_decay must be 0 or more": optimizer.weight_decay >= 0,
        "augmentation.rotation_degrees must lie in 0..180": (
            0 <= settings.augmentation.rotation_degrees <= 180
        ),
        "augmentation.scale_range must be two numbers in 0.1..10, smallest first": (
            0.1 <= low <= high <= 10
        ),
        "augmentation.mirror would turn sagittal slices front to back; set it to False": (
            not (settings.augmentation.mirror and "sagittal" in trained_axes)
        ),
        "training.steps must be 1 or more": training.steps >= 1,
        f"training.images_per_step must lie in 1..{MOST_IMAGES}": (
            1 <= training.images_per_step <= MOST_IMAGES
        ),
        "training.images_per_microbatch must lie in 1..training.images_per_step": (
            1 <= training.images_per_microbatch <= training.images_per_step
        ),
        "training.validate_every must be 1 or more": training.validate_every >= 1,
        "training.checkpoint_every must be 1 or more": training.checkpoint_every >= 1,
        "training.log_every must be 1 or more": training.log_every >= 1,
    }
    return [rule for rule, kept in rules.items() if not kept]


def _data_contradictions(data: DataSettings) -> list[str]:
    """Rules about the data section that are broken."""
    both = sorted(set(data.train) & set(data.validation))
    rules = {
        "data.root is empty; name the folder with --config.data.root=FOLDER": data.root != "",
        "data.scan_pattern must hold '{subject}'": "{subject}" in data.scan_pattern,
        "data.labels_pattern must hold '{subject}'": "{subject}" in data.labels_pattern,
        f"data.scheme must be one of {', '.join(SCHEMES)}, found {data.scheme[:40]!r}": (
            data.scheme in SCHEMES
        ),
        f"data.train and data.validation share {first_few(both)}": not both,
        "data.train_subjects must be 0 (all) or more": data.train_subjects >= 0,
        f"data.train_subjects is {data.train_subjects}, but data.train names {len(data.train)}": (
            not data.train or data.train_subjects <= len(data.train)
        ),
        f"data.train_slice_axes names {len(data.train_slice_axes)} axes for the "
        f"{len(data.train)} subjects in data.train": (
            len(data.train_slice_axes) in (0, len(data.train))
        ),
    }
    return [rule for rule, kept in rules.items() if not kept]


def _generator_contradictions(generator: GeneratorSettings | None, data: DataSettings) -> list[str]:
    """Rules about the generator section that are broken."""
    if generator is None:
        return []
    both = sorted(set(generator.maps) & set(generator.held_out))
    rules = {
        f"generator.maps and generator.held_out share {first_few(both)}": not both,
        "generator.heads_root is for generator.kind 'newborn'": (
            generator.kind == "newborn" or not generator.heads_root
        ),
        f"generator.shape must be multiples of 16 in 16..{LONGEST_SIDE}": all(
            16 <= size <= LONGEST_SIDE and size % 16 == 0 for size in generator.shape
        ),
        f"generator.volumes_in_pool must lie in 1..{MOST_IMAGES}": (
            1 <= generator.volumes_in_pool <= MOST_IMAGES
        ),
        "generator.slices_per_volume must be 1 or more": generator.slices_per_volume >= 1,
        "generator.brain_fraction must lie in 0..1": 0 <= generator.brain_fraction <= 1,
        "generator.real_fraction must be 0 or more and below 1": 0 <= generator.real_fraction < 1,
        "data.train and data.train_subjects choose scans, but generator.real_fraction is 0": (
            generator.real_fraction > 0 or not (data.train or data.train_subjects)
        ),
    }
    return [rule for rule, kept in rules.items() if not kept]
