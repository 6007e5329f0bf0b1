"""The records of a run's scans: read before a scan is begun, written around its results."""

import contextlib
import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainfcn_jax.cohort.outcome import Outcome
from brainfcn_jax.cohort.resume import Todo, is_unchanged, left_behind, left_to_do
from brainfcn_jax.errors import InputError
from brainfcn_jax.results.options import Replacing, Wanted
from brainfcn_jax.results.paths import RECORD, below
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.provenance import Provenance
from brainfcn_jax.results.record import (
    FileState,
    Record,
    file_state,
    output_states,
    read_record,
    write_record,
)
from brainfcn_jax.results.result_files import planned_files

NOT_IN_REQUEST = frozenset({"model", "weights", "force", "source_dataset"})
"""Choices that decide no byte of a result: the weights are known by their SHA-256."""


class Bookkeeping:
    """Reads and writes the records of one run's scans; a scan is in the hands of one run only.

    Attributes:
        provenance: what makes the results.
        wanted: what is written.
        replacing: what may be replaced.
    """

    def __init__(self, provenance: Provenance, wanted: Wanted, replacing: Replacing) -> None:
        self.provenance, self.wanted, self.replacing = provenance, wanted, replacing
        self._request = request(provenance, wanted)

    def files(self, planned: PlannedScan) -> list[Path]:
        """Return the files that segmenting a scan writes for it alone."""
        return planned_files(planned, self.wanted, self.provenance.description.labels)

    def todo(self, planned: PlannedScan) -> Todo:
        """Return what is to be done of a scan.

        Raises:
            InputError: an input or the scan's record cannot be read.
            OutputError: a result that is in the way may not be replaced.
        """
        record, overwrite = self._record(planned), self.replacing.overwrite
        files = input_files(planned)
        if self.replacing.resume:
            todo = left_to_do(
                record,
                files,
                self._request,
                planned.outputs.root,
                self.files(planned),
                overwrite,
            )
        else:
            todo = Todo(True, replace=overwrite)
        if not todo.needed:
            return todo
        earlier = left_behind(record, planned.outputs.file(RECORD), planned.outputs.root)
        return dataclasses.replace(todo, inputs=_states(planned, files), earlier=earlier)

    def begin(self, planned: PlannedScan, todo: Todo) -> None:
        """Note that the scan's files may be half there; OutputError if it cannot.

        Of a scan that is not there nothing is noted, nor written.
        """
        if not os.path.lexists(planned.path):
            return
        root = planned.outputs.root
        names = tuple(below(root, path) for path in self.files(planned))
        record = Record("writing", todo.inputs, self._request, todo.earlier, writing=names)
        write_record(planned.outputs.file(RECORD), record)

    def finish(self, planned: PlannedScan, todo: Todo, outcome: Outcome) -> None:
        """Note that a scan is done, after removing results of an earlier run that it has no more.

        What was edited since is kept.

        Raises:
            InputError, OutputError: a result cannot be read, or the record not be written.
        """
        root = planned.outputs.root
        outputs = output_states(root, sorted(outcome.files))
        written = {state.file for state in outputs}
        for state in todo.earlier:
            if state.file not in written and is_unchanged(state, root / state.file):
                with contextlib.suppress(OSError):  # it is in nobody's way
                    (root / state.file).unlink()
        record = Record(
            "done",
            todo.inputs,
            self._request,
            outputs=outputs,
            seconds=outcome.seconds,
            summary=outcome.summary,
        )
        write_record(planned.outputs.file(RECORD), record)

    def fail(self, planned: PlannedScan, failure: str) -> None:
        """Note that a scan failed, unless an earlier run finished it or there is no such scan.

        Raises:
            InputError, OutputError: the record cannot be read or written.
        """
        before = read_record(planned.outputs.file(RECORD))
        if before is None and not os.path.lexists(planned.path):
            return
        if before is not None and before.status == "done":
            return
        record = Record(
            "failed",
            {},
            self._request,
            outputs=before.outputs if before else (),
            writing=before.writing if before else (),
            failure=without_folders(failure, planned),
        )
        write_record(planned.outputs.file(RECORD), record)

    def _record(self, planned: PlannedScan) -> Record | None:
        try:
            return read_record(planned.outputs.file(RECORD))
        except InputError:
            if not self.replacing.overwrite:
                raise
            return None


def input_files(planned: PlannedScan) -> dict[str, Path]:
    """Return the files that are read of a scan, by what they are; an Analyze scan has two."""
    files = {"scan": Path(planned.path)}
    if planned.reference is not None:
        files["reference"] = Path(planned.reference)
    pairs = {".hdr": ".img", ".img": ".hdr"}
    for word, path in list(files.items()):
        if (other := pairs.get(path.suffix.lower())) is not None:
            files[f"{word} {other}"] = path.with_suffix(other)
    return files


def request(provenance: Provenance, wanted: Wanted) -> dict[str, Any]:
    """Return all that decides the results of a scan, but for its files."""
    chosen = {**dataclasses.asdict(provenance.analysis), **dataclasses.asdict(wanted)}
    settings = {key: value for key, value in chosen.items() if key not in NOT_IN_REQUEST}
    return {**provenance.as_request(), "settings": settings}


def without_folders(text: str, planned: PlannedScan) -> str:
    """Put the names of the scan's files in place of their paths in a message."""
    paths = [Path(path) for path in (planned.path, planned.reference) if path is not None]
    for path in paths:
        for form in (path.absolute(), path):
            text = text.replace(f"'{form}'", f"'{path.name}'")
    for root in (planned.outputs.root.absolute(), planned.outputs.root):
        text = text.replace(f"'{root}{os.sep}", "'").replace(f"'{root}'", "'.'")
    return text


def _states(planned: PlannedScan, files: Mapping[str, Path]) -> dict[str, FileState]:
    """Return what the inputs hold; one that is no file is left to the reader, who tells."""
    names = {"scan": planned.source_name}
    return {
        word: file_state(path, names.get(word, path.name))
        for word, path in files.items()
        if os.path.isfile(path)
    }
