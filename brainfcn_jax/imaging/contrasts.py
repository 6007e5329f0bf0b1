"""What a scan's name says of its contrast, and what of it a model knows (plain Python)."""

import re

from brainfcn_jax.errors import UsageError
from brainfcn_jax.text import either

KNOWN = ("T1w", "T2w", "FLAIR", "PDw")
"""Contrasts that shipped models label; of a folder with several the first is taken."""

ANY, ANY_NEWBORN = "any", "any_newborn"
"""The modality of a model of adults that knows all of `KNOWN`, and of one of newborns."""

_SEVERAL = {ANY: KNOWN, ANY_NEWBORN: ("T2w", "T1w")}

_NAMED = {
    "t1w": "T1w", "t1": "T1w", "mprage": "T1w", "t2w": "T2w", "t2": "T2w", "flair": "FLAIR",
    "pdw": "PDw", "t2star": "T2starw", "t2starw": "T2starw", "swi": "SWI", "t1map": "T1map",
    "t2map": "T2map", "inplanet1": "inplaneT1", "inplanet2": "inplaneT2", "angio": "angio",
    "tof": "angio", "bold": "BOLD", "dwi": "DWI", "adc": "ADC", "ct": "CT", "pet": "PET",
}  # fmt: skip
# BIDS suffixes and common words in file names, in lower case. "pd" is none: it is a patient's
# Parkinson's disease as often as a scan's proton density.


def named_contrast(path: str) -> str | None:
    """Gives the contrast that a file's name gives: the last word known, None when there is none.

    Words are what stands between "_" and "."; so a BIDS entity such as space-T1w is none.
    """
    words = re.split(r"[_.]", re.split(r"[/\\]", path)[-1].lower())
    known = [_NAMED[word] for word in words if word in _NAMED]
    return known[-1] if known else None


def contrasts_of(modality: str) -> tuple[str, ...]:
    """The contrasts that a model of a modality labels, those to be preferred first."""
    return _SEVERAL.get(modality, (modality,))


def refuse_contrast(contrast: str, modality: str, stated: str) -> None:
    """Raises UsageError, which begins as the user `stated` it, when a model does not know it."""
    known = contrasts_of(modality)
    if contrast not in known:
        raise UsageError(f"{stated}, and the model is for {either(known)}")
