"""Folders of scans with labels, found by the patterns of their file names (input/output).

A pattern is a path below the data folder in which {subject} stands for the subject's name,
{contrast} for T1w, T2w, FLAIR or PDw, and * and ? for what differs from file to file:

    MRBrainS13   TrainingData/{subject}/T1.nii    TrainingData/{subject}/LabelsForTraining.nii
    pairs        {subject}_T1w.nii.gz             {subject}_dseg.nii.gz
    contrasts    {subject}_{contrast}.nii.gz      {subject}_dseg.nii.gz

With {contrast} a subject has a scan of each contrast that is there.
"""

import glob
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.imaging.nifti import Scan, load_labels, load_scan
from brainfcn_jax.schemes import TISSUE_SCHEME, CodeScheme
from brainfcn_jax.text import natural_order

SUBJECT, CONTRAST = "{subject}", "{contrast}"


@dataclass(frozen=True)
class Subject:
    """A scan and its labels on disk.

    Attributes:
        name: what the data folder calls the subject.
        scan_path: the scan's file.
        labels_path: the label map's file.
        contrast: the scan's, where the pattern tells contrasts apart; else empty.
    """

    name: str
    scan_path: Path
    labels_path: Path
    contrast: str = ""

    @property
    def called(self) -> str:
        """The name that tells this scan from the subject's others."""
        return f"{self.name} {self.contrast}".rstrip()


def find_subjects(
    root: str | Path, scan_pattern: str, labels_pattern: str, names: tuple[str, ...] = ()
) -> list[Subject]:
    """Return the subjects of a data folder: the named ones in that order, or all, in natural order.

    Natural order takes runs of digits as numbers: 2 before 10. Hidden files are passed over. With
    {contrast} a subject comes once for each of its contrasts.

    Raises:
        UsageError: a pattern without {subject}, or absolute, or both the same; a name twice.
        InputError: no folder, nothing found, half a pair (every missing file is listed), or
            several files where one is meant.
    """
    root = Path(root)
    _check_request(scan_pattern, labels_pattern, names)
    if not root.is_dir():
        raise InputError(f"'{root}' is not a folder; set the data folder with --config.data.root")
    found, problems = _pairs(root, scan_pattern, labels_pattern, names)
    if problems:
        raise InputError(
            f"'{root}' lacks one scan and one label map a subject: {'; '.join(problems)}"
        )
    if not found:
        raise InputError(
            f"'{root}' holds no '{scan_pattern}' and no '{labels_pattern}'; check the data folder "
            "and the patterns (--config.data.root, .scan_pattern, .labels_pattern)"
        )
    return found


def load_subject(subject: Subject, scheme: CodeScheme = TISSUE_SCHEME) -> tuple[Scan, np.ndarray]:
    """Read a subject's scan and its classes (uint8, x y z, on the scan's grid).

    Raises:
        InputError: a file that cannot be used, or labels on another grid or with unknown values.
    """
    scan = load_scan(subject.scan_path)
    return scan, load_labels(subject.labels_path, like=scan, scheme=scheme)


@dataclass(frozen=True)
class _Files:
    """What two patterns find, by subject."""

    root: Path
    scan_pattern: str
    labels_pattern: str
    scans: dict[str, list[Path]]
    labels: dict[str, list[Path]]


def _files(root: Path, scan_pattern: str, labels_pattern: str) -> _Files:
    scans, labels = _found(root, scan_pattern), _found(root, labels_pattern)
    _keep_most_literal(scans, scan_pattern, labels, labels_pattern)
    return _Files(root, scan_pattern, labels_pattern, scans, labels)


