"""Which scans are meant: files, folders of scans, text lists, and their references (input).

--volume=sub-01_T1w.nii.gz      this scan
--volume=scans                  every scan in the folder, in natural order
--volume='scans/*/*_T1w.nii.gz' every scan that the pattern fits, in natural order
--volume=scans.txt              every scan that the list names, one a line
"""

import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from brainfcn_jax.cohort.image_folders import (
    images_among,
    images_below,
    images_in_folder,
    quoted_pattern,
)
from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.imaging.contrasts import KNOWN, named_contrast
from brainfcn_jax.imaging.file_names import EXTENSIONS, signal_part, why_left_out, without_extension
from brainfcn_jax.imaging.nilearn_files import DEMO
from brainfcn_jax.text import either, first_few

LIST_EXTENSION = ".txt"
PATTERN_SIGNS = frozenset("*?[")

CONTRASTS = frozenset(
    {"T1w", "T2w", "PDw", "FLAIR", "T2starw", "T2star", "PDT2", "inplaneT1", "inplaneT2"}
    | {"T1map", "T2map", "T2starmap", "PDmap", "UNIT1", "bold", "sbref", "dwi", "epi", "angio"}
    | {"asl", "m0scan", "magnitude1", "magnitude2", "phasediff", "fieldmap", "SWI", "MTw"}
)
"""Last words of file names (BIDS suffixes) that say how an image was acquired."""

BRAIN_IMAGE = "desc-brain_image"
"""What the name of a scan cut to the brain ends with."""

RESULTS = frozenset(
    {
        BRAIN_IMAGE,
        "dseg",
        "probseg",
        "mask",
        "seg",
        "aseg",
        "label",
        "labels",
        "uncertainty",
        "defacemask",
    }
)
"""Last words of file names of what was made from a scan."""

NOT_LABELS = frozenset({"mask", "probseg", "uncertainty", BRAIN_IMAGE}) | CONTRASTS
"""Last words of the names of images that are no label maps."""


def expand_volumes(
    volumes: Sequence[str], contrasts: Sequence[str]
) -> tuple[list[str], tuple[str, ...]]:
    """Return the scans that the values of --volume mean, in order, and notes on files left out.

    Args:
        volumes: each an image file, the demo's name, a folder (all its scans, see
            `scans_in_folder`), a pattern (all scans among the files that it fits; ** is any
            number of folders) or a .txt list of files. A scan given twice is taken once.
        contrasts: what may be labelled, "T1w" for instance; of a folder or pattern that holds
            several, the first of these.

    Raises:
        InputError: a folder or list cannot be read, or it or a pattern gives no scan.
    """
    scans: list[str] = []
    notes: list[str] = []
    for volume in volumes:
        path = Path(volume)
        if volume != DEMO and os.path.isdir(path):
            found, left_out = scans_in_folder(path, contrasts)
            scans.extend(map(str, found))
            notes.extend(_left_out_note(path, left_out, found))
        elif _is_pattern(volume):
            found, left_out = scans_of_pattern(volume, contrasts)
            scans.extend(map(str, found))
            notes.extend(_left_out_note(path, left_out, found))
        elif path.suffix.lower() == LIST_EXTENSION:
            scans.extend(read_list(path))
        else:
            scans.append(volume)
    once: dict[str, str] = {}
    for scan in scans:
        if os.path.abspath(scan) in once:
            notes.append(f"'{scan}' is given more than once; it is segmented once")
        once.setdefault(os.path.abspath(scan), scan)
    return list(once.values()), tuple(notes)


