"""The cases of a run and its folder's manifest: what is to be done, what was done."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brainfcn_jax.cases import Case, Outcome
from brainfcn_jax.evaluation_settings import EvaluationSettings
from brainfcn_jax.manifest import (
    FileState,
    Manifest,
    Record,
    Summary,
    below,
    file_state,
    output_states,
)
from brainfcn_jax.resume import Todo, left_to_do

NOT_IN_REQUEST = frozenset({"model", "weights", "overwrite", "source_dataset"})
"""Settings that decide no byte of a result: the weights are known by their SHA-256."""


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


def case_name(case: Case) -> str:
    """How the manifest calls a case: its results below the folder, "sub-01/anat/sub-01"."""
    return below(case.outputs.root, case.outputs.folder / case.outputs.name)


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
