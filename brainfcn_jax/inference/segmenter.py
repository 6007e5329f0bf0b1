"""A model ready for scans: from one scan to its labels, and what is worth knowing about them."""

import contextlib
import time
from collections.abc import Iterator
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float16, UInt8

from brainfcn_jax.errors import BrainfcnError
from brainfcn_jax.imaging.boxes import box_slices
from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis
from brainfcn_jax.imaging.file_checks import naming
from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.resampling import centred_grid, spacing_of
from brainfcn_jax.inference.brain import find_brain, load_finder, sized_finder
from brainfcn_jax.inference.network_input import Prepared, network_grid, prepare, spacing_notes
from brainfcn_jax.inference.postprocessing import clean_labels
from brainfcn_jax.inference.prediction import BATCH_SLICES, Progress, ReadyNetwork, unwatched
from brainfcn_jax.inference.segmentation import (
    scan_labels,
    scan_maps,
    soft_voxels,
)
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.inference.views import predict_along, view_axes, view_notes
from brainfcn_jax.measures import quality
from brainfcn_jax.measures.contrast_checks import (
    contrast_check,
    looks_skull_stripped,
    substance_intensities,
)
from brainfcn_jax.measures.expectations import expected_of
from brainfcn_jax.measures.volumes import volume_table
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.runtime.jax_environment import is_out_of_memory
from brainfcn_jax.text import first_line


class Segmenter:
    """A model with its finder and their arrays on the device, for any number of scans.

    A scan is seen from several directions if asked for (`views.view_axes`), and their probabilities
    are fused. Where the model looks for a brain first, nothing else of the head is labelled. Where
    its voxels differ from the scan's by more than 5%, the scan is interpolated to them (averaged,
    to larger ones; thick slices stay) and the classes' probabilities back: the most probable class
    is the label, background in regions that were removed. Source: Xu et al. 2017, section 2;
    resampling is ours.

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
        """Segment a scan and measure what was found.

        `contrast` is what the scan shows, where the user says it; `progress` is told the steps that
        `SegmentedScan.seconds` has.

        Raises:
            InputError: the scan would be absurdly large at the model's voxel size.
            UsageError: as `views.refuse_views`.
            BrainfcnError: even one slice is too much for the device.
        """
        description = self.model.description
        axes = view_axes(description, scan.spacing_mm, views)
        asked_for, found = self.batch_slices, None
        while found is None:
            try:
                found = self._labelled(scan, axes, keep_probabilities, progress)
            except jax.errors.JaxRuntimeError as error:
                self._halve(scan.path, error)
        table, labels = description.labels, found.labels
        expected = expected_of(table, description.people)
        volumes = volume_table(labels, found.soft_voxels, scan.grid.voxel_mm3, table)
        seen = substance_intensities(scan.data, labels, expected)
        checks = (
            *quality.label_checks(labels, scan.data, scan.spacing_mm, volumes, table, expected),
            quality.many_removed_regions(labels, found.removed_regions),
            quality.high_uncertainty(labels, found.entropy, table),
            found.brain_left_out,
            contrast_check(scan.path, seen, description.contrasts, expected, contrast),
        )
        return SegmentedScan(
            scan,
            description,
            labels,
            found.entropy,
            found.probabilities,
            volumes,
            quality=quality.verdict_of(checks),
            skull_stripped=looks_skull_stripped(scan.data, labels),
            slice_axes=axes,
            network_spacing_mm=spacing_of(found.prepared.grid),
            removed_regions=found.removed_regions,
            histograms=found.prepared.histograms,
            seconds=found.seconds,
            notes=(
                *scan.notes,
                *view_notes(axes, views),
                *spacing_notes(scan.spacing_mm, description.spacing_mm),
                *batch_notes(asked_for, self.batch_slices),
            ),
        )

    def _labelled(
        self, scan: Scan, axes: tuple[SliceAxis, ...], keep_probabilities: bool, progress: Progress
    ) -> "_Labelled":
        """Label a scan seen along `axes`, in batches of `batch_slices`."""
        description, axis = self.model.description, SLICE_AXES[axes[0]]
        seconds: dict[str, float] = {}
        with _timed(seconds, "brain", progress):
            with naming(scan.path):  # raises before anything is resampled
                network_grid(centred_grid(scan.data.shape, scan.spacing_mm), description, axis)
            brain, brain_found = None, None
            if self._finder is not None:
                brain = find_brain(self._finder, scan, self.batch_slices)
                brain_found = brain is not None
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
            found = np.zeros([line.size for line in prepared.grid], np.uint8)
            found[box_slices(prepared.box)] = predicted.labels
            spacing_mm = spacing_of(prepared.grid)
            cleaned, removed = clean_labels(found, spacing_mm, description.mask_slice, axis)
        with _timed(seconds, "interpolation", progress):
            entropy, probabilities = scan_maps(predicted, prepared, axis, keep_probabilities)
            labels = scan_labels(predicted, found, cleaned, prepared, axis)
        return _Labelled(
            prepared,
            labels,
            entropy,
            probabilities,
            soft_voxels(predicted.class_sums, prepared.scan_box, prepared.scan_grid),
            removed,
            quality.brain_left_out(
                brain_found,
                predicted.labels,
                prepared.in_brain if description.labels.fills_brain else None,
            ),
            seconds,
        )

    def _halve(self, path: str, error: jax.errors.JaxRuntimeError) -> None:
        """Halve the batches where it was memory that a scan lacked; else raise the error.

        Raises BrainfcnError where a batch is one slice.
        """
        if not is_out_of_memory(error):
            raise error
        if self.batch_slices == 1:
            raise BrainfcnError(
                f"'{path}' cannot be labelled: the device's memory is too small for it, one slice "
                f"at a time too ({first_line(error)}); end what else uses the device, or label on "
                "the CPU, with --device=cpu"
            ) from error
        self.batch_slices //= 2


class _Labelled(NamedTuple):
    """A scan's labels on its grid, and how they came about; attributes as of `SegmentedScan`."""

    prepared: Prepared
    labels: UInt8[np.ndarray, "x y z"]
    entropy: Float16[np.ndarray, "x y z"]
    probabilities: Float16[np.ndarray, "classes x y z"] | None
    soft_voxels: tuple[float, ...]
    removed_regions: int
    brain_left_out: quality.Finding
    seconds: dict[str, float]


def batch_notes(asked_for: int, taken: int) -> tuple[str, ...]:
    """Return a note where fewer slices were taken at once than were asked for."""
    if taken == asked_for:
        return ()
    return (
        f"the device's memory was too small for {asked_for} slices at once; {taken} were taken "
        "from here on",
    )


@contextlib.contextmanager
def _timed(seconds: dict[str, float], step: str, progress: Progress) -> Iterator[None]:
    progress(step, 0, 1)
    start = time.perf_counter()
    yield
    seconds[step] = round(time.perf_counter() - start, 3)
