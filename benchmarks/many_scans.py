"""What many scans in one call cost: time of each further scan, memory, open files.

    python benchmarks/many_scans.py --weights=FILE --scans=20
    python benchmarks/many_scans.py --weights=FILE --scans=300 --volume=SMALL.nii.gz
    python benchmarks/many_scans.py --bookkeeping=100,1000,10000

Labels so many links to one scan (the demo's unless another is given) and prints the wall time of a
further scan beside that of labelling it alone, without reading and writing, and how resident memory
and open files grew from the tenth scan on.

With `--bookkeeping` the network is replaced by a copy of one scan's labels, and a page by a
picture: what is left of a run on so many tiny scans is to find, plan, record, resume and tell of
them together.
That should cost each scan the same however many there are. Linux only.
"""

import dataclasses
import os
import statistics
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from arguments import Flags, commas

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.many_scans import local_executor, segment_all, skipped
from brainfcn_jax.cohort.one_scan import open_model, read_inputs, segmented_contents
from brainfcn_jax.cohort.outcome import Outcome
from brainfcn_jax.cohort.plan import plan_files
from brainfcn_jax.cohort.resume import Todo
from brainfcn_jax.cohort.scan_lists import expand_volumes
from brainfcn_jax.imaging.file_names import EXTENSIONS
from brainfcn_jax.imaging.nifti_writing import nifti_bytes, save_label_map
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.results.contents import ScanContents
from brainfcn_jax.results.group import write_group
from brainfcn_jax.results.options import Analysis, Replacing, Wanted
from brainfcn_jax.results.paths import LABEL_MAP, PICTURE
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.record import summary_of
from brainfcn_jax.results.tables import write_table
from brainfcn_jax.runtime.background import Done, overlapped
from brainfcn_jax.runtime.locks import claimed

VOLUMES = "desc-tissue_volumes.tsv"
MEBIBYTE = 2**20
SETTLED = 10
"""Scans after which memory is expected not to grow any more."""


def main(arguments: Sequence[str]) -> None:
    """Run as the flags say."""
    flags = Flags(__doc__)
    flags.add_argument("--weights", help="Weight file; the shipped model unless given.")
    flags.add_argument("--volume", help="Scan to label; the demo's unless given.")
    flags.add_argument("--bookkeeping", type=commas, default=(), help="Runs without a network.")
    flags.number("scans", 20, "How many.", 2)
    asked = flags.parse_args(arguments)
    start = time.perf_counter()
    model, provenance = open_model(Analysis(weights=asked.weights))
    opened = Segmenter(model)
    books = Bookkeeping(provenance, Wanted(), Replacing())
    if asked.bookkeeping:
        print(" scans  step                    s   CPU s CPU ms/scan bytes written/scan")
        for count in asked.bookkeeping:
            keep_books(int(count), opened, books)
        return
    volume = Path(asked.volume or demo_scan()).resolve()
    with TemporaryDirectory() as folder:
        scans = links_to(volume, asked.scans, Path(folder))
        alone = seconds_alone(scans[0], opened, books, folder)
        print(f"start-up, compilation and two scans alone: {time.perf_counter() - start:.1f} s")
        follow(scans, opened, books, folder, alone)


def links_to(volume: Path, count: int, folder: Path) -> list[str]:
    """Make names for one scan, as many as asked for."""
    extension = next(end for end in EXTENSIONS if volume.name.lower().endswith(end))
    links = [folder / f"scan{number}{extension}" for number in range(count)]
    for link in links:
        link.symlink_to(volume)
    return [str(link) for link in links]


def seconds_alone(scan: str, opened: Segmenter, books: Bookkeeping, folder: str) -> float:
    """Return how long labelling takes, compiled before, when nothing is read or written."""
    (planned,) = plan_files([scan], [], f"{folder}/alone")
    inputs = read_inputs(planned, books, Todo(needed=True))
    segmented_contents(planned, inputs, opened, books)
    start = time.perf_counter()
    segmented_contents(planned, inputs, opened, books)
    return time.perf_counter() - start


