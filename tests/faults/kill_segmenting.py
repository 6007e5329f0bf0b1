"""Kills a run on many scans (-9) at random moments, and looks at what is left after each.

    python tests/faults/kill_segmenting.py [--kills=30] [--seed=0]

A folder of tiny scans is labelled with a narrow network in one call, in a process of its own, first
undisturbed. Then the same is begun again and again in new folders, killed, and gone on with by
--resume until it ends: most often the kill comes at a random moment after the process has begun to
write, sometimes while it loads. After every kill the scans and the weights must be what they were,
and every file with a final name must hold what the undisturbed run wrote. A folder that is finished
in spite of it must hold the same files with the same bytes, and nothing else.

Not compared is what tells times: "Seconds" in the sidecars; in the records "seconds" and
"modified", and the size and SHA-256 of the sidecars; in the record of all scans the SHA-256 of the
records, "made_of".

Prints a line for each kill and a summary; ends with 1 when anything was not as it should be.
"""

import argparse
import contextlib
import functools
import hashlib
import json
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # what it shares with the tests lies there

from faults.disturbed import (
    HANG_SECONDS,
    Undisturbed,
    command_of,
    killed_at_random,
    log_of,
    said,
    started,
    undisturbed,
)
from support.eval_example import intensities, write_image
from support.threshold_model import threshold_model

from brainfcn_jax.network.model_file import save_model
from brainfcn_jax.results.paths import GROUP_RECORD, PAGE, RECORD, SCORES, VOLUMES
from brainfcn_jax.results.record import find_records, read_record
from brainfcn_jax.runtime.atomic_files import unfinished
from brainfcn_jax.runtime.locks import LOCK_FILE

SCANS = 4

ABOUT_ALL = (VOLUMES, SCORES, PAGE, GROUP_RECORD)
"""Files that change with the number of finished scans."""


@dataclass
class Findings:
    """What was tried, and what was not as it should be."""

    kills: int = 0
    loading: int = 0
    writing: int = 0
    finished: int = 0
    wrong: list[str] = field(default_factory=list)


def main() -> int:
    """Kills as often as the flags say; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30, help="how often to kill")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    flags = parser.parse_args()
    chance, findings = random.Random(flags.seed), Findings()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs = write_inputs(folder / "inputs", SCANS)
        before = digests(inputs)
        whole = undisturbed(
            folder,
            functools.partial(labelling, inputs),
            lambda out: written_since(out, set()),
            result_of,
        )
        seconds = (whole.loading_seconds, whole.working_seconds)
        print("loads {:.1f} s, works {:.1f} s".format(*seconds), flush=True)
        while findings.kills < flags.kills and not findings.wrong:
            out = folder / f"out{findings.finished}"
            disturb(inputs, out, whole, flags.kills, chance, findings)
            if digests(inputs) != before:
                findings.wrong.append(f"{out.name}: a scan or the weights are not what they were")
    print(
        f"{findings.kills} kills, {findings.loading} of them before anything was written and "
        f"{findings.writing} while a file was; {findings.finished} folders finished with the "
        "undisturbed run's bytes"
    )
    for text in findings.wrong:
        print(f"wrong: {text}")
    return 1 if findings.wrong else 0


def write_inputs(folder: Path, scans: int) -> Path:
    """Writes so many tiny scans and the weights that label them, and gives the folder back."""
    (folder / "scans").mkdir(parents=True)
    for number in range(scans):
        write_image(folder / "scans" / f"s{number}_T1w.nii.gz", intensities() + number)
    save_model(folder / "threshold.h5", threshold_model())
    return folder


def labelling_flags(inputs: Path, out: Path) -> list[str]:
    """The command's flags."""
    return [
        f"--volume={inputs / 'scans'}", f"--weights={inputs / 'threshold.h5'}",
        f"--out_dir={out}", "--save_prob", "--save_uncertainty", "--resume",
    ]  # fmt: skip


