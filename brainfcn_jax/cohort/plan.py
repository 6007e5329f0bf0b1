"""What a run is to label: scans, references and result files side by side."""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path

from brainfcn_jax.cohort.bids_dataset import BidsScan
from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.nilearn_files import DEMO, demo_scan
from brainfcn_jax.results.case import Case
from brainfcn_jax.results.paths import distinct_names, output_paths, scan_name


def plan_files(scans: Sequence[str], references: Sequence[str], out_dir: str) -> list[Case]:
    """Scans given as files, `references` one for each or none; results lie flat in `out_dir`.

    Raises:
        InputError: the demo's scan is not installed.
        UsageError: two scans would write one file, or a result would take an input's place.
    """
    names = distinct_names(scans)  # the demo's results are named after it
    cases = [
        Case(str(demo_scan()) if scan == DEMO else scan, reference, output_paths(out_dir, name))
        for name, scan, reference in itertools.zip_longest(names, scans, references)
    ]
    return _checked(cases, scans)


def plan_bids(scans: Sequence[BidsScan], references: Sequence[str], out_dir: str) -> list[Case]:
    """Scans of a BIDS data set, `references` as above; results lie in folders like theirs.

    Raises:
        UsageError: two scans would write one file, or a result would take an input's place.
    """
    cases = [
        Case(
            str(scan.path),
            reference,
            output_paths(out_dir, scan_name(scan.file), scan.folder),
            source=scan.uri,
        )
        for scan, reference in itertools.zip_longest(scans, references)
    ]
    return _checked(cases, [case.volume for case in cases])


def _checked(cases: list[Case], given: Sequence[str]) -> list[Case]:
    """The cases, unless their files get in each other's way; `given` is how to call their scans."""
    inputs = {
        os.path.realpath(path) for case in cases for path in (case.volume, case.reference) if path
    }
    writers: dict[Path, str] = {}
    for case, scan in zip(cases, given, strict=True):
        label_map = case.outputs.label_map
        if label_map in writers:
            raise UsageError(
                f"'{writers[label_map]}' and '{scan}' would both write '{label_map}'; "
                "label them in two runs with two --out_dir"
            )
        if os.path.realpath(label_map) in inputs:
            raise UsageError(f"'{label_map}' is an input and a result; choose another --out_dir")
        writers[label_map] = scan
    return cases
