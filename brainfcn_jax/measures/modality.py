"""Whether a scan looks like the modality that a model was made for, and has a skull (numpy)."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.imaging.contrasts import ANY_NEWBORN, contrasts_of, named_contrast
from brainfcn_jax.labels import COGM, CSF, VENT, WM
from brainfcn_jax.text import number

DARK_TO_BRIGHT = {
    "T1w": (("fluid", "grey matter"), ("grey matter", "white matter")),
    "T2w": (("grey matter", "fluid"), ("white matter", "fluid")),
    "FLAIR": (("fluid", "grey matter"), ("fluid", "white matter")),
}
"""Pairs (darker, brighter) that hold in every scan of a contrast.

In T2w, grey and white matter are left open: white matter is the darker of an adult's two, and the
brighter of a newborn's.
"""

OF_NEWBORNS = {**DARK_TO_BRIGHT, "T1w": DARK_TO_BRIGHT["FLAIR"]}
"""The same for newborns, whose white matter is the darker one in T1w."""

STRIPPED_RATIO = 1.5

FEWEST_VOXELS = 50
_MOST_VOXELS = 200_000


def modality_warnings(
    path: str,
    data: Float32[np.ndarray, "x y z"],
    labels: UInt8[np.ndarray, "x y z"],
    modality: str,
    stated: str | None = None,
) -> tuple[str, ...]:
    """Gives sentences for the user where a scan's name or contrast is not that of `modality`.

    A scan for a model of any contrast must look like the contrast that is `stated`, or else like
    what its own name says. Of a contrast that is not in `DARK_TO_BRIGHT` only the name is compared.
    """
    warnings = []
    named, known = named_contrast(path), contrasts_of(modality)
    if named is not None and named.lower() not in map(str.lower, known):
        warnings.append(
            f"its name says {named}, and the model is for {', '.join(known)}: check the labels"
        )
    medians = tissue_medians(data, labels)
    if modality in known:
        expected, source = modality, "the model is for"
    else:
        expected, source = (stated, "you say it is") if stated else (named or "", "its name says")
    pairs = OF_NEWBORNS if modality == ANY_NEWBORN else DARK_TO_BRIGHT
    wrong = [
        f"{darker} ({number(medians[darker], 4)}) is not darker than "
        f"{brighter} ({number(medians[brighter], 4)})"
        for darker, brighter in pairs.get(expected, ())
        if darker in medians and brighter in medians and medians[darker] >= medians[brighter]
    ]
    if wrong:
        warnings.append(
            f"it does not look like a {expected} scan, which {source}, since in it "
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
