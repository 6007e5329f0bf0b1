"""What is left to do of a scan, by the record of an earlier run and by what its files hold now."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from brainfcn_jax.errors import OutputError
from brainfcn_jax.results.paths import below
from brainfcn_jax.results.record import FileState, Record, Summary, file_state
from brainfcn_jax.text import first_few

WRITING_SECONDS = 60.0
"""Files modified later than this after the record count as edited by the user."""


@dataclass(frozen=True)
class Todo:
    """What a run does with a scan.

    Attributes:
        needed: whether the scan is segmented; otherwise its results are there.
        replace: whether results that are there may be replaced: an earlier run wrote them.
        note: a sentence for the user; None: nothing is worth one.
        earlier: the results of an earlier run, as it wrote them; see `left_behind`.
        inputs: what the scan's files hold now, if it is segmented.
        summary: what is told of it if its results are there.
    """

    needed: bool
    replace: bool = False
    note: str | None = None
    earlier: tuple[FileState, ...] = field(default=(), compare=False)
    inputs: Mapping[str, FileState] = field(default_factory=dict, compare=False)
    summary: Summary | None = field(default=None, compare=False)


def left_to_do(
    record: Record | None,
    inputs: Mapping[str, Path],
    request: Mapping[str, Any],
    folder: Path,
    planned: Sequence[Path],
    overwrite: bool = False,
) -> Todo:
    """Return whether a scan is finished and unchanged, and if not, whether results are replaced.

    It is finished when its record is "done", its inputs have the size and time of change, or the
    SHA-256, that they had, the request is the same and all its files are there. A result that was
    edited since is kept as long as nothing else changed. Replaced is only what the record names:
    files that hold what was written, or that a stopped run had begun to write; and labels of
    another model only with `overwrite`.

    Args:
        record: of the scan.
        inputs: its files now, by the words of `Record.inputs`.
        request: what is asked for now.
        folder: the folder of results.
        planned: the files that segmenting it will write.
        overwrite: whether what was edited, or never was in the record, is replaced as well.

    Raises:
        InputError: an input cannot be read.
        OutputError: a file that must be written is there and not as the record knows it, or the
            labels are another model's.
    """
    earlier = record.outputs if record else ()
    known = {state.file for state in earlier} | set(record.writing if record else ())
    if record is None or record.status != "done":
        if record is not None and not overwrite:
            _refuse_other_model(record, request, folder)
            _refuse_edited(planned, _edited_since(record, folder), folder)
        if not overwrite:
            _refuse_strangers(planned, known, folder)
        return Todo(needed=True, replace=overwrite or bool(known))
    missing = [state.file for state in earlier if not (folder / state.file).is_file()]
    edited = _edited_since(record, folder)
    same = record.request == request and same_inputs(record, inputs)
    if same and not missing and not (edited and overwrite):
        note = f"kept as edited since: {first_few(edited)}" if edited else None
        return Todo(needed=False, note=note, summary=record.summary)
    if not overwrite:
        _refuse_other_scan(record, inputs, folder)
        _refuse_other_model(record, request, folder)
        _refuse_edited(planned, edited, folder)
        _refuse_strangers(planned, known, folder)
    return Todo(needed=True, replace=True)


def left_behind(record: Record | None, path: Path, folder: Path) -> tuple[FileState, ...]:
    """Return an earlier run's results as it wrote them, and those of a run that was stopped.

    The latter are the files that it may have begun, as they are now, unless one was changed later
    than `WRITING_SECONDS` after the record at `path`: that is a person's work.

    Raises:
        InputError: a file is there and cannot be read.
    """
    if record is None:
        return ()
    states = {state.file: state for state in record.outputs}
    for name in record.writing:
        file = folder / name
        if file.is_file() and file.stat().st_mtime <= path.stat().st_mtime + WRITING_SECONDS:
            states[name] = file_state(file, name)
    return tuple(states.values())


def is_unchanged(state: FileState, path: Path) -> bool:
    """Return whether a file holds what it held: same size, and same time of change or contents.

    Raises:
        InputError: the file is there and cannot be read.
    """
    try:
        found = path.stat()
    except OSError:
        return False
    if found.st_size != state.bytes:
        return False
    return found.st_mtime == state.modified or file_state(path, "").sha256 == state.sha256


def same_inputs(record: Record, inputs: Mapping[str, Path]) -> bool:
    """Return whether a scan and its reference hold what those of a record held."""
    if record.inputs.keys() != inputs.keys():
        return False
    return all(is_unchanged(record.inputs[word], path) for word, path in inputs.items())


def _edited_since(record: Record, folder: Path) -> list[str]:
    """Return what a person changed; what a stopped run had begun may hold anything."""
    return [
        state.file
        for state in record.outputs
        if state.file not in record.writing
        and (folder / state.file).is_file()
        and not is_unchanged(state, folder / state.file)
    ]


def _refuse_other_scan(record: Record, inputs: Mapping[str, Path], folder: Path) -> None:
    before = record.inputs.get("scan")
    if before is None or not record.outputs:
        return
    if PurePosixPath(before.file).name != inputs["scan"].name:
        raise OutputError(
            f"'{folder / record.outputs[0].file}' was made of another scan, {before.file}; choose "
            "another --out_dir, or replace it with --overwrite"
        )


def _refuse_other_model(record: Record, request: Mapping[str, Any], folder: Path) -> None:
    if record.outputs and record.request.get("weights_sha256") != request.get("weights_sha256"):
        model = record.summary.model if record.summary else "another one"
        raise OutputError(
            f"'{folder / record.outputs[0].file}' was made with another model, {model}; replace "
            "it with --overwrite, or choose another --out_dir"
        )


def _refuse_edited(planned: Sequence[Path], edited: Sequence[str], folder: Path) -> None:
    for path in planned:
        if below(folder, path) in edited:
            raise OutputError(
                f"'{path}' was edited since it was written, and the scan must be "
                "labelled anew; move it elsewhere, or replace it with --overwrite"
            )


def _refuse_strangers(planned: Sequence[Path], known: set[str], folder: Path) -> None:
    for path in planned:
        if os.path.lexists(path) and below(folder, path) not in known:
            raise OutputError(
                f"'{path}' exists already, and no run into this folder wrote it; choose another "
                "--out_dir or --overwrite"
            )
