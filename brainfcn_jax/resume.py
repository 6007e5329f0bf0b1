"""What is left to do of a scan, by the manifest and the files that are there (input)."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainfcn_jax.errors import OutputError, first_few
from brainfcn_jax.manifest import FileState, Record, below, file_state


@dataclass(frozen=True)
class Todo:
    """What a run that goes on with an earlier one does with a scan.

    Attributes:
        needed: whether the scan is labelled; otherwise its results are there.
        replace: whether results that are there may be replaced: an earlier run wrote them.
        note: a sentence for the user; None: nothing is worth one.
    """

    needed: bool
    replace: bool = False
    note: str | None = None


def left_to_do(
    record: Record | None,
    inputs: Mapping[str, Path],
    request: Mapping[str, Any],
    folder: Path,
    planned: list[Path],
    overwrite: bool = False,
) -> Todo:
    """Whether a scan is finished and unchanged, and if not, whether its results may be replaced.

    It is finished when its record is "done", its inputs have the size and time of change, or the
    SHA-256, that they had, the request is the same and all its files are there. A result that was
    edited since is kept as long as nothing else changed. Replaced is only what the record names:
    files that hold what was written, or that a stopped run had begun to write.

    Args:
        record: what the manifest says of the scan.
        inputs: its files now, by the words of `Record.inputs`.
        request: what is asked for now.
        folder: the folder of results.
        planned: the files that labelling it will write.
        overwrite: whether what was edited, or never was in the record, is replaced as well.

    Raises:
        InputError: an input cannot be read.
        OutputError: a file that must be written is there and not as the manifest knows it.
    """
    if record is None or record.status != "done":
        known = set(record.writing) if record else set()
        if overwrite:
            return Todo(needed=True, replace=True)
        _refuse_strangers(planned, known, folder)
        return Todo(needed=True, replace=bool(known))
    missing = [state.file for state in record.outputs if not (folder / state.file).is_file()]
    edited = [
        state.file
        for state in record.outputs
        if state.file not in missing and not is_unchanged(state, folder / state.file)
    ]
    same = record.request == request and same_inputs(record, inputs)
    if same and not missing and not (edited and overwrite):
        note = f"kept as edited since: {first_few(edited)}" if edited else None
        return Todo(needed=False, note=note)
    if overwrite:
        return Todo(needed=True, replace=True)
    if edited:
        raise OutputError(
            f"'{folder / edited[0]}' was edited since it was written, and the scan must be "
            "labelled anew; move it elsewhere, or replace it with --overwrite"
        )
    _refuse_strangers(planned, {state.file for state in record.outputs}, folder)
    return Todo(needed=True, replace=True)


def is_unchanged(state: FileState, path: Path) -> bool:
    """Whether a file holds what it held: same size, and same time of change or contents.

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
    """Whether a scan and its reference are those of a record, under the same names."""
    if record.inputs.keys() != inputs.keys():
        return False
    return all(is_unchanged(record.inputs[word], path) for word, path in inputs.items())


def _refuse_strangers(planned: list[Path], known: set[str], folder: Path) -> None:
    for path in planned:
        if os.path.lexists(path) and below(folder, path) not in known:
            raise OutputError(
                f"'{path}' exists already, and no run into this folder wrote it; choose another "
                "--out_dir or --overwrite"
            )
