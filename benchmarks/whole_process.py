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
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import measuring
from arguments import Flags, commas

ROOT = Path(__file__).parents[1]
RUN_EVAL = [sys.executable, str(ROOT / "run_eval.py")]
PROGRAMS = "JAX_COMPILATION_CACHE_DIR"
FORGOTTEN, KEPT = "forgotten", "kept"
"""What the system has of the program's and the scan's files in memory."""

Rows = list[dict[str, Any]]


def make_scans(asked: Namespace) -> list[Path]:
    """Make the scans that are missing; return those asked for."""
    command = [sys.executable, str(ROOT / "benchmarks" / "benchmark_scans.py")]
    command += [f"--folder={asked.folder}"]
    command += [f"--labels={asked.labels}"] if asked.labels else []
    command += [f"--newborns={asked.newborns}"] if asked.newborns else []
    measuring.checked(command, {"PYTHONPATH": str(ROOT)})
    if asked.scans:
        return [Path(asked.folder) / f"{name}.nii.gz" for name in asked.scans]
    return sorted(Path(asked.folder).glob("*.nii.gz"))


def row(name: str, programs: str, files: str, runs: Sequence[measuring.Usage]) -> dict[str, Any]:
    """Return a row of the table: medians of some runs."""
    return {
        "scan": name,
        "compiled programs": programs,
        "files in memory": files,
        "seconds": statistics.median(run.seconds for run in runs),
        "slowest, s": max(run.seconds for run in runs),
        "peak MiB": max(run.peak_mib for run in runs),
    }


def forget_files() -> str:
    """Have the system drop the files it keeps, and return whether it did."""
    return FORGOTTEN if measuring.forget_files() else f"{KEPT}: to forget is not allowed"


def steps_of(results: Path) -> dict[str, float]:
    """Return the seconds of each step, as the run itself wrote them."""
    (path,) = results.rglob("*_desc-tissue_dseg.json")
    found: dict[str, float] = json.loads(path.read_text())["Seconds"]
    return found


def time_scan(scan: Path, repeats: int) -> tuple[Rows, Rows]:
    """Return rows of times, and of steps, of one scan."""
    name = scan.name.removesuffix(".nii.gz")
    model = "neonate_t2w" if name.startswith("newborn") else "adult_t1w"
    states = (("cold", FORGOTTEN, 1), ("warm", FORGOTTEN, repeats), ("warm", KEPT, repeats))
    rows, steps = [], []
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for programs, files, runs in states:
            usages, found = [], files
            for number in range(runs):
                if files == FORGOTTEN:
                    found = forget_files()
                results = folder / f"{programs}-{files}-{number}"
                command = [*RUN_EVAL, f"--volume={scan}", f"--model={model}"]
                command += [f"--out_dir={results}"]
                usages.append(measuring.checked(command, {PROGRAMS: str(folder / "programs")}))
            rows.append(row(name, programs, found, usages))
            print(rows[-1], flush=True)
            state = {"scan": name, "compiled programs": programs, "files in memory": found}
            steps.append(state | steps_of(results))
    return rows, steps


def time_help(repeats: int) -> dict[str, Any]:
    """Return the row of `--help`."""
    runs, files = [], FORGOTTEN
    for _ in range(repeats):
        files = forget_files()
        runs.append(measuring.run_process([*RUN_EVAL, "--help"]))
    return row("--help", "", files, runs)


def main(arguments: Sequence[str]) -> None:
    """Time, print and write."""
    flags = Flags(__doc__)
    flags.timing(3)
    flags.add_argument("--folder", required=True, help="Where the scans are, or are made.")
    flags.add_argument("--labels", help="SynthSeg's label maps and T1 priors.")
    flags.add_argument("--newborns", help="Newborns' tissue maps.")
    flags.add_argument("--scans", type=commas, default=(), help="Names of the scans; else all.")
    asked = flags.parse_args(arguments)
    measuring.use_threads(asked.threads)
    scans = make_scans(asked)
    rows, steps = [time_help(asked.repeats)], []
    for scan in scans:
        times, seconds = time_scan(scan, asked.repeats)
        rows += times
        steps += seconds
    floor = f"(no process shows less than {measuring.own_peak_mib():.0f} MiB)"
    tables = {f"Whole process, {asked.threads} cores {floor}": rows, "Steps inside, seconds": steps}
    measuring.write_results(asked.out, tables)


if __name__ == "__main__":
    main(sys.argv[1:])
