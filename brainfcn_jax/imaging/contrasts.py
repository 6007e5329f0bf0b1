"""The contrasts that models know, and what a scan's name says of its own (plain Python)."""

import re
from typing import Literal, get_args

Contrast = Literal["T1w", "T2w", "FLAIR", "PDw"]
KNOWN: tuple[Contrast, ...] = get_args(Contrast)
"""Contrasts that shipped models label; of a folder with several the first is taken."""

_NAMED = {
    "t1w": "T1w", "t1": "T1w", "mprage": "T1w", "t2w": "T2w", "t2": "T2w", "flair": "FLAIR",
    "pdw": "PDw", "t2star": "T2starw", "t2starw": "T2starw", "swi": "SWI", "t1map": "T1map",
    "t2map": "T2map", "inplanet1": "inplaneT1", "inplanet2": "inplaneT2", "angio": "angio",
    "tof": "angio", "bold": "BOLD", "dwi": "DWI", "adc": "ADC", "ct": "CT", "pet": "PET",
}  # fmt: skip
# BIDS suffixes and common words in file names, in lower case. "pd" is none: it is a patient's
# Parkinson's disease as often as a scan's proton density.


def named_contrast(path: str) -> str | None:
    """Return the contrast that a file's name gives: the last word known, None when there is none.

    Words are what stands between "_" and "."; so a BIDS entity such as space-T1w is none.
    """
    words = re.split(r"[_.]", re.split(r"[/\\]", path)[-1].lower())
    known = [_NAMED[word] for word in words if word in _NAMED]
    return known[-1] if known else None
