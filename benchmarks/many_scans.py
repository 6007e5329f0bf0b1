"""What many scans in one call cost: time of each further scan, memory, open files.

    python benchmarks/many_scans.py --weights=FILE --scans=20
    python benchmarks/many_scans.py --weights=FILE --scans=300 --volume=SMALL.nii.gz
    python benchmarks/many_scans.py --bookkeeping=100,1000,10000

Labels so many links to one scan (the demo's unless another is given) and prints the wall time of a
further scan beside that of labelling it alone, without reading and writing, and how resident memory
and open files grew from the tenth scan on.

With `--bookkeeping` the network is replaced by a copy of labels, and a page by a picture: what is
left of a run on so many tiny scans is to find, plan, record, resume and tell of them together.
That should cost each scan the same however many there are. Linux only.
"""

import dataclasses
import functools
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nibabel
import numpy as np
from absl import app, flags

from brainfcn_jax.cohort.plan import plan_files
from brainfcn_jax.cohort.run import local_executor, segment_all
from brainfcn_jax.cohort.scan_lists import expand_volumes
from brainfcn_jax.cohort.steps import (
    OpenModel,
    ReadScan,
    Segmenter,
    open_model,
    read_planned,
    segment_read,
)
from brainfcn_jax.imaging.file_names import EXTENSIONS
from brainfcn_jax.imaging.histograms import intensity_histogram
from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.imaging.nifti_writing import save_label_map
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.inference.segmentation import Segmentation
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.labels import CLASSES
from brainfcn_jax.measures.quality import assess
from brainfcn_jax.measures.volumes import volume_table
from brainfcn_jax.results.group import write_group
from brainfcn_jax.results.pages.picture import scan_picture
from brainfcn_jax.results.scan_results import Outcome, PlannedScan, ScanResults
from brainfcn_jax.results.settings import SegmentationSettings
from brainfcn_jax.results.tables import write_volumes
from brainfcn_jax.results.writing import summary
from brainfcn_jax.runtime.locks import claimed

_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file.")
_SCANS = flags.DEFINE_integer("scans", 20, "How many.", lower_bound=2)
_VOLUME = flags.DEFINE_string("volume", None, "Scan to label; the demo's unless given.")
_BOOKKEEPING = flags.DEFINE_list("bookkeeping", [], "Runs without a network: numbers of scans.")

MEBIBYTE = 2**20
SETTLED = 10
"""Scans after which memory is expected not to grow any more."""


def main(argv: list[str]) -> None:
    """Runs the benchmark."""
    del argv
    if _BOOKKEEPING.value:
        print(" scans  step                    s   CPU s CPU ms/scan bytes written/scan")
        for count in _BOOKKEEPING.value:
            keep_books(int(count))
        return
    volume = Path(_VOLUME.value or demo_scan()).resolve()
    settings = SegmentationSettings(None, _WEIGHTS.value, None, "tissues", overwrite=False)
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


def seconds_alone(
    scan: str, opened: OpenModel, settings: SegmentationSettings, folder: str
) -> float:
    """How long labelling takes when nothing is read or written meanwhile, compiled before."""
    (planned,) = plan_files([scan], [], f"{folder}/alone")
    read = read_planned(planned, settings)
    segment_read(read, opened, settings)
    start = time.perf_counter()
    segment_read(read, opened, settings)
    return time.perf_counter() - start