def scans_in_folder(folder: Path, contrasts: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the scans that lie directly in a folder, in natural order, and the images left out.

    An image is left out when its name is that of a part of a signal without anatomy
    (sub-01_part-phase_T1w.nii.gz) or of a result (sub-01_dseg.nii.gz), or says another contrast
    than the first of `contrasts` that any says (sub-01_FLAIR.nii.gz, sub-01_flair.nii); one whose
    name says none is of any. A link without content is taken, so that reading it tells what is
    missing. Hidden files are passed over, and of a pair .hdr and .img the .hdr is taken.

    Raises:
        InputError: the folder cannot be read or holds no scan.
    """
    images = images_in_folder(folder)
    scans = _of_first_contrast(images, contrasts)
    if not scans:
        raise InputError(
            f"'{folder}' holds no {either(contrasts)} scan; {_what_it_holds(folder, contrasts)}"
        )
    return scans, [image for image in images if image not in scans]


def scans_of_pattern(pattern: str, contrasts: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Return the scans among the files that a pattern fits, and the images left out.

    They are chosen and sorted as `scans_in_folder` does it.

    Raises:
        InputError: the pattern fits no scan.
    """
    images = images_among(Path(found) for found in glob.iglob(pattern, recursive=True))
    scans = _of_first_contrast(images, contrasts)
    if not scans:
        found = f"only {first_few(images)}" if images else "no image"
        raise InputError(
            f"'{pattern}' fits no {either(contrasts)} scan, {found}; give files by name, or a "
            "folder"
        )
    return scans, [image for image in images if image not in scans]


def _is_pattern(given: str) -> bool:
    return not PATTERN_SIGNS.isdisjoint(given) and not os.path.exists(given)


def read_list(path: Path) -> list[str]:
    """Read paths from a text file, one a line, as they stand there; passes over empty lines and #.

    Raises:
        InputError: the file is missing, no UTF-8 text, or names nothing.
    """
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise InputError(f"'{path}' cannot be read as a list of scans: {reason}") from error
    names = [line for line in lines if line and not line.startswith("#")]
    if not names:
        raise InputError(f"'{path}' names no scan; write one path a line")
    return names


def expand_references(references: Sequence[str], scans: Sequence[str]) -> list[str]:
    """Return the label map of each scan, in the scans' order; none when no reference is given.

    A single folder, or what fits a single pattern, is searched for each scan's labels by name (see
    `matching_name`); otherwise there must be as many references, text lists taken apart, as scans.

    Raises:
        InputError: a list cannot be read, or the folder lacks the labels of a scan.
        UsageError: other than one reference for each scan.
    """
    if len(references) == 1 and os.path.isdir(references[0]):
        return _references_by_name(references[0], images_in_folder(Path(references[0])), scans)
    if len(references) == 1 and _is_pattern(references[0]):
        fitting = map(Path, glob.iglob(references[0], recursive=True))
        return _references_by_name(references[0], images_among(fitting), scans)
    found: list[str] = []
    for reference in references:
        path = Path(reference)
        found.extend(read_list(path) if path.suffix.lower() == LIST_EXTENSION else [reference])
    if found and len(found) != len(scans):
        raise UsageError(
            f"{len(scans)} scans and {len(found)} references are given; give one --reference for "
            "each --volume, in the same order, or the folder of all, or none"
        )
    return found


def matching_name(path: str | Path) -> str:
    """Return what the file names of a scan, its labels and its segmentations have in common.

    The name without its extension and without all last words that say what kind of image it is:
    sub-01_T1w.nii.gz, sub-01_dseg.nii.gz, sub-01_T1w_seg.mgz and
    sub-01_acq-FLAIR_desc-tissue_dseg.nii.gz all give sub-01.
    """
    words = without_extension(Path(path).name).split("_")
    while len(words) > 1 and (words[-1] in CONTRASTS | RESULTS or words[-1].startswith("desc-")):
        words.pop()
    return "_".join(filter(None, map(_without_contrast, words)))


def _without_contrast(word: str) -> str:
    """Return an "acq-" without the contrast that names of results end it with; "" for no more."""
    if word.startswith("acq-"):
        for contrast in KNOWN:
            if word.endswith(contrast):
                return word.removesuffix(contrast) if word != f"acq-{contrast}" else ""
    return word


def by_matching_name(paths: Iterable[Path]) -> dict[str, Path]:
    """Return files by `matching_name`; InputError when two have the same."""
    found: dict[str, Path] = {}
    for path in paths:
        other = found.setdefault(matching_name(path), path)
        if other != path:
            raise InputError(
                f"'{other}' and '{path.name}' both belong to '{matching_name(path)}'; "
                "leave one label map for each scan in the folder"
            )
    return found


def _references_by_name(given: str, images: Sequence[Path], scans: Sequence[str]) -> list[str]:
    wanted = {matching_name(scan) for scan in scans}
    read = {os.path.realpath(scan) for scan in scans}
    candidates = [
        image
        for image in images
        if matching_name(image) in wanted
        and last_word(image) not in NOT_LABELS
        and os.path.realpath(image) not in read
    ]
    found = by_matching_name(candidates)
    missing = [scan for scan in scans if matching_name(scan) not in found]
    if missing:
        raise InputError(
            f"'{given}' has no labels of {first_few(missing)}; labels are called like their scan, "
            "sub-01_dseg.nii.gz for sub-01_T1w.nii.gz"
        )
    return [str(found[matching_name(scan)]) for scan in scans]


def _of_first_contrast(images: Sequence[Path], contrasts: Sequence[str]) -> list[Path]:
    """Return the scans of the first contrast that an image's name says, and those that say none."""
    images = [image for image in images if not signal_part(image.name)]
    said = {image: _said_by(image) for image in images}
    for contrast in contrasts:
        meant = named_contrast(contrast) or contrast
        if meant in said.values():
            return [image for image in images if said[image] in (meant, None)]
    return [image for image in images if said[image] is None]


def _said_by(image: Path) -> str | None:
    """Return what an image's name says that it is: a kind of result first, or else a contrast."""
    word = last_word(image)
    if word in RESULTS:
        return word
    return named_contrast(image.name) or (word if word in CONTRASTS else None)


def last_word(image: Path) -> str:
    """Return what a file's name ends with, "T1w"; "desc-brain_image" of a scan cut to the brain."""
    name = without_extension(image.name)
    return BRAIN_IMAGE if name.endswith(f"_{BRAIN_IMAGE}") else name.rpartition("_")[2]


def _left_out_note(folder: Path, left_out: Sequence[Path], taken: Sequence[Path]) -> Iterable[str]:
    parts = [path.name for path in left_out if signal_part(path.name)]
    if parts:
        yield f"'{folder}': left out, since {why_left_out(parts[0])}: {first_few(parts)}"
    others = [path.name for path in left_out if path.name not in parts]
    if others:
        kinds = [word for word in map(last_word, taken) if word in CONTRASTS]
        what = f"{kinds[0]} scans" if kinds else "scans of the contrast that is labelled"
        names = first_few(others)
        yield f"'{folder}': left out, since their names are not of {what}: {names}"


def _what_it_holds(folder: Path, contrasts: Sequence[str]) -> str:
    if (folder / "dataset_description.json").is_file():
        return f"it is a BIDS data set, so give it as --bids_dir={folder}"
    if images := images_in_folder(folder):
        return f"it holds {first_few([image.name for image in images])}; give files by name"
    below = images_below(folder)
    scans = _of_first_contrast(below, contrasts)
    if scans:
        return (
            f"images lie in its folders ('{scans[0].relative_to(folder)}'); give those that you "
            f"mean as a pattern, in quotes: --volume={quoted_pattern(folder, scans[0])}"
        )
    if below:
        return f"images lie in its folders ({first_few(below)}); give files by name"
    return (
        f"read are files ending in {', '.join(EXTENSIONS)} (turn DICOM files into these with "
        "dcm2niix)"
    )
