"""The whole command in a process of its own: wall time and peak memory, cold and warm.

    python benchmarks/whole_process.py --folder=FOLDER --labels=FOLDER --newborns=FOLDER --out=FILE

Makes the scans of `benchmark_scans.py` in --folder where they are missing, then runs
`run_eval.py --volume=SCAN --out_dir=...` with an empty folder for compiled programs ("cold"), and
with the same one again ("warm"): `--repeats` times after the system was told to drop the files it
keeps in memory, where it allows that, and as often right after another run; medians. Peak memory is
the largest resident set of the process. `--help` is timed with files dropped.
"""

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measuring
from absl import app, flags

_FOLDER = flags.DEFINE_string("folder", None, "Where the scans are, or are made.", required=True)
_LABELS = flags.DEFINE_string("labels", None, "SynthSeg's label maps and T1 priors.")
_NEWBORNS = flags.DEFINE_string("newborns", None, "Newborns' tissue maps.")
_SCANS = flags.DEFINE_list("scans", [], "Names of the scans; all when empty.")
_THREADS = flags.DEFINE_integer("threads", 2, "Cores.", 1)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Warm runs of each.", 1)
_OUT = flags.DEFINE_string("out", None, "JSON file for the numbers.", required=True)

ROOT = Path(__file__).parents[1]
PROGRAMS = "JAX_COMPILATION_CACHE_DIR"
FORGOTTEN, KEPT = "forgotten", "kept"
"""What the system has of the program's and the scan's files in memory."""


def make_scans() -> dict[str, dict[str, Any]]:
    """Path of each scan -> what its JSON file says."""
    command = [sys.executable, str(ROOT / "benchmarks" / "benchmark_scans.py")]
    command += [f"--folder={_FOLDER.value}"]
    command += [f"--labels={_LABELS.value}"] if _LABELS.value else []
    command += [f"--newborns={_NEWBORNS.value}"] if _NEWBORNS.value else []
    checked(command, {"PYTHONPATH": str(ROOT)})
    found = {
        str(path): json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        for path in sorted(Path(_FOLDER.value).glob("*.nii.gz"))
    }
    names = {Path(path).name.removesuffix(".nii.gz"): path for path in found}
    return {names[name]: found[names[name]] for name in _SCANS.value or names}


def checked(command: Sequence[str], environment: Mapping[str, str]) -> measuring.Usage:
    """What a command took; the program ends when it fails."""
    usage = measuring.run_process(command, environment)
    if usage.exit_code:
        raise SystemExit(f"{' '.join(command)} ended with {usage.exit_code}")
    return usage


def row(name: str, programs: str, files: str, runs: Sequence[measuring.Usage]) -> dict[str, Any]:
    """A row of the table: medians of some runs."""
    return {
        "scan": name,
        "compiled programs": programs,
        "files in memory": files,
        "seconds": statistics.median(run.seconds for run in runs),
        "slowest, s": max(run.seconds for run in runs),
        "peak MiB": max(run.peak_mib for run in runs),
    }


def forget_files() -> str:
    """Has the system drop the files it keeps, and says whether it did."""
    return FORGOTTEN if measuring.forget_files() else f"{KEPT}: to forget is not allowed"


def label(scan: str, model: str, programs: Path, results: Path) -> measuring.Usage:
    """One run of the command."""
    command = [sys.executable, str(ROOT / "run_eval.py"), f"--volume={scan}", f"--model={model}"]
    return checked([*command, f"--out_dir={results}"], {PROGRAMS: str(programs)})


def steps_of(results: Path) -> dict[str, float]:
    """Seconds of each step, as the run itself wrote them."""
    (path,) = results.rglob("*_desc-tissue_dseg.json")
    return json.loads(path.read_text())["Seconds"]


def time_scan(scan: str, described: Mapping[str, Any]) -> tuple[list[dict], list[dict]]:
    """Rows of times, and of steps, of one scan."""
    name = Path(scan).name.removesuffix(".nii.gz")
    rows, steps = [], []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for programs, files, runs in (
            ("cold", FORGOTTEN, 1),
            ("warm", FORGOTTEN, _REPEATS.value),
            ("warm", KEPT, _REPEATS.value),
        ):
            usages, found = [], files
            for number in range(runs):
                if files == FORGOTTEN:
                    found = forget_files()
                results = folder / f"{programs}-{files}-{number}"
                usages.append(label(scan, described["model"], folder / "programs", results))
            rows.append(row(name, programs, found, usages))
            print(rows[-1], flush=True)
            state = {"scan": name, "compiled programs": programs, "files in memory": found}
            steps.append(state | steps_of(results))
    return rows, steps


def time_help() -> dict[str, Any]:
    """The row of `--help`."""
    runs, files = [], FORGOTTEN
    for _ in range(_REPEATS.value):
        files = forget_files()
        runs.append(measuring.run_process([sys.executable, str(ROOT / "run_eval.py"), "--help"]))
    return row("--help", "", files, runs)


def main(argv: list[str]) -> None:
    """Times, prints and writes."""
    del argv
    measuring.use_threads(_THREADS.value)
    scans = make_scans()
    rows, steps = [time_help()], []
    for scan, described in scans.items():
        times, seconds = time_scan(scan, described)
        rows += times
        steps += seconds
    sizes = [{"scan": Path(scan).name, **described} for scan, described in scans.items()]
    floor = f"(no process shows less than {measuring.own_peak_mib():.0f} MiB)"
    title = f"Whole process, {_THREADS.value} cores {floor}"
    measuring.write_results(
        _OUT.value,
        {title: rows, "Steps inside, seconds": steps, "What is left after cropping": sizes},
    )


if __name__ == "__main__":
    app.run(main)
