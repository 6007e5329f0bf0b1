"""Many scans through one model: read, labelled and written at the same time, one after another."""

import contextlib
import dataclasses
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainfcn_jax.cohort.resume import Job, Ledger
from brainfcn_jax.cohort.steps import (
    CASE_ERRORS,
    Labeller,
    LoadedCase,
    OpenModel,
    failed_outcome,
    read_case,
)
from brainfcn_jax.errors import BrainfcnError
from brainfcn_jax.inference.prediction import Progress, unwatched
from brainfcn_jax.results.case import Case, LabelledCase, Outcome, case_name
from brainfcn_jax.results.options import EvaluationSettings
from brainfcn_jax.results.record import Manifest
from brainfcn_jax.results.shared_files import SHARED
from brainfcn_jax.results.writing import write_case
from brainfcn_jax.runtime.atomic_files import remove_unfinished
from brainfcn_jax.runtime.background import Done, overlapped
from brainfcn_jax.runtime.locks import claimed

NO_LOCKS_NOTE = (
    "the file system of the results has no locks; take care that no two runs label the same scans "
    "into one folder at once"
)


@dataclass(frozen=True)
class Result:
    """What became of one case of a run.

    Attributes:
        outcome: its results, or why there are none.
        skipped: whether an earlier run had finished it.
        trace: lines on where in the program an unforeseen error came up.
    """

    outcome: Outcome
    skipped: bool = False
    trace: tuple[str, ...] = ()


Executor = Callable[[Sequence[Case], Ledger], Generator[Done[Case], None, None]]
"""Labels cases in the order given and keeps the ledger up to "done"; `Done.value` is a `Result`."""


def run_cases(
    cases: Sequence[Case],
    settings: EvaluationSettings,
    provenance: Mapping[str, Any],
    executor: Executor,
    *,
    resume: bool = False,
    note: Callable[[str], None] = lambda _: None,
) -> Generator[Result, None, None]:
    """Labels all cases of one folder, in order; one that fails never stops the others.

    Close the iterator to end the run early: what is finished by then is in the manifest. What
    killed runs left of writing files is removed when no other run is in the folder.

    Args:
        cases: all with the same `outputs.root`.
        settings: of all cases.
        provenance: what the sidecars say of the model.
        executor: does the work, here or elsewhere.
        resume: whether cases that are finished and unchanged are skipped.
        note: is told what the user should know of the run.

    Raises:
        InputError: the folder has a manifest that cannot be read.
        OutputError: another run is at work on one of the cases, or the folder cannot be used.
    """
    root = cases[0].outputs.root
    with claimed(root, [case_name(case) for case in cases]) as claims:
        if not claims.supported:
            note(NO_LOCKS_NOTE)
        with claims.alone() as alone:
            if alone:
                remove_unfinished(_all_files(root, cases, settings))
        ledger = Ledger(Manifest(root, claims), settings, provenance, resume)
        with contextlib.closing(executor(cases, ledger)) as finished:
            for done in finished:
                yield _result(done, ledger)


def _all_files(root: Path, cases: Sequence[Case], settings: EvaluationSettings) -> Iterator[Path]:
    """Every file that runs on these cases write, whatever else they are asked for."""
    most = dataclasses.replace(settings, save_prob=True, save_uncertainty=True)
    yield from (root / name for name in SHARED)
    for case in cases:
        yield from case.outputs.all(most, scored=True)


def local_executor(
    opened: OpenModel, progress_of: Callable[[Case], Progress] = lambda _: unwatched
) -> Executor:
    """Labels cases in this process: while one is computed, the next is read, the last written.

    `progress_of` gives for a case what is told its steps: "reading", those of `segment_scan`,
    "writing".
    """

    def execute(cases: Sequence[Case], ledger: Ledger) -> Generator[Done[Case], None, None]:
        steps = _Steps(opened, ledger, progress_of)
        return overlapped(cases, (steps.read, steps.label, steps.write))

    return execute


class _Steps:
    """The three steps of one case; each gives what the next one takes."""

    def __init__(
        self, opened: OpenModel, ledger: Ledger, progress_of: Callable[[Case], Progress]
    ) -> None:
        self._progress_of = progress_of
        self._labeller = Labeller(opened)
        self._ledger = ledger

    def read(self, case: Case) -> tuple[Job, LoadedCase | None]:
        self._progress_of(case)("reading", 0, 1)
        job = self._ledger.job(case)
        return job, read_case(case, job.settings) if job.todo.needed else None

    def label(self, given: tuple[Job, LoadedCase | None]) -> tuple[Job, LabelledCase | None]:
        job, loaded = given
        if loaded is None:
            return job, None
        return job, self._labeller.label(loaded, job.settings, self._progress_of(job.case))

    def write(self, given: tuple[Job, LabelledCase | None]) -> Result:
        job, labelled = given
        if labelled is None:
            return skipped(job)
        self._progress_of(job.case)("writing", 0, 1)
        self._ledger.writing([job])
        outcome = write_case(labelled, job.settings)
        self._ledger.done(job, outcome)
        return Result(outcome)


def skipped(job: Job) -> Result:
    """The result of a case that needed nothing."""
    notes = (job.todo.note,) if job.todo.note else ()
    return Result(Outcome(job.case, notes=notes), skipped=True)


def _result(done: Done[Case], ledger: Ledger) -> Result:
    """What became of a case; its failure goes into the manifest if that can be written."""
    if done.error is None:
        assert isinstance(done.value, Result)
        return done.value
    trace: tuple[str, ...] = ()
    if isinstance(done.error, CASE_ERRORS):
        outcome = failed_outcome(done.item, done.error)
    else:
        trace = tuple("".join(traceback.format_exception(done.error)).splitlines())
        kind, reason = type(done.error).__name__, " ".join(str(done.error).split())
        failure = f"'{done.item.volume}' cannot be labelled: an unforeseen {kind}: {reason}"
        outcome = Outcome(done.item, failure=failure)
    try:
        ledger.failed(done.item, outcome.failure or "")
    except BrainfcnError as error:
        if str(error) != outcome.failure:
            outcome = dataclasses.replace(outcome, failure=f"{outcome.failure}; and {error}")
    return Result(outcome, trace=trace)
