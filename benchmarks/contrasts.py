"""Dice of a model on labelled T1w scans whose contrast is remapped in five fixed ways.

    python benchmarks/contrasts.py --data=FOLDER [--weights=FILE] [--subjects=1007,1036]

FOLDER holds pairs ID_T1w.nii.gz and ID_dseg.nii.gz. An intensity is divided by the 98th percentile
of those above 0, about that of white matter, and mapped by straight lines between the points of
`MAPPINGS`; 0 stays 0. Nothing is ever trained on these mappings. Prints for the scans as they are
and for each mapping the Dice of each tissue, the mean of the six without the fluid, and for the
scans as they are that of the T1w model. Ends with 1 where a mapping is below .84 or the scans as
they are .01 below the T1w model.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from absl import app, flags
from jaxtyping import Float32

from brainfcn_jax.labels import ABBREVIATIONS
from brainfcn_jax.network.model_file import Model, load_tissue_model
from brainfcn_jax.network.shipped_models import ANY_MODEL, DEFAULT_MODEL, find_model
from brainfcn_jax.training.subjects import find_subjects, load_subject
from brainfcn_jax.training.validation import ValidationCase, validation_dice

_DATA = flags.DEFINE_string("data", None, "Folder with the pairs.", required=True)
_WEIGHTS = flags.DEFINE_string("weights", None, f"Weight file, instead of {ANY_MODEL}.")
_SUBJECTS = flags.DEFINE_list("subjects", [], "Only these; all that are found when empty.")

ASKED, ALLOWED_LOSS, FLUID, BRIGHT = 0.84, 0.01, "CSF", 98

Volume = Float32[np.ndarray, "x y z"]


def lines(*points: tuple[float, float]) -> Callable[[Volume], Volume]:
    """Straight lines between points (from, to)."""
    places, values = zip(*points, strict=True)
    return lambda volume: np.interp(volume, places, values).astype(np.float32)


# Fluid lies near .25 in these scans, cortex near .55, basal ganglia near .73, white matter .91.
MAPPINGS = {
    "inverted": lines((0.0, 1.25), (1.2, 0.05)),
    "T2-like": lines(
        (0.0, 1.05), (0.2, 1.0), (0.35, 0.85), (0.55, 0.55), (0.73, 0.42), (0.91, 0.33), (1.2, 0.25)
    ),
    "FLAIR-like": lines(
        (0.0, 0.05), (0.2, 0.08), (0.35, 0.35), (0.55, 0.9), (0.73, 0.82), (0.91, 0.7), (1.2, 0.6)
    ),
    "PD-like": lines(
        (0.0, 0.75), (0.2, 0.8), (0.35, 0.92), (0.55, 1.0), (0.73, 0.9), (0.91, 0.78), (1.2, 0.7)
    ),
    "gamma 0.5": np.sqrt,
}


def remapped(case: ValidationCase, mapping: Callable[[Volume], Volume]) -> ValidationCase:
    """The same head in another contrast."""
    data = case.scan.data
    there = data > 0
    scaled = np.where(there, data / np.percentile(data[there], BRIGHT), 0).astype(np.float32)
    changed = np.where(there, mapping(scaled), 0).astype(np.float32)
    return replace(case, scan=replace(case.scan, data=changed))


def show(name: str, model: Model, cases: list[ValidationCase]) -> float:
    """Prints a row, means over the cases; gives the mean of the six."""
    found = validation_dice(model, cases)
    six = float(np.mean([value for tissue, value in found.items() if tissue != FLUID]))
    print(
        f"{name:24}" + "".join(f"{found[a]:8.3f}" for a in ABBREVIATIONS) + f"{six:8.3f}",
        flush=True,
    )
    return six


def main(argv: list[str]) -> int:
    """Prints the table; 1 where it falls short."""
    del argv
    pairs = find_subjects(
        _DATA.value, "{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz", tuple(_SUBJECTS.value)
    )
    cases = [ValidationCase(pair.name, *load_subject(pair)) for pair in pairs]
    model = load_tissue_model(_WEIGHTS.value or str(find_model(ANY_MODEL)))
    print(f"{'':24}" + "".join(f"{a:>8}" for a in (*ABBREVIATIONS, "six")))
    specialised = show(DEFAULT_MODEL, load_tissue_model(str(find_model(DEFAULT_MODEL))), cases)
    as_they_are = show("as they are", model, cases)
    means = [
        show(name, model, [remapped(case, mapping) for case in cases])
        for name, mapping in MAPPINGS.items()
    ]
    return int(min(means) < ASKED or as_they_are < specialised - ALLOWED_LOSS)


if __name__ == "__main__":
    app.run(main)
