"""Which verdicts scans get under their right contrast, under wrong ones, and when they are spoilt.

    python benchmarks/verdicts.py [--checked=NAMES] [--spoilt=NAMES] SCANS ... [--templates FOLDER]

SCANS are files of adults called NAME_T1w.nii.gz, or _T2w, _FLAIR or _PDw, and folders of them.
Table (a) has each scan under its own name, labelled by the model that the tool takes for it, with
the reasons; CHECK is wrong but for those of --checked, whose pictures bear it out, and for scans
made after a contrast agent, which must be CHECK. Table (b) has what must be CHECK: each scan under
each other contrast, named and stated, labelled by the model that the tool would take then; every
third scan given to the models of newborns; the scans of --spoilt as noise, with their intensities
inverted and with each half cut away; and every third fetal T2w template of a folder given to the
models of adults. Pairs of contrasts that the voxels of a scan cannot tell apart are listed with the
reason. A scan goes through each model once; a name changes what is said of it, not its labels.
Ends with 1 where a verdict is not as asked.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import harness
import numpy as np
from arguments import Flags, commas

from brainfcn_jax.imaging.contrasts import KNOWN, named_contrast, names_agent
from brainfcn_jax.imaging.nifti import Scan, load_scan
from brainfcn_jax.imaging.surroundings import with_lowest_surroundings
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.measures.contrast_checks import Intensity, contrast_check, substance_intensities
from brainfcn_jax.measures.expectations import expected_of
from brainfcn_jax.measures.quality import OTHER_CONTRAST, Finding, Quality, verdict_of
from brainfcn_jax.network.model_file import ModelDescription
from brainfcn_jax.network.shipped_models import model_for

ENDING = ".nii.gz"
NEWBORNS, ADULTS = ("neonate_t2w", "neonate_any"), ("adult_t1w", "adult_any")
EVERY = 3

_FEW = "of PDw scans only darker white matter than grey is expected, as it is in"
NOT_TOLD_APART = {("T2w", "PDw"): f"{_FEW} T2w", ("FLAIR", "PDw"): f"{_FEW} FLAIR"}
"""What a scan shows and what it is called, where voxels do not contradict it, and why."""


class Judged(NamedTuple):
    """What a model says of a scan, whatever the scan is called."""

    findings: tuple[Finding, ...]
    intensities: Mapping[str, Intensity]
    description: ModelDescription

    def under(self, path: str, stated: str | None = None) -> Quality:
        """Return the verdict on the scan under a name, and the contrast that the user states."""
        known = self.description.contrasts
        expected = expected_of(self.description.labels, self.description.people)
        contrast = contrast_check(path, self.intensities, known, expected, stated)
        return verdict_of((*self.findings, contrast))


def judged(found: SegmentedScan) -> Judged:
    """Return the findings on a scan but for that on its contrast."""
    expected = expected_of(found.description.labels, found.description.people)
    flags = (flag for flag in found.quality.flags if flag.name != OTHER_CONTRAST)
    return Judged(
        tuple(Finding({}, flag) for flag in flags),
        substance_intensities(found.scan.data, found.canonical_labels, expected),
        found.description,
    )


class Models:
    """The shipped models by their names, opened once; a weight file stands for all of them."""

    def __init__(self, weights: str | None) -> None:
        self._opened = cache(partial(harness.open_model, weights=weights))
        self.judge_file = cache(self._judge_file)
        """Label the scan of a path by the model of a name, unless it has been."""

    def judge(self, model: str, scan: Scan) -> Judged:
        """Label a scan."""
        return judged(harness.segmented(self._opened(model), scan))

    def _judge_file(self, model: str, path: Path) -> Judged:
        return self.judge(model, load_scan(path))


class Rows:
    """Rows of a table, how many there are of each verdict, and which are not as asked."""

    def __init__(self, title: str, missed: list[str]) -> None:
        print(title)
        self._table = harness.Table("scan", ["      model", "verdict"], "reasons")
        self._missed, self._counts = missed, Counter[str]()

    def add(self, name: str, model: str, quality: Quality, asked: str) -> None:
        """Print a verdict; `asked` is "PASS", "CHECK", or "" where either may be."""
        reasons = "; ".join(f"{flag.name}: {flag.reason}" for flag in quality.flags)
        self._table.row(name, [model, quality.verdict], reasons)
        self._counts[quality.verdict] += 1
        if asked and quality.verdict != asked:
            self._missed.append(f"{name} {model} {quality.verdict}")

    def end(self) -> None:
        """Print the numbers of rows."""
        counted = (f"{count} {verdict}" for verdict, count in sorted(self._counts.items()))
        print(f"together {', '.join(counted)}\n")


def half(axis: int, upper: bool, data: harness.Volume) -> harness.Volume:
    """Return a volume whose lower or upper half along an axis is empty."""
    cut, middle = data.copy(), data.shape[axis] // 2
    np.moveaxis(cut, axis, 0)[slice(middle, None) if upper else slice(middle)] = data.min()
    return cut


def noise(data: harness.Volume) -> harness.Volume:
    """Return nothing but noise, on a volume's grid."""
    drawn = np.random.default_rng(0).normal(0, 100, data.shape)
    return np.abs(drawn).astype(np.float32)


