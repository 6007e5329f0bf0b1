"""The contrasts that models know, and what a scan's name says of its own (plain Python)."""

import re
from collections.abc import Iterator
from typing import Literal, get_args

from brainfcn_jax.imaging.file_names import without_extension

Contrast = Literal["T1w", "T2w", "FLAIR", "PDw"]
KNOWN: tuple[Contrast, ...] = get_args(Contrast)
"""Contrasts that shipped models label; of a folder with several the first is taken."""

_NAMED = {
    "t1w": "T1w", "t1": "T1w", "t1wi": "T1w", "mprage": "T1w", "mpr": "T1w", "mp2rage": "T1w",
    "bravo": "T1w", "spgr": "T1w", "fspgr": "T1w", "t1ce": "T1w", "t1gd": "T1w", "t1c": "T1w",
    "t2w": "T2w", "t2": "T2w", "t2wi": "T2w", "flair": "FLAIR", "t2flair": "FLAIR",
    "darkfluid": "FLAIR", "t1flair": "T1w", "pdw": "PDw", "t2star": "T2starw",
    "t2starw": "T2starw", "swi": "SWI", "t1map": "T1map", "t2map": "T2map",
    "inplanet1": "inplaneT1", "inplanet2": "inplaneT2", "angio": "angio", "tof": "angio",
    "bold": "BOLD", "dwi": "DWI", "adc": "ADC", "ct": "CT", "pet": "PET",
}  # fmt: skip
# BIDS suffixes and common words in file names, in lower case. "pd" is none: it is a patient's
# Parkinson's disease as often as a scan's proton density.

_AGENT = {"t1ce", "t1gd", "t1c", "gd", "gad", "gado", "gadolinium", "postcontrast", "postgd"}
"""Words for what was scanned after a contrast agent was given."""

_PLANES = re.compile(r"^(?:3d|2d|axial|ax|sagittal|sag|coronal|cor|transversal|tra|post|pre)")
_PLANE_BEHIND = re.compile(r"(?:3d|2d|axial|ax|sagittal|sag|coronal|cor|transversal|tra)$")
_ENTITY = re.compile(r"^([a-z]+)-([a-z0-9+]+)$")
_BIDS_ENTITIES = re.compile(
    "sub|ses|sample|task|tracksys|acq|nuc|voi|ce|trc|stain|rec|dir|run|mod|echo|flip|inv|mt|part|"
    "proc|hemi|space|split|recording|chunk|atlas|seg|scale|res|den|label|desc"
)


def named_contrast(path: str) -> str | None:
    """Return the contrast that a file's name gives: the last word known, None when there is none.

    Words stand between "_", "-", "." and blanks, in capitals or not, maybe with a slice direction
    before or behind ("axT2", "FLAIR3D"). An entity of BIDS such as space-T1w says nothing. T1
    before FLAIR is T1w, an inversion recovery; T2 and FLAIR are FLAIR.
    """
    known = [_NAMED[word] for word in _words(path) if word in _NAMED]
    if known[-2:] == ["T1w", "FLAIR"]:
        return "T1w"
    if {"T2w", "FLAIR"} <= set(known[-2:]):
        return "FLAIR"
    return known[-1] if known else None


def names_agent(path: str) -> bool:
    """Return whether a file's name says that a contrast agent was given before the scan."""
    given = [chunk for chunk in _file_name(path).split("_") if chunk.startswith("ce-")]
    return any(chunk != "ce-none" for chunk in given) or any(
        word in _AGENT for word in _words(path)
    )


def _file_name(path: str) -> str:
    return without_extension(re.split(r"[/\\]", path)[-1].lower())


def _words(path: str) -> Iterator[str]:
    """Yield the words of a file's name in lower case, without directions of slices."""
    for chunk in re.split(r"[_\s]+", _file_name(path)):
        entity = _ENTITY.match(chunk)
        if entity and _BIDS_ENTITIES.fullmatch(entity[1]):
            continue
        for word in re.split(r"[-.,;+()\[\]]+", chunk):
            bare = _PLANE_BEHIND.sub("", _PLANES.sub("", word))
            yield word if word in _NAMED or word in _AGENT else bare