def _pairs(
    root: Path, scan_pattern: str, labels_pattern: str, names: tuple[str, ...]
) -> tuple[list[Subject], list[str]]:
    """Return the pairs of the named subjects, or of all, in each contrast; and what is wrong."""
    several, own_labels = (CONTRAST in pattern for pattern in (scan_pattern, labels_pattern))
    files = {
        contrast: _files(
            root,
            scan_pattern.replace(CONTRAST, contrast),
            labels_pattern.replace(CONTRAST, contrast),
        )
        for contrast in (KNOWN if several else ("",))
    }
    if not names:
        scanned = set().union(*(of_one.scans for of_one in files.values()))
        labelled = [set(of_one.labels) for of_one in files.values()]
        labelled_ones = set.union(*labelled) if own_labels else set.intersection(*labelled)
        names = tuple(sorted(scanned | labelled_ones, key=natural_order))
    subjects, problems = [], []
    for name in names:
        there = {
            contrast: of_one
            for contrast, of_one in files.items()
            if not several or name in of_one.scans or (own_labels and name in of_one.labels)
        }
        if not there:
            missing = scan_pattern.replace(SUBJECT, name)
            problems.append(f"{missing} is missing in every contrast")
        for contrast, of_one in there.items():
            if wrong := _problems(of_one, name):
                problems += wrong
            else:
                scan, labels = of_one.scans[name][0], of_one.labels[name][0]
                subjects.append(Subject(name, scan, labels, contrast))
    return subjects, problems


def _check_request(scan_pattern: str, labels_pattern: str, names: tuple[str, ...]) -> None:
    for pattern in (scan_pattern, labels_pattern):
        if SUBJECT not in pattern or Path(pattern).is_absolute():
            raise UsageError(
                f"'{pattern}' must be a path below the data folder with {SUBJECT} in it"
            )
    if CONTRAST in labels_pattern and CONTRAST not in scan_pattern:
        raise UsageError(f"'{labels_pattern}' has {CONTRAST} in it, and '{scan_pattern}' has not")
    if scan_pattern == labels_pattern:
        raise UsageError(f"'{scan_pattern}' is the pattern of scans and of labels; give two")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"subjects named more than once: {', '.join(twice)}")


def _found(root: Path, pattern: str) -> dict[str, list[Path]]:
    """Return files that fit a pattern, by subject."""
    wildcards = pattern.replace("[", "[[]").replace(SUBJECT, "*")
    expression = _expression(pattern)
    found: dict[str, list[Path]] = {}
    for name in sorted(glob.glob(wildcards, root_dir=root)):
        match = expression.fullmatch(Path(name).as_posix())
        if match and (root / name).is_file():
            found.setdefault(match["subject"], []).append(root / name)
    return found


def _expression(pattern: str) -> re.Pattern[str]:
    """Return the pattern as a regular expression; a second {subject} must repeat the first."""
    first, *others = Path(pattern).as_posix().split(SUBJECT)
    parts = [re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") for part in others]
    start = re.escape(first).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(f"{start}(?P<subject>[^/]+?){'(?P=subject)'.join(parts)}")


def _keep_most_literal(
    scans: dict[str, list[Path]],
    scan_pattern: str,
    labels: dict[str, list[Path]],
    labels_pattern: str,
) -> None:
    """Leave a file that fits both patterns to the one with more letters of its own.

    With {subject}.nii and {subject}_seg.nii, the file 7_seg.nii is labels, not a scan "7_seg".
    """
    weaker, stronger = scans, labels
    if _literal_letters(scan_pattern) > _literal_letters(labels_pattern):
        weaker, stronger = labels, scans
    taken = {path for paths in stronger.values() for path in paths}
    for name in list(weaker):
        weaker[name] = [path for path in weaker[name] if path not in taken]
        if not weaker[name]:
            del weaker[name]


def _literal_letters(pattern: str) -> int:
    return len(re.sub(r"[*?]", "", pattern.replace(SUBJECT, "")))


def _problems(files: _Files, name: str) -> list[str]:
    """Return what a subject lacks of one scan and one label map."""
    problems = []
    for pattern, found in (
        (files.scan_pattern, files.scans),
        (files.labels_pattern, files.labels),
    ):
        paths = found.get(name, [])
        if not paths:
            problems.append(f"{pattern.replace(SUBJECT, name)} is missing")
        if len(paths) > 1:
            several = ", ".join(path.relative_to(files.root).as_posix() for path in paths)
            problems.append(f"{pattern.replace(SUBJECT, name)} fits several files ({several})")
    return problems