def follow(
    scans: list[str], opened: Segmenter, books: Bookkeeping, folder: str, alone: float
) -> None:
    """Label the scans and print what it cost."""
    planned = plan_files(scans, [], f"{folder}/out")
    times, memory, files = [], [], []
    for outcome in segment_all(planned, books, local_executor(opened)):
        assert outcome.failure is None, outcome.failure
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
    """Return the memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def keep_books(count: int, opened: Segmenter, books: Bookkeeping) -> None:
    """Run and resume without a network on so many tiny scans, and print what a scan cost."""
    with TemporaryDirectory() as folder:
        scans, out = Path(folder) / "scans", Path(folder) / "out"
        scans.mkdir()
        values = np.random.default_rng(0).integers(0, 900, (16, 16, 8)).astype(np.float32)
        for number in range(count):
            (scans / f"{number}.nii").write_bytes(nifti_bytes(values, (3.0, 3.0, 3.0)))
        (first,) = plan_files([str(scans / "0.nii")], [], f"{folder}/alone")
        inputs = read_inputs(first, books, Todo(needed=True))
        found = segmented_contents(first, inputs, opened, books)
        picture = Path(folder) / "picture.png"
        picture.write_bytes(found.picture())
        for run in ("first", "resumed"):
            planned: list[PlannedScan] = measured(count, f"{run}: find", plan, scans, out)
            measured(count, f"{run}: segment", copy, planned, found, picture, run == "resumed")
            measured(count, f"{run}: group", group, out)


def measured(count: int, step: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Return what the work gives, and print its times and the bytes that this process wrote."""
    before, start, cpu_start = bytes_written(), time.perf_counter(), time.process_time()
    result = work(*arguments)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    written = (bytes_written() - before) / count
    print(f"{count:6}  {step:17} {took:7.2f} {cpu:7.2f} {1000 * cpu / count:9.2f} {written:9.0f}")
    return result


def bytes_written() -> int:
    """Return the bytes that this process gave to the system to write."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def plan(scans: Path, out: Path) -> list[PlannedScan]:
    """Find the scans of a folder and plan their results."""
    found, _ = expand_volumes([str(scans)], ("T1w",))
    return plan_files(found, [], str(out))


def copy(planned: list[PlannedScan], found: ScanContents, picture: Path, resume: bool) -> None:
    """Run on the planned scans, each of which gets the same labels and the same picture."""
    books = Bookkeeping(found.provenance, Wanted(), Replacing(resume=resume))

    def read(scan: PlannedScan) -> tuple[Todo, ScanContents]:
        todo, segmented = books.todo(scan), found.segmented
        if todo.needed:
            segmented = dataclasses.replace(segmented, scan=read_inputs(scan, books, todo)[0])
        return todo, ScanContents(scan, segmented, found.provenance)

    def finish(given: tuple[Todo, ScanContents]) -> Outcome:
        todo, contents = given
        if not todo.needed:
            return skipped(contents.planned, todo)
        books.begin(contents.planned, todo)
        outcome = few_written(contents, picture)
        books.finish(contents.planned, todo, outcome)
        return outcome

    def execute(
        scans: Sequence[PlannedScan], _: Bookkeeping
    ) -> Generator[Done[PlannedScan], None, None]:
        return overlapped(scans, (read, finish))

    for outcome in segment_all(planned, books, execute):
        assert outcome.failure is None and outcome.skipped == resume, outcome


def few_written(contents: ScanContents, picture: Path) -> Outcome:
    """Write the labels and the volumes of a scan, and link the picture."""
    outputs, segmented = contents.planned.outputs, contents.segmented
    files = tuple(outputs.file(ending) for ending in (LABEL_MAP, VOLUMES, PICTURE))
    save_label_map(files[0], segmented.canonical_labels, segmented.scan)
    write_table(files[1], contents.volumes())
    os.link(picture, files[2])
    summary = summary_of(segmented, contents.provenance.model_name)
    return Outcome(contents.planned, summary, files=files)


def group(out: Path) -> None:
    """Make tables and page of all scans."""
    with claimed(out, []) as claims:
        write_group(out, claims)


if __name__ == "__main__":
    main(sys.argv[1:])
