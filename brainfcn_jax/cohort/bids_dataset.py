"""Scans in a BIDS data set, and where their derivatives go (input).

Found are sub-01/anat/sub-01_T1w.nii.gz and sub-01/ses-02/anat/sub-01_ses-02_T1w.nii.gz, with any
entities between, and the same of other contrasts.
Source: the Brain Imaging Data Structure 1.10, bids-specification.readthedocs.io.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.file_names import signal_part
from brainfcn_jax.results.shared_files import RAW
from brainfcn_jax.text import first_few, natural_order

_SCAN = re.compile(r"sub-(?P<participant>[a-zA-Z0-9]+)(_ses-(?P<session>[a-zA-Z0-9]+))?_\S+")


@dataclass(frozen=True)
class BidsScan:
    """One scan of a BIDS data set.

    Attributes:
        root: the data set's folder.
        folder: the scan's folder below it, sub-01/ses-02/anat.
        file: the scan's file name.
        participant: its label, without "sub-".
        session: its label, without "ses-"; None in a data set without sessions.
    """

    root: Path
    folder: Path
    file: str
    participant: str
    session: str | None

    @property
    def path(self) -> Path:
        """The scan's file."""
        return self.root / self.folder / self.file

    @property
    def uri(self) -> str:
        """The scan as a BIDS URI, bids:raw:sub-01/anat/sub-01_T1w.nii.gz."""
        return f"bids:{RAW}:{(self.folder / self.file).as_posix()}"


def find_bids_scans(
    root: str | Path,
    contrasts: Sequence[str],
    participants: Sequence[str] = (),
    sessions: Sequence[str] = (),
) -> tuple[list[BidsScan], tuple[str, ...]]:
    """Return the scans of a data set in natural order, and notes on what was left out.

    All are of one contrast, so that their volumes compare: the first of `contrasts` that anybody
    in the data set has.

    Args:
        root: the data set's folder.
        contrasts: BIDS suffixes, "T1w" for instance, those to be preferred first.
        participants: labels of those wanted, with or without "sub-"; all when empty.
        sessions: labels, with or without "ses-"; all when empty, and then also scans without one.

    Raises:
        InputError: no folder, no participant or session of a given label, or no scan.
    """
    root = Path(root)
    if not os.path.isdir(root):
        raise InputError(f"'{root}' is not a folder; give a BIDS data set as --bids_dir")
    wanted = _labels("sub-", participants)
    found = [path.name for path in _folders(root, "sub-*")]
    there = set(found)
    missing = [f"sub-{label}" for label in wanted if f"sub-{label}" not in there]
    if missing or not found:
        what = first_few(missing) or "participant (a folder sub-01)"
        raise InputError(f"'{root}' has no {what}; found are {first_few(found) or 'none'}")
    names = [f"sub-{label}" for label in wanted] or found
    labels = _labels("ses-", sessions)
    _refuse_unknown_sessions(root, found, labels)
    present = (c for c in contrasts if any(_scans_of(root, name, c, ())[0] for name in found))
    contrast = next(present, contrasts[0])
    scans, notes = _scans_of_contrast(root, names, contrast, labels)
    if not scans:
        raise InputError(
            f"'{root}' has no {contrast} scan of {first_few(names)}"
            f"{' in sessions ' + first_few(sessions) if sessions else ''}; they are called "
            f"sub-*/[ses-*/]anat/sub-*_{contrast}.nii.gz, and --contrast asks for another contrast"
        )
    return scans, (*_description_notes(root), *notes)


def _scans_of_contrast(
    root: Path, names: Sequence[str], contrast: str, sessions: Sequence[str]
) -> tuple[list[BidsScan], list[str]]:
    """Return the scans of one contrast of these participants, and notes."""
    scans: list[BidsScan] = []
    notes: list[str] = []
    for name in sorted(names, key=natural_order):
        of_participant, left_out = _scans_of(root, name, contrast, sessions)
        scans.extend(of_participant)
        notes.extend(f"'{path}' is left out: {why}" for path, why in left_out)
        if not of_participant:
            notes.append(f"{name} has no {contrast} scan" + (" in these sessions" * bool(sessions)))
    return scans, notes


def _refuse_unknown_sessions(root: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Raise InputError for a session that no participant has, asked for or not."""
    if not wanted:
        return
    there = {folder.name for name in found for folder in _folders(root / name, "ses-*")}
    missing = [f"ses-{label}" for label in wanted if f"ses-{label}" not in there]
    if missing:
        sessions = sorted(there, key=natural_order)
        raise InputError(
            f"'{root}' has no {first_few(missing)}; found are {first_few(sessions) or 'none'}"
        )


def _scans_of(
    root: Path, name: str, contrast: str, sessions: Sequence[str]
) -> tuple[list[BidsScan], list[tuple[Path, str]]]:
    """Return the scans of one participant, and files of its folders left out, with the reason."""
    scans, left_out = [], []
    places: list[tuple[Path, str | None]] = [] if sessions else [(root / name / "anat", None)]
    for folder in _folders(root / name, "ses-*"):
        label = folder.name.removeprefix("ses-")
        if not sessions or label in sessions:
            places.append((folder / "anat", label))
    for folder, session in places:
        files = [
            path
            for path in sorted(folder.glob("*"), key=lambda path: natural_order(path.name))
            if path.name.endswith((f"_{contrast}.nii", f"_{contrast}.nii.gz"))
            and not path.name.startswith(".")
        ]
        for path in files:
            match = _SCAN.fullmatch(path.name)
            if part := signal_part(path.name):
                left_out.append((path.relative_to(root), f"part-{part} shows no anatomy"))
            elif match and (f"sub-{match['participant']}", match["session"]) == (name, session):
                place = folder.relative_to(root)
                scans.append(BidsScan(root, place, path.name, match["participant"], session))
            else:
                left_out.append((path.relative_to(root), f"its name is not of {name}"))
    return scans, left_out


def _folders(root: Path, pattern: str) -> list[Path]:
    found = [path for path in root.glob(pattern) if path.is_dir()]
    return sorted(found, key=lambda path: natural_order(path.name))


def _labels(prefix: str, labels: Sequence[str]) -> list[str]:
    """Return labels without their prefix, each once, in the order given."""
    return list(dict.fromkeys(label.removeprefix(prefix) for label in labels))


def _description_notes(root: Path) -> list[str]:
    if (root / "dataset_description.json").is_file():
        return []
    return [f"'{root}' has no dataset_description.json, which every BIDS data set has"]
