"""Kills a training run (-9) at random moments, and looks at what is left after each.

    python tests/faults/kill_training.py [--kills=30] [--seed=0]

A narrow network is trained on tiny scans in a process of its own, first undisturbed. Then the same
command is started again and again in a new folder, and killed: most often at a random moment after
it has begun to write, sometimes while it loads. After every kill each file with a final name must
be whole. A run that ends in spite of it must have the same weights and measurements, bit for bit,
as the undisturbed one, and another is begun until there were enough kills. In every third run the
newest checkpoint is cut, once two are there: the run must say so and end with the same bits.

Prints a line for each kill and a summary; ends with 1 when anything was not as it should be.
About six minutes on two virtual cores.
"""

import argparse
import contextlib
import functools
import json
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # what it shares with the tests lies there

from faults.disturbed import (
    HANG_SECONDS,
    ROOT,
    Undisturbed,
    command_of,
    killed_at_random,
    log_of,
    said,
    started,
    undisturbed,
)
from support.narrow import narrow_flags
from support.tiny_scans import write_pairs

from brainfcn_jax.network.model_file import load_model

STEPS = 30


@dataclass
class Findings:
    """What was tried, and what was not as it should be."""

    kills: int = 0
    loading: int = 0
    saving: int = 0
    finished: int = 0
    damaged: int = 0
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
        scans = write_pairs(folder / "scans", ("sub-01", "sub-02", "sub-03"))
        whole = undisturbed(folder, functools.partial(training, scans), begun, result_of)
        seconds = (whole.loading_seconds, whole.working_seconds)
        print("loads {:.1f} s, works {:.1f} s".format(*seconds), flush=True)
        while findings.kills < flags.kills and not findings.wrong:
            run = folder / f"run{findings.finished}"
            disturb(scans, run, whole, flags.kills, chance, findings)
    print(
        f"{findings.kills} kills, {findings.loading} of them before anything was written and "
        f"{findings.saving} while a checkpoint was; {findings.damaged} checkpoints cut; "
        f"{findings.finished} runs finished with the undisturbed run's bits"
    )
    for text in findings.wrong:
        print(f"wrong: {text}")
    return 1 if findings.wrong else 0


def disturb(
    scans: Path,
    run: Path,
    whole: Undisturbed,
    kills: int,
    chance: random.Random,
    findings: Findings,
) -> None:
    """Starts one run until it ends, killing it on the way while kills are left."""
    to_cut, warned = findings.finished % 3 == 1, True
    while True:
        with training(scans, run) as process:
            killed = findings.kills < kills and kill(process, run, whole, chance, findings)
            code = process.wait(HANG_SECONDS)
        warned = warned or "cannot be read" in log_of(run).read_text()
        if not killed:
            break
        findings.wrong += [f"{run.name}: {text}" for text in half_files(run)]
        if to_cut and len(checkpoints(run)) == 2:
            cut_files(checkpoints(run)[-1])
            findings.damaged += 1
            to_cut = warned = False
    findings.finished += 1
    if not warned:
        findings.wrong.append(f"{run.name} did not say that a checkpoint was cut")
    if code:
        findings.wrong.append(f"{run.name} ended with {code}: {said(log_of(run))}")
    elif result_of(run) != whole.result:
        findings.wrong.append(f"{run.name} ended with other numbers than the undisturbed run")


def kill(
    process: subprocess.Popen,
    run: Path,
    whole: Undisturbed,
    chance: random.Random,
    findings: Findings,
) -> bool:
    """Kills the process at a random moment; false when it ended before."""
    moment = killed_at_random(process, functools.partial(begun, run), whole, chance)
    if moment is None:
        return False
    saving = any((run / "checkpoints").glob("*tmp*"))
    findings.kills += 1
    findings.loading += not begun(run)
    findings.saving += saving
    print(
        f"kill {findings.kills}: {run.name}, {moment}, checkpoints of steps "
        f"{[int(path.name) for path in checkpoints(run)]}{', one half written' if saving else ''}",
        flush=True,
    )
    return True


def training_flags(scans: Path, run: Path, steps: int = STEPS) -> list[str]:
    """The command's flags."""
    return [
        f"--config={ROOT / 'configs' / 'testing.py'}", f"--config.data.root={scans}",
        f"--workdir={run}", f"--config.training.steps={steps}",
        "--config.training.checkpoint_every=2", "--config.training.validate_every=5",
        *narrow_flags(scans.parent / "model"),
    ]  # fmt: skip


def training(scans: Path, run: Path) -> contextlib.AbstractContextManager[subprocess.Popen]:
    """The command in a process of its own, with what it says in RUN.log; it ends with the block."""
    command = command_of("train", training_flags(scans, run))
    return started(command, log_of(run), run.parent / "compiled")


def begun(run: Path) -> bool:
    """Whether the newest process of a run has shown its bar, and so has begun to write."""
    return "step" in log_of(run).read_text()


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints with a final name, oldest first."""
    found = (path for path in (run / "checkpoints").glob("*") if path.name.isdecimal())
    return sorted(found, key=lambda path: int(path.name))


def cut_files(checkpoint: Path) -> None:
    """Cuts every file of numbers in half."""
    for path in checkpoint.rglob("d/*"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def half_files(run: Path) -> list[str]:
    """Files with a final name that are not whole."""
    wrong = []
    for name, read in (("settings.json", json.loads), ("metrics.jsonl", measurements)):
        path = run / name
        with contextlib.suppress(FileNotFoundError):
            try:
                read(path.read_text())
            except ValueError as error:
                wrong.append(f"{name}: {error}")
    for name in ("last.h5", "best.h5"):
        if (run / name).exists():
            try:
                load_model(run / name)
            except Exception as error:  # whatever is wrong with the file is what is looked for
                wrong.append(f"{name}: {error}")
    wrong += [f"{path} is empty" for path in checkpoints(run) if not (path / "state").is_dir()]
    return wrong


def measurements(text: str) -> list[dict[str, object]]:
    """The finished lines of metrics.jsonl, without times."""
    records = [json.loads(line) for line in text.split("\n")[:-1]]
    return [{k: v for k, v in record.items() if k != "images_per_second"} for record in records]


def result_of(run: Path) -> dict[str, object]:
    """All that a run ends with, as bits."""
    result: dict[str, object] = {
        "measurements": measurements((run / "metrics.jsonl").read_text()),
        "steps": [path.name for path in checkpoints(run)],
    }
    for name in ("last.h5", "best.h5"):
        for layer, part in load_model(run / name).params.items():
            for kind, array in part.items():
                result[f"{name} {layer} {kind}"] = np.asarray(array).tobytes()
    return result


if __name__ == "__main__":
    sys.exit(main())
