"""The scans of an experiment, loaded once and kept in memory (input/output)."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, UInt8

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.imaging.boxes import head_box
from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis, directions, is_thick
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.file_names import without_extension
from brainfcn_jax.imaging.slicing import slices_along
from brainfcn_jax.inference.network_input import HEAD_MARGIN_VOXELS, millimetres
from brainfcn_jax.network.fcn import volume_to_stacks
from brainfcn_jax.training.batches import TrainingVolume
from brainfcn_jax.training.label_choice import scheme_of
from brainfcn_jax.training.settings import DataSettings
from brainfcn_jax.training.subjects import Subject, find_subjects, load_subject


@dataclass(frozen=True)
class TrainingData:
    """The training scans, cut to what is trained on.

    Attributes:
        volumes: one for each scan and direction of slices.
        spacing_mm: median voxel size, as that of a scan sliced along `settings.slice_axis`, along
            the canonical x, y, z.
    """

    volumes: tuple[TrainingVolume, ...]
    spacing_mm: tuple[float, float, float]


def load_training_data(settings: DataSettings, held_out_maps: Sequence[str] = ()) -> TrainingData:
    """Load, equalises and crops the training subjects, less those of the held-out label maps.

    Raises:
        InputError: a subject is missing, cannot be used, or none shows a head; or one has thick
            slices where all directions are trained on.
        UsageError: more subjects are asked for than there are.
    """
    chosen = training_subjects(settings, held_out_maps)
    axes = dict(zip(settings.train, settings.train_slice_axes, strict=False))
    loaded = [
        _load_training_volumes(
            subject, directions(axes.get(subject.name, settings.slice_axis)), settings
        )
        for subject in chosen
    ]
    of_subjects, spacings_mm = zip(*loaded, strict=True)
    volumes = tuple(itertools.chain.from_iterable(of_subjects))
    if not any(volume.has_head.any() for volume in volumes):
        raise InputError(f"no slice of the {len(of_subjects)} training scans shows a head")
    slice_mm, *in_plane_mm = np.median(spacings_mm, axis=0)
    own, *_ = directions(settings.slice_axis)
    x_mm, y_mm, z_mm = np.insert(in_plane_mm, SLICE_AXES[own], slice_mm)
    return TrainingData(volumes, (float(x_mm), float(y_mm), float(z_mm)))


def training_subjects(settings: DataSettings, held_out_maps: Sequence[str] = ()) -> list[Subject]:
    """Return the subjects to train on, in order: never one held out, in any contrast.

    Args:
        settings: who is asked for.
        held_out_maps: label maps that are not trained on either, by file name without extensions.

    Raises:
        InputError: a subject is missing.
        UsageError: more are asked for than there are.
    """
    found = find_subjects(
        settings.root, settings.scan_pattern, settings.labels_pattern, settings.train
    )
    chosen = [
        subject
        for subject in found
        if subject.name not in settings.validation and map_name(subject) not in held_out_maps
    ]
    if not chosen:
        raise UsageError(
            f"all {len(found)} subjects in '{settings.root}' are held out; leave some to train on"
        )
    names = list(dict.fromkeys(subject.name for subject in chosen))
    if settings.train_subjects > len(names):
        raise UsageError(
            f"data.train_subjects asks for {settings.train_subjects} subjects, and "
            f"'{settings.root}' has {len(names)} that are not held out"
        )
    wanted = names[: settings.train_subjects or len(names)]
    return [subject for subject in chosen if subject.name in wanted]


def check_held_out(names: Sequence[str], folders: Sequence[str]) -> None:
    """Raise UsageError for names of label maps, without extensions, that no folder holds."""
    missing = [
        name
        for name in names
        if not any(any(Path(folder).rglob(f"{name}.nii*")) for folder in folders)
    ]
    if missing:
        raise UsageError(
            f"generator.held_out names {', '.join(missing)}, which '{' and '.join(folders)}' does "
            "not hold; name files there, without extensions"
        )


def map_name(subject: Subject) -> str:
    """Return the file name of a subject's label map without extensions."""
    return without_extension(subject.labels_path.name)


def _load_training_volumes(
    subject: Subject, slice_axes: Sequence[SliceAxis], settings: DataSettings
) -> tuple[list[TrainingVolume], tuple[float, float, float]]:
    """Return the subject's slices along each axis, and their spacing along the first."""
    scan, labels = load_subject(subject, scheme_of(settings))
    if len(slice_axes) > 1 and is_thick(max(scan.spacing_mm), min(scan.spacing_mm)):
        raise InputError(
            f"'{subject.scan_path}' has voxels of {millimetres(scan.spacing_mm)}: slices that far "
            "apart cannot be cut in all directions; name the one in which it was acquired, for all "
            "with --config.data.slice_axis=axial, or for each with data.train_slice_axes"
        )
    head = equalise_volume(scan.data, "head")
    whole = settings.equalise != "head"
    equalised = equalise_volume(scan.data, settings.equalise) if whole else head
    volumes = [
        _training_volume(
            subject.called,
            slices_along(equalised, SLICE_AXES[slice_axis]),
            slices_along(labels, SLICE_AXES[slice_axis]),
            slices_along(head > 0, SLICE_AXES[slice_axis]),
            settings.crop_to_head,
        )
        for slice_axis in slice_axes
    ]
    axis = SLICE_AXES[slice_axes[0]]
    height_mm, width_mm = (mm for place, mm in enumerate(scan.spacing_mm) if place != axis)
    return volumes, (scan.spacing_mm[axis], height_mm, width_mm)


def _training_volume(
    name: str,
    equalised: UInt8[np.ndarray, "slice height width"],
    labels: UInt8[np.ndarray, "slice height width"],
    head: Bool[np.ndarray, "slice height width"],
    crop_to_head: bool,
) -> TrainingVolume:
    in_plane = _in_plane_crop(head, crop_to_head)
    return TrainingVolume(
        name=name,
        stacks=np.asarray(volume_to_stacks(jnp.asarray(equalised[in_plane]))),
        labels=np.ascontiguousarray(labels[in_plane]),
        has_head=np.any(head, axis=(1, 2)),
    )


def _in_plane_crop(
    head: Bool[np.ndarray, "slice height width"], crop_to_head: bool
) -> tuple[slice, slice, slice]:
    """Return the head's box in plane, all slices; everything when there is nothing to crop to."""
    if not crop_to_head or not head.any():
        return slice(None), slice(None), slice(None)
    _, rows, columns = head_box(head.astype(np.uint8), HEAD_MARGIN_VOXELS)
    return slice(None), slice(*rows), slice(*columns)
