"""The steps of one scan of many: read, then segmented, with one model for all."""

import dataclasses
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Int32

from brainfcn_jax.errors import BrainfcnError
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.file_checks import naming
from brainfcn_jax.imaging.nifti import Scan, load_codes, load_scan
from brainfcn_jax.imaging.voxel_checks import refuse_labels
from brainfcn_jax.inference.brain import finder_for
from brainfcn_jax.inference.prediction import BATCH_SLICES, Progress, unwatched
from brainfcn_jax.inference.segmented_scan import SegmentedScan, analyse_scan
from brainfcn_jax.inference.views import refuse_views
from brainfcn_jax.labels import find_scheme, to_tissues
from brainfcn_jax.measures.metrics import Score, score
from brainfcn_jax.network.model_file import Model, load_tissue_model
from brainfcn_jax.network.shipped_models import weight_file
from brainfcn_jax.results.paths import make_folder, refuse_existing
from brainfcn_jax.results.scan_results import Outcome, PlannedScan, ScanResults
from brainfcn_jax.results.settings import SegmentationSettings
from brainfcn_jax.results.sidecars import model_provenance
from brainfcn_jax.runtime.jax_environment import is_out_of_memory
from brainfcn_jax.text import first_line

SCAN_ERRORS = (BrainfcnError, MemoryError, jax.errors.JaxRuntimeError)
"""What can go wrong with one scan and leaves the others as they are; all else is a bug."""


@dataclass(frozen=True)
class OpenModel:
    """A model ready for any number of scans.

    Attributes:
        model: labels tissues.
        finder: finds the brain first, for models that want it.
        provenance: what sidecars say of the model.
    """

    model: Model
    finder: Model | None
    provenance: Mapping[str, Any]


@dataclass(frozen=True)
class ReadScan:
    """A planned scan that was read and can be segmented; the reference has its own codes."""

    planned: PlannedScan
    scan: Scan
    reference: Int32[np.ndarray, "x y z"] | None


def open_model(settings: SegmentationSettings) -> OpenModel:
    """Loads the model that the settings name.

    Raises:
        UsageError: a shipped model and a weight file are both named, or the model has not seen
            slices of as many directions as are asked for.
        WeightsError: the weight file, or what finds the brain, cannot be used.
    """
    weights = weight_file(settings.model, settings.weights)
    model = load_tissue_model(weights)
    refuse_views(model.description, settings.views)
    return OpenModel(
        model, finder_for(model.description), model_provenance(model, weights, settings)
    )


def read_planned(planned: PlannedScan, settings: SegmentationSettings) -> ReadScan:
    """Reads the scan and the codes of its reference, and makes the folder of its results.

    All that can be wrong with the input is found here, before the network runs.

    Raises:
        InputError: the scan or the reference cannot be used.
        OutputError: a result exists already, or there can be no folder for it.
    """
    outputs = planned.outputs
    refuse_existing(outputs.all(settings, planned.reference is not None), settings.overwrite)
    scan = load_scan(planned.path, frame=settings.frame)
    if not settings.force:
        with naming(planned.path):
            refuse_labels(scan.data)
    codes = None
    if planned.reference is not None:
        codes = load_codes(planned.reference, scan)
        with naming(planned.reference):
            to_tissues(codes, find_scheme(settings.scheme))
    make_folder(outputs.folder)
    return ReadScan(planned, scan, codes)


def segment_read(
    read: ReadScan,
    opened: OpenModel,
    settings: SegmentationSettings,
    batch_slices: int = BATCH_SLICES,
    progress: Progress = unwatched,
) -> ScanResults:
    """Segments a scan that was read, and scores the labels against its reference if it has one.

    Raises:
        InputError: the scan would be absurdly large at the model's voxel size.
    """
    segmented = analyse_scan(
        opened.model,
        read.scan,
        finder=opened.finder,
        batch_slices=batch_slices,
        views=settings.views,
        keep_probabilities=settings.save_prob,
        contrast=settings.contrast,
        progress=progress,
    )
    scores = reference_scores(read, segmented, settings.scheme)
    return ScanResults(read.planned, segmented, opened.provenance, scores)


def reference_scores(read: ReadScan, segmented: SegmentedScan, scheme: str) -> list[Score] | None:
    """Scores labels against the scan's reference; gives None when it has none."""
    if read.reference is None:
        return None
    return score(
        segmented.segmentation.labels,
        read.reference,
        read.scan.spacing_mm,
        find_scheme(scheme),
        slice_axis=SLICE_AXES[segmented.segmentation.slice_axes[0]],
    )


def failed_outcome(planned: PlannedScan, error: Exception) -> Outcome:
    """Tells why there are no labels; an error that is none of `SCAN_ERRORS` shows where it was."""
    if isinstance(error, BrainfcnError):
        return Outcome(planned, failure=str(error))
    trace: tuple[str, ...] = ()
    if isinstance(error, SCAN_ERRORS):
        reason = first_line(error) if str(error) else "not enough memory"
    else:
        trace = tuple("".join(traceback.format_exception(error)).splitlines())
        reason = f"an unforeseen {type(error).__name__}: {' '.join(str(error).split())}"
    return Outcome(planned, failure=f"'{planned.path}' cannot be labelled: {reason}", trace=trace)


class Segmenter:
    """Segments scans with one model; remembers the batch size that fitted.

    Attributes:
        batch_slices: how many slices go through the network at once.
    """

    def __init__(self, opened: OpenModel, batch_slices: int = BATCH_SLICES) -> None:
        self._opened = opened
        self.batch_slices = batch_slices

    def segment(
        self, read: ReadScan, settings: SegmentationSettings, progress: Progress = unwatched
    ) -> ScanResults:
        """Segments a scan; where the device's memory runs out, with half the slices at once.

        A note says so.

        Raises:
            InputError: as `segment_read` does.
            BrainfcnError: even one slice is too much for the device.
        """
        asked_for = self.batch_slices
        while True:
            try:
                results = segment_read(read, self._opened, settings, self.batch_slices, progress)
                break
            except jax.errors.JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_slices == 1:
                    raise BrainfcnError(
                        f"'{read.planned.path}' cannot be labelled: the device's memory is too "
                        f"small for it, one slice at a time too ({first_line(error)}); end what "
                        "else uses the device, or label on the CPU, with --device=cpu"
                    ) from error
                self.batch_slices //= 2
        if self.batch_slices == asked_for:
            return results
        note = (
            f"the device's memory was too small for {asked_for} slices at once; "
            f"{self.batch_slices} were taken from here on"
        )
        notes = (*results.segmented.notes, note)
        segmented = dataclasses.replace(results.segmented, notes=notes)
        return dataclasses.replace(results, segmented=segmented)
