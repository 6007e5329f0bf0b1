"""What is left to do of each scan of a run, and what was done, by the folder's manifest."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainfcn_jax.errors import OutputError
from brainfcn_jax.results.case import Case, Outcome, case_name
from brainfcn_jax.results.options import EvaluationSettings
from brainfcn_jax.results.record import (
    FileState,
    Manifest,
    Record,
    Summary,
    below,
    file_state,
    output_states,
)
from brainfcn_jax.text import first_few

NOT_IN_REQUEST = frozenset({"model", "weights", "overwrite", "source_dataset"})
"""Settings that decide no byte of a result: the weights are known by their SHA-256."""


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


@dataclass(frozen=True)
class Job:
    """One case and what is to be done of it.

    Attributes:
        case: the case.
        settings: the run's, which for this case may allow to overwrite.
        inputs: what its files hold now.
        todo: whether it is labelled at all.
    """

    case: Case
    settings: EvaluationSettings
    inputs: Mapping[str, FileState]
    todo: Todo


class Ledger:
    """Asks and tells the manifest about cases."""

    def __init__(
        self,
        manifest: Manifest,
        settings: EvaluationSettings,
        provenance: Mapping[str, Any],
        resume: bool,
    ) -> None:
        self._manifest = manifest
        self._settings = settings
        self._request = request(settings, provenance)
        self._known = manifest.read() if resume else None

    def job(self, case: Case) -> Job:
        """What is to be done of a case.

        Raises:
            InputError: an input cannot be read.
            OutputError: a result that is in the way may not be replaced.
        """
        files = input_files(case)
        todo = Todo(needed=True)
        if self._known is not None:
            todo = left_to_do(
                self._known.get(case_name(case)),
                files,
                self._request,
                case.outputs.root,
                planned_files(case, self._settings),
                self._settings.overwrite,
            )
        overwrite = self._settings.overwrite or todo.replace
        settings = dataclasses.replace(self._settings, overwrite=overwrite)
        return Job(case, settings, _states(case, files) if todo.needed else {}, todo)

    def writing(self, jobs: Sequence[Job]) -> None:
        """Notes that the files of these cases may be half there; OutputError if it cannot."""
        self._manifest.record(
            {
                case_name(job.case): Record(
                    "writing", job.inputs, self._request, writing=_names(job)
                )
                for job in jobs
            }
        )

    def done(self, job: Job, outcome: Outcome) -> None:
        """Notes that a case is finished; OutputError if that cannot be written."""
        root = job.case.outputs.root
        record = Record(
            "done",
            job.inputs,
            self._request,
            outputs=output_states(root, sorted(outcome.files)),
            seconds=outcome.seconds,
            summary=summary(outcome),
        )
        self._manifest.record({case_name(job.case): record})

    def failed(self, case: Case, failure: str) -> None:
        """Notes that a case failed, unless an earlier run finished it.

        Raises:
            InputError, OutputError: the manifest cannot be read or written.
        """
        before = self._manifest.read().get(case_name(case))
        if before is not None and before.status == "done":
            return
        writing = () if before is None else before.writing
        told = without_folders(failure, case)
        record = Record("failed", {}, self._request, writing=writing, failure=told)
        self._manifest.record({case_name(case): record})


def planned_files(case: Case, settings: EvaluationSettings) -> list[Path]:
    """The files that labelling a case writes for it alone."""
    return case.outputs.all(settings, case.reference is not None)


def input_files(case: Case) -> dict[str, Path]:
    """The files that are read of a case, by what they are; an Analyze scan has two."""
    files = {"scan": Path(case.volume)}
    if case.reference is not None:
        files["reference"] = Path(case.reference)
    pairs = {".hdr": ".img", ".img": ".hdr"}
    for word, path in list(files.items()):
        if (other := pairs.get(path.suffix.lower())) is not None:
            files[f"{word} {other}"] = path.with_suffix(other)
    return files


def request(settings: EvaluationSettings, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides the results of a scan, but for its files."""
    chosen = dataclasses.asdict(settings)
    return {
        "version": provenance["GeneratedBy"][0]["Version"],
        "weights_sha256": provenance["Weights"]["SHA256"],
        "settings": {key: chosen[key] for key in chosen if key not in NOT_IN_REQUEST},
    }


def without_folders(text: str, case: Case) -> str:
    """A message with the names of the case's files in place of their paths."""
    paths = [Path(path) for path in (case.volume, case.reference) if path is not None]
    for path in paths:
        for form in (path.absolute(), path):
            text = text.replace(f"'{form}'", f"'{path.name}'")
    for root in (case.outputs.root.absolute(), case.outputs.root):
        text = text.replace(f"'{root}{os.sep}", "'").replace(f"'{root}'", "'.'")
    return text


def summary(outcome: Outcome) -> Summary:
    """What is told of a scan among others."""
    quality = outcome.quality
    assert quality is not None
    return Summary(
        verdict=quality.verdict,
        flags=quality.flags,
        mean_entropy=quality.measurements.get("mean_entropy"),
        volumes_mm3={row.abbreviation: row.volume_mm3 for row in outcome.volumes},
    )


def _names(job: Job) -> tuple[str, ...]:
    root = job.case.outputs.root
    return tuple(below(root, path) for path in planned_files(job.case, job.settings))


def _states(case: Case, files: Mapping[str, Path]) -> dict[str, FileState]:
    """What the inputs hold; one that is no file is left to the reader, who says what it is."""
    names = {"scan": case.source or Path(case.volume).name}
    return {
        word: file_state(path, names.get(word, path.name))
        for word, path in files.items()
        if os.path.isfile(path)
    }


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