def inverted(data: harness.Volume) -> harness.Volume:
    """Return a volume in which dark is bright; surroundings of one value are empty, as is read."""
    return with_lowest_surroundings(data.max() - data)[0]


SIDES = ("left", "right"), ("back", "front"), ("bottom", "top")
SPOILT: Mapping[str, Callable[[harness.Volume], harness.Volume]] = {
    "noise": noise,
    "inverted": inverted,
    **{
        f"without its {side}": partial(half, axis, bool(upper))
        for axis, sides in enumerate(SIDES)
        for upper, side in enumerate(sides)
    },
}


def scan_paths(given: Sequence[str]) -> Iterator[Path]:
    """Yield the files that are given, and those of folders whose names end in a contrast."""
    for path in map(Path, given):
        endings = [f"_{contrast}{ENDING}" for contrast in KNOWN]
        inside = (file for file in sorted(path.iterdir())) if path.is_dir() else iter((path,))
        yield from (file for file in inside if file.name.endswith(tuple(endings)))


def name_of(path: Path) -> str:
    """Return a file's name without its ending."""
    return path.name.removesuffix(ENDING)


def right(models: Models, paths: Sequence[Path], checked: Sequence[str], found: Rows) -> None:
    """Print table (a)."""
    for path in paths:
        name, model = name_of(path), model_for([named_contrast(path.name)])
        asked = "CHECK" if name in checked or names_agent(path.name) else "PASS"
        found.add(name, model, models.judge_file(model, path).under(path.name), asked)


def misnamed(models: Models, paths: Sequence[Path], found: Rows) -> Counter[tuple[str, str]]:
    """Print the scans under other contrasts; return how many pass that cannot be told apart."""
    passed: Counter[tuple[str, str]] = Counter()
    for path in paths:
        shown = named_contrast(path.name)
        for contrast in (contrast for contrast in KNOWN if contrast != shown):
            model = model_for([contrast])
            found_by = models.judge_file(model, path)
            pair = shown or "", contrast
            asked = "" if pair in NOT_TOLD_APART else "CHECK"
            named = found_by.under(f"scan_{contrast}{ENDING}")
            stated = found_by.under(f"scan{ENDING}", contrast)
            found.add(f"{name_of(path)} named {contrast}", model, named, asked)
            found.add(f"{name_of(path)} stated {contrast}", model, stated, asked)
            passed[pair] += named.verdict == "PASS"
    return passed


def others_people(models: Models, names: Sequence[str], paths: Sequence[Path], found: Rows) -> None:
    """Print every third scan as labelled by models for other people."""
    for path in paths[::EVERY]:
        for model in names:
            quality = models.judge_file(model, path).under(path.name)
            found.add(name_of(path), model, quality, "CHECK")


def spoilt(models: Models, paths: Sequence[Path], found: Rows) -> None:
    """Print scans as noise, inverted, and with a half cut away."""
    for path in paths:
        scan, model = load_scan(path), model_for([named_contrast(path.name)])
        for how, change in SPOILT.items():
            changed = replace(scan, data=change(scan.data))
            quality = models.judge(model, changed).under(path.name)
            found.add(f"{name_of(path)} {how}", model, quality, "CHECK")


def main(arguments: Sequence[str]) -> int:
    """Print both tables; return 1 where a verdict is not as asked."""
    flags = Flags(__doc__)
    flags.add_argument("--weights", help="Weight file, in the place of every model.")
    flags.add_argument("--checked", type=commas, default=(), help="Scans rightly CHECK.")
    flags.add_argument("--spoilt", type=commas, default=(), help="Scans to spoil.")
    flags.add_argument("--templates", nargs="*", default=(), help="Folders of fetal templates.")
    flags.add_argument("scans", nargs="+")
    asked = flags.parse_args(arguments)
    models, missed = Models(asked.weights), list[str]()
    paths = list(scan_paths(asked.scans))
    found = Rows("(a) under the right contrast", missed)
    right(models, paths, asked.checked, found)
    found.end()
    found = Rows("(b) under each wrong contrast", missed)
    passed = misnamed(models, paths, found)
    found.end()
    found = Rows("(b) of other people than the model is for", missed)
    others_people(models, NEWBORNS, paths, found)
    others_people(models, ADULTS, list(scan_paths(asked.templates)), found)
    found.end()
    found = Rows("(b) spoilt", missed)
    spoilt(models, [path for path in paths if name_of(path) in asked.spoilt], found)
    found.end()
    for (shown, called), why in NOT_TOLD_APART.items():
        print(f"not told apart: {passed[shown, called]} {shown} scans called {called}: {why}")
    return harness.exit_code(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
