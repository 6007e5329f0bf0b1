"""The steps of one scan of many: read, segmented, written; with one model for all."""

import numpy as np
from jaxtyping import Int32

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.outcome import Outcome
from brainfcn_jax.cohort.resume import Todo
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.file_checks import naming
from brainfcn_jax.imaging.nifti import Scan, load_codes, load_scan
from brainfcn_jax.imaging.voxel_checks import refuse_labels
from brainfcn_jax.inference.prediction import Progress, unwatched
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.inference.views import refuse_views
from brainfcn_jax.measures.metrics import score
from brainfcn_jax.network.model_file import Model, load_model
from brainfcn_jax.network.shipped_models import weight_file
from brainfcn_jax.results.contents import ScanContents
from brainfcn_jax.results.options import Analysis
from brainfcn_jax.results.paths import make_folder, refuse_existing
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.provenance import Provenance, provenance_of
from brainfcn_jax.results.record import summary_of
from brainfcn_jax.results.writing import write_results
from brainfcn_jax.schemes import classes_of

Inputs = tuple[Scan, Int32[np.ndarray, "x y z"] | None]
"""A scan, and the codes of its reference, if it has one, in its own scheme."""


def open_model(analysis: Analysis) -> tuple[Model, Provenance]:
    """Load the model that was chosen.

    Raises:
        UsageError: a shipped model and a weight file are both named, the model has not seen slices
            of as many directions as are asked for, or its labels are not the scheme's.
        WeightsError: the weight file, or what finds the brain, cannot be used.
    """
    weights = weight_file(analysis.model, analysis.weights)
    model = load_model(weights)
    refuse_views(model.description, analysis.views)
    provenance = provenance_of(model.description, weights, analysis)
    _ = provenance.scheme  # refused before anything is read
    return model, provenance


def read_inputs(planned: PlannedScan, books: Bookkeeping, todo: Todo) -> Inputs:
    """Read a scan and the codes of its reference, and make the folder of its results.

    All that can be wrong with the input is found here, before the network runs.

    Raises:
        InputError: the scan or the reference cannot be used.
        OutputError: a result exists already, or there can be no folder for it.
    """
    analysis = books.provenance.analysis
    refuse_existing(books.files(planned), todo.replace)
    scan = load_scan(planned.path, frame=analysis.frame)
    if not analysis.force:
        with naming(planned.path):
            refuse_labels(scan.data)
    codes = None
    if planned.reference is not None:
        codes = load_codes(planned.reference, scan)
        with naming(planned.reference):
            classes_of(codes, books.provenance.scheme)
    make_folder(planned.outputs.folder)
    return scan, codes


def segmented_contents(
    planned: PlannedScan,
    inputs: Inputs,
    segmenter: Segmenter,
    books: Bookkeeping,
    progress: Progress = unwatched,
) -> ScanContents:
    """Segment a scan that was read, and score the labels against its reference if it has one.

    Raises as `Segmenter.segment` does.
    """
    scan, codes = inputs
    provenance = books.provenance
    segmented = segmenter.segment(
        scan,
        views=provenance.analysis.views,
        keep_probabilities=books.wanted.probabilities,
        contrast=provenance.analysis.contrast,
        progress=progress,
    )
    scores = None
    if codes is not None:
        axis = SLICE_AXES[segmented.slice_axes[0]]
        labels = segmented.canonical_labels
        scores = score(labels, codes, scan.spacing_mm, provenance.scheme, slice_axis=axis)
    return ScanContents(planned, segmented, provenance, scores)


def written(contents: ScanContents, books: Bookkeeping, todo: Todo) -> Outcome:
    """Write all results of a scan, noting in its record when that begins.

    Raises:
        OutputError: a result exists already or cannot be written.
    """
    planned, segmented = contents.planned, contents.segmented
    books.begin(planned, todo)
    notes = write_results(contents, books.wanted, todo.replace)
    return Outcome(
        planned,
        summary=summary_of(segmented, contents.provenance.model_name),
        notes=(*segmented.notes, *notes),
        scores=contents.scores,
        files=tuple(books.files(planned)),
        seconds=segmented.seconds,
    )
