"""What many scans in one call cost: time of each further scan, memory, open files.

    python benchmarks/many_scans.py --weights=FILE --scans=20
    python benchmarks/many_scans.py --weights=FILE --scans=300 --volume=SMALL.nii.gz

Labels so many links to one scan (the demo's unless another is given) and prints the wall time of a
further scan beside that of labelling it alone, without reading and writing, and how resident memory
and open files grew from the tenth scan on. Linux only.
"""

import os
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from absl import app, flags

from brainfcn_jax.cohort.plan import plan_files
from brainfcn_jax.cohort.run import local_executor, run_cases
from brainfcn_jax.cohort.steps import OpenModel, label_case, open_model, read_case
from brainfcn_jax.imaging.file_names import EXTENSIONS
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.results.options import EvaluationSettings

_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file.", required=True)
_SCANS = flags.DEFINE_integer("scans", 20, "How many.", lower_bound=2)
_VOLUME = flags.DEFINE_string("volume", None, "Scan to label; the demo's unless given.")

MEBIBYTE = 2**20
SETTLED = 10
"""Scans after which memory is expected not to grow any more."""


def main(argv: list[str]) -> None:
    """Runs the benchmark."""
    del argv
    volume = Path(_VOLUME.value or demo_scan()).resolve()
    settings = EvaluationSettings(None, _WEIGHTS.value, None, "tissues", overwrite=False)
    start = time.perf_counter()
    opened = open_model(settings)
    with TemporaryDirectory() as folder:
        scans = links_to(volume, _SCANS.value, Path(folder))
        alone = seconds_alone(scans[0], opened, settings, folder)
        print(f"start-up, compilation and two scans alone: {time.perf_counter() - start:.1f} s")
        follow(scans, opened, settings, folder, alone)


def links_to(volume: Path, count: int, folder: Path) -> list[str]:
    """Names for one scan, as many as asked for."""
    extension = next(end for end in EXTENSIONS if volume.name.lower().endswith(end))
    links = [folder / f"scan{number}{extension}" for number in range(count)]
    for link in links:
        link.symlink_to(volume)
    return [str(link) for link in links]


def seconds_alone(scan: str, opened: OpenModel, settings: EvaluationSettings, folder: str) -> float:
    """How long labelling takes when nothing is read or written meanwhile, compiled before."""
    (case,) = plan_files([scan], [], f"{folder}/alone")
    loaded = read_case(case, settings)
    label_case(loaded, opened, settings)
    start = time.perf_counter()
    label_case(loaded, opened, settings)
    return time.perf_counter() - start


def follow(
    scans: list[str], opened: OpenModel, settings: EvaluationSettings, folder: str, alone: float
) -> None:
    """Labels the scans and prints what it cost."""
    cases = plan_files(scans, [], f"{folder}/out")
    times, memory, files = [], [], []
    for result in run_cases(cases, settings, opened.provenance, local_executor(opened)):
        assert result.outcome.failure is None, result.outcome.failure
        times.append(time.perf_counter())
        memory.append(resident_bytes() / MEBIBYTE)
        files.append(len(os.listdir("/proc/self/fd")))
    further = np.diff(times)
    print(f"labelling alone: {alone:.3f} s")
    print(
        f"each further scan: {further.mean():.3f} s (median {statistics.median(further):.3f}), "
        f"{further.mean() / alone:.3f} times as long"
    )
    settled = memory[SETTLED:] if len(memory) > 2 * SETTLED else memory
    slope = np.polyfit(range(len(settled)), settled, 1)[0]
    print(f"resident memory: {memory[0]:.0f} MiB after the first, {memory[-1]:.0f} after the last")
    print(f"slope from scan {len(memory) - len(settled) + 1} on: {slope * 1024:.1f} KiB a scan")
    print(f"open files: {files[0]} after the first, {max(files)} at most, {files[-1]} at the end")


def resident_bytes() -> int:
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    app.run(main)