def follow(
    scans: list[str], opened: OpenModel, settings: SegmentationSettings, folder: str, alone: float
) -> None:
    """Labels the scans and prints what it cost."""
    planned = plan_files(scans, [], f"{folder}/out")
    times, memory, files = [], [], []
    executor = local_executor(Segmenter(opened).segment)
    for outcome in segment_all(planned, settings, opened.provenance, executor):
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
    """Memory that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def keep_books(count: int) -> None:
    """Runs and resumes without a network on so many tiny scans, and prints what a scan cost."""
    with TemporaryDirectory() as folder:
        scans, out = Path(folder) / "scans", Path(folder) / "out"
        scans.mkdir()
        intensities = np.random.default_rng(0).integers(0, 900, (16, 16, 8)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(intensities, np.diag([3, 3, 3, 1.0])), scans / "0.nii")
        for number in range(1, count):
            (scans / f"{number}.nii").write_bytes((scans / "0.nii").read_bytes())
        found = copied_result(scans / "0.nii")
        image, labels = found.scan.data, found.segmentation.labels
        picture = Path(folder) / "picture.png"
        picture.write_bytes(scan_picture(image, labels, found.scan.spacing_mm, "copy"))
        for run in ("first", "resumed"):
            planned: list[PlannedScan] = measured(count, f"{run}: find", plan, scans, out)
            measured(count, f"{run}: segment", copy, planned, found, picture, run == "resumed")
            measured(count, f"{run}: group", group, out)


def measured(count: int, step: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Gives what the work gives, and prints its times and the bytes that this process wrote."""
    before, start, cpu_start = bytes_written(), time.perf_counter(), time.process_time()
    result = work(*arguments)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    written = (bytes_written() - before) / count
    print(f"{count:6}  {step:17} {took:7.2f} {cpu:7.2f} {1000 * cpu / count:9.2f} {written:9.0f}")
    return result


def bytes_written() -> int:
    """Bytes that this process gave to the system to write."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


def plan(scans: Path, out: Path) -> list[PlannedScan]:
    """Finds the scans of a folder and plans their results."""
    found, _ = expand_volumes([str(scans)], "T1w")
    return plan_files(found, [], str(out))


def copied_result(path: Path) -> SegmentedScan:
    """What every scan is said to hold."""
    scan = load_scan(path)
    labels = (np.indices(scan.data.shape).sum(0) % CLASSES).astype(np.uint8)
    counts = np.bincount(labels.ravel(), minlength=CLASSES).tolist()
    volumes = volume_table(labels, counts, 27.0)
    entropy, histogram = labels.astype(np.float16) / CLASSES, intensity_histogram(scan.data)
    spacing_mm = scan.spacing_mm
    quality = assess(labels, scan.data, entropy, volumes, 0, spacing_mm, "T1w")
    segmentation = Segmentation(labels, 0, tuple(counts), entropy, histogram, histogram, spacing_mm)
    return SegmentedScan(scan, segmentation, volumes, quality, False, (), ())


def copy(planned: list[PlannedScan], found: SegmentedScan, picture: Path, resume: bool) -> None:
    """Runs on the planned scans, each of which gets the same labels."""
    settings = SegmentationSettings(None, None, None, "tissues", overwrite=False)
    provenance = {
        "GeneratedBy": [{"Name": "copy", "Version": "0"}],
        "Weights": {"File": "copy.h5", "SHA256": "0" * 64},
    }

    def segment(read: ReadScan, *_: Any) -> ScanResults:
        return ScanResults(read.planned, dataclasses.replace(found, scan=read.scan), provenance)

    write = functools.partial(write_copy, picture)
    executor = local_executor(segment, write=write)
    for outcome in segment_all(planned, settings, provenance, executor, resume=resume):
        assert outcome.failure is None and outcome.skipped == resume, outcome


def write_copy(picture: Path, results: ScanResults, settings: SegmentationSettings) -> Outcome:
    """Writes label map, volumes and picture of a scan."""
    outputs, segmented = results.planned.outputs, results.segmented
    save_label_map(outputs.label_map, segmented.segmentation.labels, segmented.scan)
    write_volumes(outputs.volumes, segmented.volumes, settings.overwrite)
    os.link(picture, outputs.picture)
    files = (outputs.label_map, outputs.volumes, outputs.picture)
    return Outcome(results.planned, summary(results), files=files)


def group(out: Path) -> None:
    """Makes tables and page of all scans."""
    with claimed(out, []) as claims:
        write_group(out, claims)


if __name__ == "__main__":
    app.run(main)
