"""A model ready for scans: from one scan to its labels, and what is worth knowing about them."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float16, UInt8

from brainfcn_jax.errors import BrainfcnError
from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis
from brainfcn_jax.imaging.nifti import Scan, voxel_mm3
from brainfcn_jax.inference.brain import find_brain, load_finder, sized_finder
from brainfcn_jax.inference.network_input import Prepared, grids, prepare, spacing_notes
from brainfcn_jax.inference.postprocessing import clean_labels
from brainfcn_jax.inference.prediction import BATCH_SLICES, Progress, ReadyNetwork, unwatched
from brainfcn_jax.inference.segmentation import (
    on_network_grid,
    scan_labels,
    scan_maps,
    soft_voxels,
    unlabelled_share,
)
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.inference.views import predict_along, refuse_views, view_axes, view_notes
from brainfcn_jax.labels import LabelTable
from brainfcn_jax.measures import quality
from brainfcn_jax.measures.contrast_checks import (
    contrast_warnings,
    looks_skull_stripped,
    substance_medians,
)
from brainfcn_jax.measures.expectations import Expectations, expected_of
from brainfcn_jax.measures.volumes import Volumes, volume_table
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.runtime.jax_environment import is_out_of_memory
from brainfcn_jax.text import first_line


class Segmenter:
    """A model with its finder and their arrays on the device, for any number of scans.

    >>> from brainfcn_jax.imaging.nifti import load_scan
    >>> from brainfcn_jax.inference.segmenter import Segmenter
    >>> from brainfcn_jax.network.model_file import load_model
    >>> segmenter = Segmenter(load_model("runs/mine/best.h5"))
    >>> segmenter.segment(load_scan("sub-01_T1w.nii.gz")).quality.verdict in ("PASS", "CHECK")
    True

    Attributes:
        model: labels the scans.
        finds_brain: whether a brain is looked for first.
        batch_slices: how many slices go through a network at once; halved where the device's
            memory runs out.
    """

    def __init__(
        self, model: Model, *, finder: Model | None = None, batch_slices: int = BATCH_SLICES
    ) -> None:
        """Put a model on the device; `finder` finds brains for it, the shipped one unless given.

        Raises WeightsError when the shipped finder is asked for, and missing or damaged.
        """
        self.model = model
        self.finds_brain = model.description.find_brain
        self.batch_slices = batch_slices
        self._network = ReadyNetwork(model)
        self._finder: ReadyNetwork | None = None
        if self.finds_brain:
            people = model.description.people
            self._finder = ReadyNetwork(sized_finder(finder or load_finder(), people))

    def segment(
        self,
        scan: Scan,
        *,
        views: int = 1,
        keep_probabilities: bool = False,
        contrast: str | None = None,
        progress: Progress = unwatched,
    ) -> SegmentedScan:
        """Segment a scan and measure what was found; where the memory runs out, in smaller batches.

        It is seen from `views` directions (`views.view_axes`), whose probabilities are fused. Where
        the model looks for a brain first, nothing else of the head is labelled. Where its voxels
        differ from the scan's by more than 5%, the scan is interpolated to them (averaged, to
        larger ones; thick slices stay) and the classes' probabilities back: the most probable class
        is the label, background in regions that were removed. `contrast` is what the scan shows,
        where the user says it; `progress` is told the steps that `SegmentedScan.seconds` has.

        Raises:
            InputError: the scan would be absurdly large at the model's voxel size.
            UsageError: as `views.refuse_views`.
            BrainfcnError: even one slice is too much for the device.

        Source: Xu et al. 2017, section 2; resampling is ours.
        """
        refuse_views(self.model.description, views)
        asked_for = self.batch_slices
        while True:
            try:
                found = self._segment(scan, views, keep_probabilities, contrast, progress)
                break
            except jax.errors.JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_slices == 1:
                    raise BrainfcnError(
                        f"'{scan.path}' cannot be labelled: the device's memory is too "
                        f"small for it, one slice at a time too ({first_line(error)}); end what "
                        "else uses the device, or label on the CPU, with --device=cpu"
                    ) from error
                self.batch_slices //= 2
        if self.batch_slices == asked_for:
            return found
        note = (
            f"the device's memory was too small for {asked_for} slices at once; "
            f"{self.batch_slices} were taken from here on"
        )
        return replace(found, notes=(*found.notes, note))

    def _segment(
        self,
        scan: Scan,
        views: int,
        keep_probabilities: bool,
        contrast: str | None,
        progress: Progress,
    ) -> SegmentedScan:
        """Segment a scan with batches of `batch_slices`, and measure its labels."""
        description, seconds = self.model.description, dict[str, float]()
        axes = view_axes(description, scan.spacing_mm, views)
        found = self._labelled(scan, axes, keep_probabilities, seconds, progress)
        table = description.labels
        expected = expected_of(table, description.people)
        volumes = volume_table(found.labels, found.soft_voxels, voxel_mm3(scan), table)
        medians = substance_medians(scan.data, found.labels, expected)
        return SegmentedScan(
            scan=scan,
            description=description,
            canonical_labels=found.labels,
            canonical_entropy=found.entropy,
            canonical_probabilities=found.probabilities,
            volumes=volumes,
            quality=_quality(scan, found, volumes, table, expected),
            skull_stripped=looks_skull_stripped(scan.data, found.labels),
            slice_axes=axes,
            network_spacing_mm=found.prepared.spacing_mm,
            removed_regions=found.removed_regions,
            histograms=(found.prepared.head_histogram, found.prepared.equalised_histogram),
            seconds=seconds,
            notes=(
                *scan.notes,
                *view_notes(axes, views),
                *spacing_notes(scan.spacing_mm, description.spacing_mm),
            ),
            warnings=contrast_warnings(
                scan.path, medians, description.contrasts, expected, contrast
            ),
        )

    def _labelled(
        self,
        scan: Scan,
        axes: Sequence[SliceAxis],
        keep_probabilities: bool,
        seconds: dict[str, float],
        progress: Progress,
    ) -> "_Labelled":
        """Label a scan seen along `axes`; put the time of each step into `seconds`."""
        description, axis = self.model.description, SLICE_AXES[axes[0]]
        with _timed(seconds, "brain", progress):
            grids(scan, description, axis)  # raises before anything is resampled
            brain = None
            if self._finder is not None:
                brain = find_brain(self._finder, scan, self.batch_slices)
        with _timed(seconds, "preprocessing", progress):
            prepared = prepare(scan, description, axis, brain)
        with _timed(seconds, "network", progress):
            predicted = predict_along(
                self._network,
                prepared.seen,
                axes,
                batch_slices=self.batch_slices,
                with_probabilities=keep_probabilities or prepared.resampled,
                progress=progress,
            )
        with _timed(seconds, "postprocessing", progress):
            found = on_network_grid(predicted.labels, prepared)
            cleaned, removed = clean_labels(
                found, prepared.spacing_mm, description.mask_slice, axis
            )
        with _timed(seconds, "interpolation", progress):
            entropy, probabilities = scan_maps(predicted, prepared, axis, keep_probabilities)
            labels = scan_labels(predicted, found, cleaned, prepared, axis)
        return _Labelled(
            prepared=prepared,
            labels=labels,
            entropy=entropy,
            probabilities=probabilities,
            soft_voxels=soft_voxels(predicted.class_sums, prepared),
            removed_regions=removed,
            brain_left_out=quality.brain_left_out(
                brain is not None if self.finds_brain else None,
                unlabelled_share(predicted.labels, prepared),
            ),
        )


class _Labelled(NamedTuple):
    """A scan's labels on its grid, and how they came about; attributes as of `SegmentedScan`."""

    prepared: Prepared
    labels: UInt8[np.ndarray, "x y z"]
    entropy: Float16[np.ndarray, "x y z"]
    probabilities: Float16[np.ndarray, "classes x y z"] | None
    soft_voxels: tuple[float, ...]
    removed_regions: int
    brain_left_out: quality.Finding


def _quality(
    scan: Scan, found: _Labelled, volumes: Volumes, table: LabelTable, expected: Expectations
) -> quality.Quality:
    """Return the verdict of all checks."""
    labels, spacing_mm = found.labels, scan.spacing_mm
    return quality.verdict_of(
        (
            quality.missing_labels(volumes),
            quality.implausible_volumes(volumes, expected),
            quality.asymmetry(labels, spacing_mm, table, expected),
            quality.cut_by_field_of_view(labels, scan.data, spacing_mm, table, expected),
            quality.many_removed_regions(labels, found.removed_regions),
            quality.high_uncertainty(labels, found.entropy, table),
            found.brain_left_out,
        )
    )


@contextlib.contextmanager
def _timed(seconds: dict[str, float], step: str, progress: Progress) -> Iterator[None]:
    progress(step, 0, 1)
    start = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - start, 3)
