"""The settings of one experiment: defaults, and what a config says of them (plain Python)."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from ml_collections import ConfigDict

from brainfcn_jax.imaging.choices import (
    Colours,
    EqualisationMode,
    MaskSlice,
    People,
    SliceAxes,
    SliceAxis,
)
from brainfcn_jax.imaging.contrasts import Contrast
from brainfcn_jax.schemes import SCHEMES
from brainfcn_jax.training.settings_reader import Rule

# Beyond some of these limits a value is a slip: it would fill the memory before anything is said.
NotNegative = Annotated[int, Rule("of 0 or more", lambda number: number >= 0)]
Positive = Annotated[int, Rule("of 1 or more", lambda number: number >= 1)]
Images = Annotated[int, Rule("in 1..10000", lambda number: 1 <= number <= 10_000)]
Thirds = Annotated[int, Rule("of 1 or more and a multiple of 3", lambda n: n >= 1 and n % 3 == 0)]
Folder = Annotated[
    str, Rule("that names the folder of SynthSeg's maps", lambda folder: folder != "")
]
Maps = Annotated[int, Rule("in 1..256", lambda number: 1 <= number <= 256)]
Pixels = Annotated[
    int, Rule("in 16..1024 and a multiple of 16", lambda n: 16 <= n <= 1024 and n % 16 == 0)
]
Rate = Annotated[float, Rule("above 0", lambda rate: rate > 0)]
Decay = Annotated[float, Rule("of 0 or more", lambda decay: decay >= 0)]
Fraction = Annotated[float, Rule("in 0..1", lambda fraction: 0 <= fraction <= 1)]
FractionBelow1 = Annotated[float, Rule("of at least 0 and below 1", lambda part: 0 <= part < 1)]
Degrees = Annotated[float, Rule("in 0..180", lambda degrees: 0 <= degrees <= 180)]
Scale = Annotated[float, Rule("in 0.1..10", lambda scale: 0.1 <= scale <= 10)]
Pattern = Annotated[str, Rule("that holds '{subject}'", lambda pattern: "{subject}" in pattern)]
Scheme = Annotated[
    str, Rule(f"that is empty or one of {', '.join(SCHEMES)}", lambda name: name in ("", *SCHEMES))
]


@dataclass(frozen=True)
class DataSettings:
    """Which scans are used, and how they are brought to the network.

    Attributes:
        root: folder that the patterns start from; with a generator, also that of its label maps.
        scan_pattern: path of a scan below `root`, with `{subject}` for the subject's name, and
            `{contrast}` where each has scans of several contrasts (see `subjects`).
        labels_pattern: path of the label map that belongs to it.
        label_table: file of the labels that the label maps hold, as BIDS has it (index, name,
            abbreviation, color; see `labels.parsed_table`); empty: the seven tissues.
        scheme: name of the label maps' code scheme (see `schemes`); empty: the labels' own values.
        train: names of the training subjects; empty: all that are found, less `validation`.
        train_subjects: only the first so many training subjects are used; 0: all of them.
        train_slice_axes: slice axis of each subject in `train`; empty: `slice_axis` for all.
        validation: names of the subjects held out to follow the training; empty: none.
        validation_root: folder where these lie, by the same patterns; empty: `root`.
        people: whose scans they are, kept with the trained model: newborns' brains are looked for
            in another size, and other volumes are plausible.
        contrasts: what they show, kept with the trained model; those to be preferred first.
        find_brain: whether the trained model has a brain looked for before it labels anything.
        colours: what the three colours of an image are.
        slice_axis: axis along which a volume is cut into slices, or "all" three.
        equalise: histogram equalisation over the whole "volume" or inside the "head" only.
        crop_to_head: train on the bounding box of the head instead of on whole slices.
        mask_slice: slice that gives the brain mask in post-processing, "middle" or "largest".
    """

    root: str = ""
    scan_pattern: Pattern = "{subject}_T1w.nii.gz"
    labels_pattern: Pattern = "{subject}_dseg.nii.gz"
    label_table: str = ""
    scheme: Scheme = ""
    train: tuple[str, ...] = ()
    train_subjects: NotNegative = 0
    train_slice_axes: tuple[SliceAxis, ...] = ()
    validation: tuple[str, ...] = ()
    validation_root: str = ""
    people: People = "adults"
    contrasts: tuple[Contrast, ...] = ("T1w",)
    find_brain: bool = True
    colours: Colours = "neighbours"
    slice_axis: SliceAxes = "axial"
    equalise: EqualisationMode = "head"
    crop_to_head: bool = True
    mask_slice: MaskSlice = "largest"


@dataclass(frozen=True)
class GeneratorSettings:
    """What all generators of images share; these take the place of scans, or stand beside them.

    Attributes:
        held_out: label maps that nothing is trained on: neither images made from them nor a
            scan that they label.
        heads_root: folder of SynthSeg's maps, which lend newborns face, eyes and neck; empty: a
            plain neck. A finder's heads of adults are made from them.
        maps: label maps, by file name without extensions; one named n times is used n times as
            often; empty: all that are found, less `held_out`. A finder's are newborns'.
        volumes_in_pool: images that are kept, so that a step's slices come from many.
        slices_per_volume: how many slices are taken from each image.
        brain_fraction: least share of an image's slices that show brain.
        real_fraction: share of the slices, or of a finder's heads, that come from the scans.
    """

    held_out: tuple[str, ...] = ()
    heads_root: str = ""
    maps: tuple[str, ...] = ()
    volumes_in_pool: Images = 12
    slices_per_volume: Positive = 64
    brain_fraction: Fraction = 0.75
    real_fraction: FractionBelow1 = 0.0


@dataclass(frozen=True)
class TissueGeneratorSettings(GeneratorSettings):
    """Images with their tissues, from the label maps in `DataSettings.root`.

    Attributes:
        kind: "adult" (T1w, from SynthSeg's maps) or "newborn" (T2w, from maps of tissues);
            "any_adult" and "any_newborn" in any contrast.
        shape: slices, rows and columns of an image; the last two also of a batch.
        thick_fraction: share of the images that are cut into slices of 2 to 6 voxels.
    """

    kind: Literal["adult", "newborn", "any_adult", "any_newborn"] = "adult"
    shape: tuple[Pixels, Pixels, Pixels] = (160, 176, 224)
    thick_fraction: Fraction = 0.0


@dataclass(frozen=True)
class FinderGeneratorSettings(GeneratorSettings):
    """Heads of any contrast, for what finds the brain in them.

    The scans of `DataSettings` are heads whose label maps are brain masks.

    Attributes:
        kind: "brain".
        heads_root: folder of SynthSeg's maps.
        slices_per_volume: how many slices are taken from each image, a third in each direction.
        size: voxels along each side of a head's cube.
        newborns_root: folder of newborns' maps of tissues; empty: adults alone.
        slab_fraction: share of the heads of which no more than a slab is seen.
    """

    kind: Literal["brain"] = "brain"
    heads_root: Folder = ""
    slices_per_volume: Thirds = 96
    size: Pixels = 112
    newborns_root: str = ""
    slab_fraction: Fraction = 0.0


@dataclass(frozen=True)
class NetworkSettings:
    """The network and what its training starts from.

    Attributes:
        stages: VGG16 stages that are used, 5 for neonates and 4 for adults in the paper.
        maps: channels of each specialised layer.
        narrowing: the layers have this part of VGG16's channels; 1 for its ImageNet weights.
        precision: dtype of activations; weights and scores are always float32. "auto": bfloat16
            where it is fast, else float32; a run's folder records which.
        start: "imagenet" for the published VGG16 weights, "model" for a trained model, "random"
            for none.
        vgg16_path: file of the published weights; empty: the variable BRAINFCN_VGG16 names it.
        model_path: "model" only: weight file of the trained model, whose channel means are kept.
    """

    stages: Literal[4, 5] = 4
    maps: Maps = 16
    narrowing: Literal[1, 2, 4, 8] = 1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    start: Literal["imagenet", "model", "random"] = "imagenet"
    vgg16_path: str = ""
    model_path: str = ""


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

    name: Literal["sgd", "adam"] = "adam"
    learning_rate: Rate = 1e-4
    schedule: Literal["constant", "linear_to_zero", "cosine"] = "linear_to_zero"
    warmup_steps: NotNegative = 100
    momentum: FractionBelow1 = 0.9
    weight_decay: Decay = 0.0


@dataclass(frozen=True)
class AugmentationSettings:
    """Random changes of each training image.

    Attributes:
        rotation_degrees: largest rotation, in either direction.
        scale_range: smallest and largest scale.
        mirror: whether half of the images are mirrored left to right; not for sagittal slices.
        remapped_fraction: share of the images whose grey levels a random curve maps, as though
            they were of another contrast.
    """

    rotation_degrees: Degrees = 10.0
    scale_range: tuple[Scale, Scale] = (0.9, 1.1)
    mirror: bool = True
    remapped_fraction: Fraction = 0.0


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

    steps: Positive = 3000
    images_per_step: Images = 4
    images_per_microbatch: Images = 4
    loss: Literal["sum", "mean"] = "mean"
    validate_every: Positive = 500
    checkpoint_every: Positive = 250
    log_every: Positive = 10
    launcher: Literal["jit", "pmap"] = "jit"


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

    seed: NotNegative = 0
    data: DataSettings = field(default_factory=DataSettings)
    generator: TissueGeneratorSettings | FinderGeneratorSettings | None = None
    network: NetworkSettings = field(default_factory=NetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    licence: str = ""


def experiment(**changes: Any) -> ConfigDict:
    """Return a config with every key: the defaults of `Settings`, but for `changes`.

    Args:
        changes: a value for a key of `Settings`, or a dictionary for keys of one of its sections:
            `experiment(seed=1, data={"people": "newborns"})`.
    """
    values = dataclasses.asdict(Settings())
    for key, change in changes.items():
        if isinstance(change, dict):
            change = {**(values.get(key) or generator_defaults(change)), **change}
        values[key] = change
    return ConfigDict(values)


def generator_defaults(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults of a generator of the kind that `found` names; of tissues without."""
    finder = found.get("kind") == "brain"
    return dataclasses.asdict(FinderGeneratorSettings() if finder else TissueGeneratorSettings())
