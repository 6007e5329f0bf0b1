"""The whole command in a process of its own: wall time and peak memory, cold and warm.

    python benchmarks/whole_process.py --folder=FOLDER --labels=FOLDER --newborns=FOLDER --out=FILE

Makes the scans of `benchmark_scans.py` in --folder where they are missing, then runs
`run_eval.py --volume=SCAN --out_dir=...` with an empty folder for compiled programs ("cold") and
again with the same one ("warm", the median of `--repeats`). Before each run the system is told to
drop the files it keeps in memory, where it allows that; the table says whether it did. Peak memory
is the largest resident set of the process. `--help` is timed in the same way.
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


def row(name: str, state: str, runs: Sequence[measuring.Usage], forgotten: bool) -> dict[str, Any]:
    """A row of the table: medians of some runs."""
    return {
        "scan": name,
        "compiled programs": state,
        "seconds": statistics.median(run.seconds for run in runs),
        "slowest, s": max(run.seconds for run in runs),
        "peak MiB": max(run.peak_mib for run in runs),
        "files forgotten": "yes" if forgotten else "not allowed",
    }


def label(scan: str, model: str, programs: Path, results: Path) -> tuple[measuring.Usage, bool]:
    """One run of the command."""
    forgotten = measuring.forget_files()
    command = [sys.executable, str(ROOT / "run_eval.py"), f"--volume={scan}", f"--model={model}"]
    return checked([*command, f"--out_dir={results}"], {PROGRAMS: str(programs)}), forgotten


def steps_of(results: Path) -> dict[str, float]:
    """Seconds of each step, as the run itself wrote them."""
    (path,) = results.rglob("*_desc-tissue_dseg.json")
    return json.loads(path.read_text())["Seconds"]


def time_scan(scan: str, described: Mapping[str, Any]) -> tuple[list[dict], list[dict]]:
    """Rows of times, and of steps, of one scan."""
    name = Path(scan).name.removesuffix(".nii.gz")
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        runs = [
            label(scan, described["model"], folder / "programs", folder / f"results{number}")
            for number in range(1 + _REPEATS.value)
        ]
        steps = [
            {"scan": name, "compiled programs": state, **steps_of(folder / f"results{number}")}
            for state, number in (("cold", 0), ("warm", _REPEATS.value))
        ]
    forgotten = all(done for _, done in runs)
    cold, *warm = (usage for usage, _ in runs)
    rows = [row(name, "cold", [cold], forgotten), row(name, "warm", warm, forgotten)]
    for line in rows:
        print(line, flush=True)
    return rows, steps


def time_help() -> dict[str, Any]:
    """The row of `--help`."""
    runs, forgotten = [], True
    for _ in range(_REPEATS.value):
        forgotten &= measuring.forget_files()
        runs.append(measuring.run_process([sys.executable, str(ROOT / "run_eval.py"), "--help"]))
    return row("--help", "", runs, forgotten)


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