def labelling(inputs: Path, out: Path) -> contextlib.AbstractContextManager[subprocess.Popen]:
    """The command in a process of its own, with what it says in OUT.log; it ends with the block."""
    command = command_of("segment", labelling_flags(inputs, out))
    return started(command, log_of(out), inputs.parent / "compiled")


def disturb(
    inputs: Path,
    out: Path,
    whole: Undisturbed,
    kills: int,
    chance: random.Random,
    findings: Findings,
) -> None:
    """Goes on with one folder until it is finished, killing on the way while kills are left."""
    while True:
        before = stamp(out)
        with labelling(inputs, out) as process:
            killed = findings.kills < kills and kill(process, out, before, whole, chance, findings)
            code = process.wait(HANG_SECONDS)
        if not killed:
            break
        findings.wrong += [f"{out.name}: {text}" for text in half_files(out, whole.result)]
    findings.finished += 1
    found = result_of(out)
    differing = {name for name in found | whole.result if found.get(name) != whole.result.get(name)}
    if code:
        findings.wrong.append(f"{out.name} ended with {code}: {said(log_of(out))}")
    elif differing:
        findings.wrong.append(f"{out.name} differs from the undisturbed folder in {differing}")


def kill(
    process: subprocess.Popen,
    out: Path,
    before: set[object],
    whole: Undisturbed,
    chance: random.Random,
    findings: Findings,
) -> bool:
    """Kills the process at a random moment; false when it ended before."""
    moment = killed_at_random(process, functools.partial(written_since, out, before), whole, chance)
    if moment is None:
        return False
    done = [record.status for record in find_records(out).values()].count("done")
    writing = bool(unfinished(out))
    findings.kills += 1
    findings.loading += not written_since(out, before)
    findings.writing += writing
    print(
        f"kill {findings.kills}: {out.name}, {moment}, {done} of {SCANS} scans done"
        f"{', a file half written' if writing else ''}",
        flush=True,
    )
    return True


def stamp(out: Path) -> set[object]:
    """What changes when a record is written."""
    found: set[object] = set()
    for path in out.glob(f"*_{RECORD}"):
        with contextlib.suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_ino, path.stat().st_mtime_ns))
    return found


def written_since(out: Path, before: set[object]) -> bool:
    """Whether a record was written since the `stamp` was this."""
    return stamp(out) != before


def half_files(out: Path, whole: dict[str, object]) -> list[str]:
    """Files with a final name that do not hold what the undisturbed run wrote."""
    wrong = []
    for path in sorted(set(out.glob("*")) - unfinished(out) - {out / LOCK_FILE}):
        try:
            if path.name.endswith(RECORD):
                read_record(path)
            elif path.name not in whole:
                wrong.append(f"{path.name} is no name of a result")
            elif path.name not in ABOUT_ALL and without_times(path) != whole[path.name]:
                wrong.append(f"{path.name} is not what it should be")
        except ValueError as error:
            wrong.append(f"{path.name}: {error}")
    return wrong


def result_of(out: Path) -> dict[str, object]:
    """All that a folder holds but for times, by the names of the files."""
    return {path.name: without_times(path) for path in sorted(out.iterdir())}


def without_times(path: Path) -> object:
    """What a file holds but for times; ValueError for JSON that is not whole."""
    if path.suffix != ".json":
        return path.read_bytes()
    contents = json.loads(path.read_text())
    if path.name.endswith(RECORD):
        return record_without_times(contents)
    return {key: value for key, value in contents.items() if key not in ("Seconds", "made_of")}


def record_without_times(record: dict[str, Any]) -> object:
    """A scan's record, but for times and what follows from them."""
    states = [*record["inputs"].values(), *record["outputs"]]
    told = [
        (state["file"], None if state["file"].endswith(".json") else state["sha256"])
        for state in states
    ]
    others = {key: record[key] for key in ("status", "request", "writing", "summary", "failure")}
    return told, others


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    sys.exit(main())
