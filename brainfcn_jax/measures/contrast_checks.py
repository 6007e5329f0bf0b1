"""Whether a scan looks like the contrast that it should be of, and has a skull (numpy)."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from brainfcn_jax.imaging.contrasts import named_contrast
from brainfcn_jax.measures.expectations import Expectations

STRIPPED_RATIO = 1.5

FEWEST_VOXELS = 50
_MOST_VOXELS = 200_000


def contrast_warnings(
    path: str,
    medians: Mapping[str, float],
    known: Sequence[str],
    expected: Expectations,
    stated: str | None = None,
) -> tuple[str, ...]:
    """Return sentences for the user where a scan's name or contrast is none that a model knows.

    A scan for a model of several contrasts must look like the contrast that is `stated`, or else
    like what its own name says. Of a contrast that nothing is expected of only the name is
    compared.

    Args:
        path: of the scan.
        medians: `substance_medians` of its labels.
        known: contrasts that the model labels.
        expected: of the model's labels.
        stated: what the user says the scan shows.
    """
    warnings = []
    named = named_contrast(path)
    if named is not None and named.lower() not in map(str.lower, known):
        warnings.append(
            f"its name says {named}, and the model is for {', '.join(known)}: check the labels"
        )
    if len(known) == 1:
        asked, source = known[0], "the model is for"
    else:
        asked, source = (stated, "you say it is") if stated else (named or "", "its name says")
    wrong = [
        f"{darker} ({medians[darker]:.4g}) is not darker than {brighter} ({medians[brighter]:.4g})"
        for darker, brighter in expected.dark_to_bright.get(asked, ())
        if darker in medians and brighter in medians and medians[darker] >= medians[brighter]
    ]
    if wrong:
        warnings.append(
            f"it does not look like a {asked} scan, which {source}, since in it "
            f"{' and '.join(wrong)}: check the labels"
        )
    return tuple(warnings)


def looks_skull_stripped(
    data: Float32[np.ndarray, "x y z"], labels: UInt8[np.ndarray, "x y z"]
) -> bool:
    """Return whether hardly anything but the labelled tissues is there.

    It is so when the voxels that differ from the volume's lowest intensity are at most
    `STRIPPED_RATIO` times those with a label; a whole head has about three times as many, and a
    noisy background counts as well.
    """
    there = int(np.count_nonzero(data != data.min()))
    return there <= STRIPPED_RATIO * int(np.count_nonzero(labels))


def substance_medians(
    data: Float32[np.ndarray, "x y z"], labels: UInt8[np.ndarray, "x y z"], expected: Expectations
) -> Mapping[str, float]:
    """Return the median intensity of each of `expected.substances`, as far as it was found."""
    found = {}
    for name, candidates in expected.substances.items():
        for label in candidates:
            values = _values(data, labels == label)
            if values.size >= FEWEST_VOXELS:
                found[name] = float(np.median(values))
                break
    return found


def _values(data: Float32[np.ndarray, "x y z"], mask: np.ndarray) -> Float32[np.ndarray, " voxels"]:
    values = data[mask]
    return values[:: 1 + values.size // _MOST_VOXELS]
