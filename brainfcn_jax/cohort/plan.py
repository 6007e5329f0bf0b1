"""What a run is to segment: scans, references and result files side by side."""

import dataclasses
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from brainfcn_jax.cohort.bids_dataset import BidsScan
from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.nilearn_files import DEMO, demo_scan
from brainfcn_jax.results.paths import LABEL_MAP, distinct_names, output_paths, scan_name
from brainfcn_jax.results.planned_scan import PlannedScan


def plan_files(scans: Sequence[str], references: Sequence[str], out_dir: str) -> list[PlannedScan]:
    """Plan scans given as files, `references` one for each or none, results flat in `out_dir`.

    Raises:
        InputError: the demo's scan is not installed.
        UsageError: two scans would write one file, or a result would take an input's place.
    """
    names = distinct_names(scans)  # the demo's results are named after it
    planned = [
        PlannedScan(
            str(demo_scan()) if scan == DEMO else scan, reference, output_paths(out_dir, name)
        )
        for name, scan, reference in itertools.zip_longest(names, scans, references)
    ]
    return _checked(planned, scans)


def plan_bids(
    scans: Sequence[BidsScan], references: Sequence[str], out_dir: str
) -> list[PlannedScan]:
    """Plan scans of a BIDS data set, `references` as above, results in folders like theirs.

    Raises:
        UsageError: two scans would write one file, or a result would take an input's place.
    """
    planned = [
        PlannedScan(
            str(scan.path),
            reference,
            output_paths(out_dir, scan_name(scan.file), scan.folder),
            source=scan.uri,
        )
        for scan, reference in itertools.zip_longest(scans, references)
    ]
    return _checked(planned, [scan.path for scan in planned])


def _checked(planned: list[PlannedScan], given: Sequence[str]) -> list[PlannedScan]:
    """Return the plan, unless files get in each other's way; `given` is how to call scans."""
    inputs = {
        os.path.realpath(path) for scan in planned for path in (scan.path, scan.reference) if path
    }
    writers: dict[Path, str] = {}
    for scan, called in zip(planned, given, strict=True):
        label_map = scan.outputs.file(LABEL_MAP)
        if label_map in writers:
            raise UsageError(
                f"'{writers[label_map]}' and '{called}' would both write '{label_map}'; "
                "label them in two runs with two --out_dir"
            )
        if os.path.realpath(label_map) in inputs:
            raise UsageError(f"'{label_map}' is an input and a result; choose another --out_dir")
        writers[label_map] = called
    return [dataclasses.replace(scan, in_group=len(planned) > 1) for scan in planned]
