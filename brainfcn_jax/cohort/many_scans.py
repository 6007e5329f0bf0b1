"""Many scans through one model: read, segmented and written at the same time, one after another."""

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.one_scan import Inputs, read_inputs, segmented_contents, written
from brainfcn_jax.cohort.outcome import Outcome, failed_outcome
from brainfcn_jax.cohort.resume import Todo
from brainfcn_jax.errors import BrainfcnError
from brainfcn_jax.inference.prediction import Progress, unwatched
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.labels import LabelTable
from brainfcn_jax.results.contents import ScanContents
from brainfcn_jax.results.paths import RECORD
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.record import refuse_earlier_manifest
from brainfcn_jax.results.result_files import possible_files
from brainfcn_jax.results.shared_files import SHARED
from brainfcn_jax.runtime.atomic_files import remove_unfinished
from brainfcn_jax.runtime.background import Done, overlapped
from brainfcn_jax.runtime.locks import claimed

NO_LOCKS_NOTE = (
    "the file system of the results has no locks; take care that no two runs label the same scans "
    "into one folder at once"
)

Executor = Callable[[Sequence[PlannedScan], Bookkeeping], Generator[Done[PlannedScan], None, None]]
"""Segments scans in the order given and keeps their records; `Done.value` is an `Outcome`."""


def segment_all(
    scans: Sequence[PlannedScan],
    books: Bookkeeping,
    executor: Executor,
    note: Callable[[str], None] = lambda _: None,
) -> Generator[Outcome, None, None]:
    """Segment all scans of one folder, in order; one that fails never stops the others.

    Close the iterator to end the run early: what is finished by then has its record. What killed
    runs left of writing files is removed when no other run is in the folder.

    Args:
        scans: all with the same `outputs.root`.
        books: of the run.
        executor: does the work, here or elsewhere.
        note: is told what the user should know of the run.

    Raises:
        InputError: the folder holds results of an earlier version.
        OutputError: another run is at work on one of the scans, or the folder cannot be used.
    """
    root = scans[0].outputs.root
    refuse_earlier_manifest(root)
    with claimed(root, [scan.name for scan in scans]) as claims:
        if not claims.supported:
            note(NO_LOCKS_NOTE)
        with claims.alone() as alone:
            if alone:
                labels = books.provenance.description.labels
                remove_unfinished(_all_files(root, scans, labels))
        with contextlib.closing(executor(scans, books)) as finished:
            for done in finished:
                yield _outcome(done, books)


def local_executor(
    segmenter: Segmenter,
    progress_of: Callable[[PlannedScan], Progress] = lambda _: unwatched,
) -> Executor:
    """Return an executor in this process: while one scan is segmented, the next is read.

    `progress_of` gives for a scan what is told its steps: "reading", those of the segmenter,
    "writing".
    """

    def execute(
        scans: Sequence[PlannedScan], books: Bookkeeping
    ) -> Generator[Done[PlannedScan], None, None]:
        def read(planned: PlannedScan) -> tuple[PlannedScan, Todo, Inputs | None]:
            progress_of(planned)("reading", 0, 1)
            todo = books.todo(planned)
            return planned, todo, read_inputs(planned, books, todo) if todo.needed else None

        def label(
            given: tuple[PlannedScan, Todo, Inputs | None],
        ) -> tuple[PlannedScan, Todo, ScanContents | None]:
            planned, todo, inputs = given
            if inputs is None:
                return planned, todo, None
            watched = progress_of(planned)
            return planned, todo, segmented_contents(planned, inputs, segmenter, books, watched)

        def finish(given: tuple[PlannedScan, Todo, ScanContents | None]) -> Outcome:
            planned, todo, contents = given
            if contents is None:
                return skipped(planned, todo)
            progress_of(planned)("writing", 0, 1)
            outcome = written(contents, books, todo)
            books.finish(planned, todo, outcome)
            return outcome

        return overlapped(scans, (read, label, finish))

    return execute


def skipped(planned: PlannedScan, todo: Todo) -> Outcome:
    """Return the outcome of a scan that needed nothing."""
    notes = (todo.note,) if todo.note else ()
    return Outcome(planned, summary=todo.summary, notes=notes, skipped=True)


def _all_files(root: Path, scans: Sequence[PlannedScan], labels: LabelTable) -> Iterator[Path]:
    """Yield every file that runs on these scans write, whatever else they are asked for."""
    yield from (root / name for name in SHARED)
    for scan in scans:
        yield scan.outputs.file(RECORD)
        yield from possible_files(scan, labels)


def _outcome(done: Done[PlannedScan], books: Bookkeeping) -> Outcome:
    """Return what became of a scan; its failure goes into its record if that can be written."""
    if done.error is None:
        assert isinstance(done.value, Outcome)
        return done.value
    outcome = failed_outcome(done.item, done.error)
    try:
        books.fail(done.item, outcome.failure or "")
    except BrainfcnError as error:
        if str(error) != outcome.failure:
            outcome = dataclasses.replace(outcome, failure=f"{outcome.failure}; and {error}")
    return outcome
