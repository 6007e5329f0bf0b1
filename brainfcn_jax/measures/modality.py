"""Whether a scan looks like the modality that a model was made for, and has a skull (numpy)."""

import re
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.labels import COGM, CSF, VENT, WM

NAMED_MODALITIES = {
    "t1w": "T1w", "t1": "T1w", "mprage": "T1w", "t2w": "T2w", "t2": "T2w", "flair": "FLAIR",
    "pdw": "PDw", "pd": "PDw", "t2star": "T2starw", "t2starw": "T2starw", "swi": "SWI",
    "t1map": "T1map", "t2map": "T2map", "inplanet1": "inplaneT1", "inplanet2": "inplaneT2",
    "angio": "angio", "tof": "angio", "bold": "BOLD", "dwi": "DWI", "adc": "ADC", "ct": "CT",
    "pet": "PET",
}  # fmt: skip
"""BIDS suffixes and common words in file names, in lower case, and the modality they mean."""

DARK_TO_BRIGHT = {
    "T1w": (("fluid", "grey matter"), ("grey matter", "white matter")),
    "T2w": (("grey matter", "fluid"), ("white matter", "fluid")),
}
"""Pairs (darker, brighter) that hold in every scan of a modality.

In T2w, grey and white matter are left open: white matter is the darker of an adult's two, and the
brighter of a newborn's.
"""

STRIPPED_RATIO = 1.5

FEWEST_VOXELS = 50
_MOST_VOXELS = 200_000


def modality_warnings(
    path: str,
    data: Float32[np.ndarray, "x y z"],
    labels: UInt8[np.ndarray, "x y z"],
    modality: str,
) -> tuple[str, ...]:
    """Gives sentences for the user where a scan's name or contrast is not that of `modality`.

    Of a modality that is not in `DARK_TO_BRIGHT` only the name is compared.
    """
    warnings = []
    named = named_modality(path)
    if named is not None and named.lower() != modality.lower():
        warnings.append(f"its name says {named}, and the model is for {modality}: check the labels")
    medians = tissue_medians(data, labels)
    wrong = [
        f"{darker} ({medians[darker]:.4g}) is not darker than {brighter} ({medians[brighter]:.4g})"
        for darker, brighter in DARK_TO_BRIGHT.get(modality, ())
        if darker in medians and brighter in medians and medians[darker] >= medians[brighter]
    ]
    if wrong:
        warnings.append(
            f"it does not look like the {modality} scan that the model is for, since in it "
            f"{' and '.join(wrong)}: check the labels"
        )
    return tuple(warnings)


def looks_skull_stripped(
    data: Float32[np.ndarray, "x y z"], labels: UInt8[np.ndarray, "x y z"]
) -> bool:
    """Whether hardly anything but the labelled tissues is there.

    It is so when the voxels that differ from the volume's lowest intensity are at most
    `STRIPPED_RATIO` times those with a label; a whole head has about three times as many, and a
    noisy background counts as well.
    """
    there = int(np.count_nonzero(data != data.min()))
    return there <= STRIPPED_RATIO * int(np.count_nonzero(labels))


def named_modality(path: str) -> str | None:
    """Gives the modality that a file's name gives: the last word known, None when there is none.

    Words are what stands between "_" and "."; so a BIDS entity such as space-T1w is none.
    """
    words = re.split(r"[_.]", re.split(r"[/\\]", path)[-1].lower())
    known = [NAMED_MODALITIES[word] for word in words if word in NAMED_MODALITIES]
    return known[-1] if known else None


def tissue_medians(
    data: Float32[np.ndarray, "x y z"], labels: UInt8[np.ndarray, "x y z"]
) -> Mapping[str, float]:
    """Gives the median intensity of cortical grey matter, white matter and fluid, as far as found.

    Fluid is the ventricles', which is purer than that of the sulci, unless they are too small.
    """
    found = {name: _values(data, labels == index) for name, index in (
        ("grey matter", COGM), ("white matter", WM), ("fluid", VENT), ("sulci", CSF)
    )}  # fmt: skip
    sulci = found.pop("sulci")
    if found["fluid"].size < FEWEST_VOXELS:
        found["fluid"] = sulci
    return {
        name: float(np.median(values))
        for name, values in found.items()
        if values.size >= FEWEST_VOXELS
    }


def _values(data: Float32[np.ndarray, "x y z"], mask: np.ndarray) -> Float32[np.ndarray, " voxels"]:
    values = data[mask]
    return values[:: 1 + values.size // _MOST_VOXELS]
