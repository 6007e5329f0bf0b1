"""Where the time of labelling one scan goes, step by step.

    python benchmarks/stage_by_stage.py --scan=FOLDER/head_256x256x256.nii.gz --out=FILE.json

Reads, labels, scores and writes the scan with the tool's own functions, one step after the other
in this process, everything compiled before (an unmeasured first run, whose labels then serve as
the reference of the measures). The steps of labelling are those that the tool itself times. Beside
each step stands its share of the network's time. Scans are made by `benchmark_scans.py`.
"""

import statistics
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measuring
from arguments import Flags

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.one_scan import open_model, read_inputs, segmented_contents
from brainfcn_jax.cohort.plan import plan_files
from brainfcn_jax.cohort.resume import Todo
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.measures.metrics import score
from brainfcn_jax.network.kernels import fastest
from brainfcn_jax.results.contents import ScanContents
from brainfcn_jax.results.options import Analysis, Replacing, Wanted
from brainfcn_jax.results.paths import LABEL_MAP
from brainfcn_jax.results.writing import write_results
from brainfcn_jax.runtime.jax_environment import prepare_jax

NETWORK = "network"


def timed_run(
    scan: str, opened: Segmenter, books: Bookkeeping, out: Path, reference: Path
) -> dict[str, float]:
    """Take the whole way of the scan; return the seconds of each step, all of them together last.

    Where there is no reference yet, the label map becomes it.
    """
    references = [str(reference)] if reference.exists() else []
    (planned,) = plan_files([scan], references, str(out))
    start = time.perf_counter()
    inputs = read_inputs(planned, books, Todo(needed=True))
    read_at = time.perf_counter()
    contents = segmented_contents(planned, inputs, opened, books)
    labelled_at = time.perf_counter()
    write_results(contents, books.wanted, overwrite=True)
    written_at = time.perf_counter()
    # once more, to tell them from all else that is written; a picture is drawn once for `contents`
    ScanContents(planned, contents.segmented, contents.provenance).page()
    pages = time.perf_counter() - written_at
    scores = 0.0
    if inputs[1] is not None:
        found, codes, scheme = contents.segmented, inputs[1], contents.provenance.scheme
        axis = SLICE_AXES[found.slice_axes[0]]
        start_scores = time.perf_counter()
        score(found.canonical_labels, codes, inputs[0].spacing_mm, scheme, slice_axis=axis)
        scores = time.perf_counter() - start_scores
    else:
        reference.write_bytes(planned.outputs.file(LABEL_MAP).read_bytes())
    steps = dict(contents.segmented.seconds)
    return {
        "reading": read_at - start,
        **steps,
        "measures against a reference": scores,
        "volumes, quality, warnings": labelled_at - read_at - sum(steps.values()) - scores,
        "picture and page": pages,
        "writing all else": written_at - labelled_at - pages,
        "together": written_at - start,
    }


def step_rows(asked: Namespace) -> list[dict[str, Any]]:
    """Return medians of each step over the repeats, after two runs that compile."""
    name, weights = None if asked.weights else asked.model, asked.weights
    model, provenance = open_model(Analysis(name, weights, views=asked.views))
    opened = Segmenter(model)
    books = Bookkeeping(provenance, Wanted(), Replacing(overwrite=True))
    with TemporaryDirectory() as folder:
        reference = Path(folder) / "reference.nii.gz"
        runs = [
            timed_run(asked.scan, opened, books, Path(folder) / str(number), reference)
            for number in range(2 + asked.repeats)
        ][2:]
    medians = {step: statistics.median(run[step] for run in runs) for step in runs[0]}
    return [
        {"step": step, "seconds": took, "of the network's time, %": 100 * took / medians[NETWORK]}
        for step, took in medians.items()
    ]


def main(arguments: Sequence[str]) -> None:
    """Time, print and write."""
    flags = Flags(__doc__)
    flags.model()
    flags.timing(3)
    flags.add_argument("--scan", required=True, help="The scan.")
    asked = flags.parse_args(arguments)
    measuring.use_threads(asked.threads)
    prepare_jax()
    title = f"Steps of {Path(asked.scan).name}, {asked.threads} cores, {fastest('float32')}"
    measuring.write_results(asked.out, {title: step_rows(asked)})


if __name__ == "__main__":
    main(sys.argv[1:])
