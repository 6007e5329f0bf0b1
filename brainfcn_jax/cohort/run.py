"""Many scans through one model: read, segmented and written at the same time, one after another."""

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.resume import Todo
from brainfcn_jax.cohort.steps import ReadScan, failed_outcome, read_planned
from brainfcn_jax.errors import BrainfcnError
from brainfcn_jax.inference.prediction import Progress, unwatched
from brainfcn_jax.results.record import refuse_earlier_manifest
from brainfcn_jax.results.scan_results import Outcome, PlannedScan, ScanResults
from brainfcn_jax.results.settings import SegmentationSettings
from brainfcn_jax.results.shared_files import SHARED
from brainfcn_jax.results.writing import write_results
from brainfcn_jax.runtime.atomic_files import remove_unfinished
from brainfcn_jax.runtime.background import Done, overlapped
from brainfcn_jax.runtime.locks import claimed

NO_LOCKS_NOTE = (
    "the file system of the results has no locks; take care that no two runs label the same scans "
    "into one folder at once"
)

Executor = Callable[[Sequence[PlannedScan], Bookkeeping], Generator[Done[PlannedScan], None, None]]
"""Segments scans in the order given and keeps their records; `Done.value` is an `Outcome`."""

Segment = Callable[[ReadScan, SegmentationSettings, Progress], ScanResults]
Write = Callable[[ScanResults, SegmentationSettings], Outcome]


def segment_all(
    scans: Sequence[PlannedScan],
    settings: SegmentationSettings,
    provenance: Mapping[str, Any],
    executor: Executor,
    *,
    resume: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Generator[Outcome, None, None]:
    """Segments all scans of one folder, in order; one that fails never stops the others.

    Close the iterator to end the run early: what is finished by then has its record. What killed
    runs left of writing files is removed when no other run is in the folder.

    Args:
        scans: all with the same `outputs.root`.
        settings: of all scans.
        provenance: what the sidecars say of the model.
        executor: does the work, here or elsewhere.
        resume: whether scans that are finished and unchanged are skipped.
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
                remove_unfinished(_all_files(root, scans, settings))
        bookkeeping = Bookkeeping(settings, provenance, resume)
        with contextlib.closing(executor(scans, bookkeeping)) as finished:
            for done in finished:
                yield _outcome(done, bookkeeping)


def local_executor(
    segment: Segment,
    progress_of: Callable[[PlannedScan], Progress] = lambda _: unwatched,
    write: Write | None = None,
) -> Executor:
    """Gives an executor in this process: while one scan is segmented, the next is read.

    Args:
        segment: segments a scan that was read: `Segmenter.segment`.
        progress_of: gives for a scan what is told its steps: "reading", those of `segment_scan`,
            "writing".
        write: writes its files; `write_results` unless given.
    """

    def execute(
        scans: Sequence[PlannedScan], bookkeeping: Bookkeeping
    ) -> Generator[Done[PlannedScan], None, None]:
        def read(planned: PlannedScan) -> tuple[PlannedScan, Todo, ReadScan | None]:
            progress_of(planned)("reading", 0, 1)
            todo = bookkeeping.todo(planned)
            found = read_planned(planned, bookkeeping.settings(todo)) if todo.needed else None
            return planned, todo, found

        def label(
            given: tuple[PlannedScan, Todo, ReadScan | None],
        ) -> tuple[PlannedScan, Todo, ScanResults | None]:
            planned, todo, found = given
            if found is None:
                return planned, todo, None
            return planned, todo, segment(found, bookkeeping.settings(todo), progress_of(planned))

        def finish(given: tuple[PlannedScan, Todo, ScanResults | None]) -> Outcome:
            planned, todo, results = given
            if results is None:
                return skipped(planned, todo)
            progress_of(planned)("writing", 0, 1)
            bookkeeping.begin(planned, todo)
            outcome = (write or write_results)(results, bookkeeping.settings(todo))
            bookkeeping.finish(planned, todo, outcome)
            return outcome

        return overlapped(scans, (read, label, finish))

    return execute


def skipped(planned: PlannedScan, todo: Todo) -> Outcome:
    """Gives the outcome of a scan that needed nothing."""
    notes = (todo.note,) if todo.note else ()
    return Outcome(planned, summary=todo.summary, notes=notes, skipped=True)


def _all_files(
    root: Path, scans: Sequence[PlannedScan], settings: SegmentationSettings
) -> Iterator[Path]:
    """Every file that runs on these scans write, whatever else they are asked for."""
    most = dataclasses.replace(
        settings, save_prob=True, save_uncertainty=True, brain_image=True, csv=True
    )
    yield from (root / name for name in SHARED)
    for scan in scans:
        yield scan.outputs.record
        yield from scan.outputs.all(most, scored=True)


def _outcome(done: Done[PlannedScan], bookkeeping: Bookkeeping) -> Outcome:
    """What became of a scan; its failure goes into its record if that can be written."""
    if done.error is None:
        assert isinstance(done.value, Outcome)
        return done.value
    outcome = failed_outcome(done.item, done.error)
    try:
        bookkeeping.fail(done.item, outcome.failure or "")
    except BrainfcnError as error:
        if str(error) != outcome.failure:
            outcome = dataclasses.replace(outcome, failure=f"{outcome.failure}; and {error}")
    return outcome
