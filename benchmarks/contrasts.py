"""Dice of a model on labelled scans whose contrast is remapped in fixed ways.

    python benchmarks/contrasts.py --data=FOLDER [--weights=FILE] [--subjects=1007,1036] [--views=3]
    python benchmarks/contrasts.py --kind=newborn --data=FOLDER

FOLDER holds adults' pairs ID_T1w.nii.gz and ID_dseg.nii.gz, or the fetal T2w templates of the
spina bifida atlas, of which the two that no model is trained on are taken. An intensity is divided
by the 98th percentile of those above 0, about that of the brightest tissue, and mapped by straight
lines between the points of `ADULT` or `NEWBORN`; 0 stays 0. Nothing is ever trained on these
mappings. Prints for the scans as they are and for each mapping the Dice of each tissue and the
mean of those that count (adults' fluid does not), and before them that of the model of the scans'
own contrast. Ends with 1 where a mapping is below .84 (newborns: .87) or the scans as they are
more than .01 below that model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from absl import app, flags
from jaxtyping import Float32

from brainfcn_jax.labels import ABBREVIATIONS
from brainfcn_jax.network.model_file import Model, load_tissue_model
from brainfcn_jax.network.shipped_models import ANY_MODEL, DEFAULT_MODEL, find_model
from brainfcn_jax.training.subjects import find_subjects, load_subject
from brainfcn_jax.training.validation import ValidationCase, validation_dice

_KIND = flags.DEFINE_enum("kind", "adult", ["adult", "newborn"], "Whose heads.")
_DATA = flags.DEFINE_string("data", None, "Folder with the pairs.", required=True)
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file, instead of the one that ships.")
_SUBJECTS = flags.DEFINE_list("subjects", [], "Only these; else all adults, held-out weeks.")
_VIEWS = flags.DEFINE_integer("views", 1, "Slice directions that a scan is seen from, 1 or 3.")

ALLOWED_LOSS, BRIGHT = 0.01, 98

Volume = Float32[np.ndarray, "x y z"]


def lines(*points: tuple[float, float]) -> Callable[[Volume], Volume]:
    """Straight lines between points (from, to)."""
    places, values = zip(*points, strict=True)
    return lambda volume: np.interp(volume, places, values).astype(np.float32)


@dataclass(frozen=True)
class Heads:
    """Labelled scans, the models for them, and other contrasts for them.

    Attributes:
        specialised: the model of their own contrast.
        model: that of any contrast.
        patterns: their files.
        subjects: who is taken unless others are asked for; all when empty.
        counted: the tissues whose mean is asked for.
        asked: that mean in each mapping.
        mappings: a contrast's name and what makes it.
    """

    specialised: str
    model: str
    patterns: tuple[str, str]
    subjects: tuple[str, ...]
    counted: tuple[str, ...]
    asked: float
    mappings: Mapping[str, Callable[[Volume], Volume]]


# Fluid lies near .25 in these scans, cortex near .55, basal ganglia near .73, white matter .91.
_ADULT_MAPPINGS = {
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
# In fetal T2w templates cortex lies near .5, white matter near .7, fluid near .95.
_NEWBORN_MAPPINGS = {
    "T1w-like": lines((0.0, 0.9), (0.3, 0.85), (0.5, 0.75), (0.7, 0.55), (0.95, 0.2), (1.2, 0.15))
}
HEADS = {
    "adult": Heads(
        DEFAULT_MODEL,
        ANY_MODEL,
        ("{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz"),
        (),
        tuple(a for a in ABBREVIATIONS if a != "CSF"),
        0.84,
        _ADULT_MAPPINGS,
    ),
    "newborn": Heads(
        "neonate_t2w",
        "neonate_any",
        ("fetal_SB_atlas_{subject}_T2w.nii.gz", "fetal_SB_atlas_{subject}_dseg.nii.gz"),
        ("GA31_operated", "GA33_operated"),
        tuple(ABBREVIATIONS),
        0.87,
        _NEWBORN_MAPPINGS,
    ),
}


def remapped(case: ValidationCase, mapping: Callable[[Volume], Volume]) -> ValidationCase:
    """The same head in another contrast."""
    data = case.scan.data
    there = data > 0
    scaled = np.where(there, data / np.percentile(data[there], BRIGHT), 0).astype(np.float32)
    changed = np.where(there, mapping(scaled), 0).astype(np.float32)
    return replace(case, scan=replace(case.scan, data=changed))


def show(name: str, model: Model, cases: list[ValidationCase], counted: tuple[str, ...]) -> float:
    """Prints a row, means over the cases; gives the mean of the tissues that count."""
    found = validation_dice(model, cases, _VIEWS.value)
    mean = float(np.mean([found[tissue] for tissue in counted]))
    print(
        f"{name:24}" + "".join(f"{found[a]:8.3f}" for a in ABBREVIATIONS) + f"{mean:8.3f}",
        flush=True,
    )
    return mean


def main(argv: list[str]) -> int:
    """Prints the table; 1 where it falls short."""
    del argv
    heads = HEADS[_KIND.value]
    pairs = find_subjects(_DATA.value, *heads.patterns, tuple(_SUBJECTS.value) or heads.subjects)
    cases = [ValidationCase(pair.name, *load_subject(pair)) for pair in pairs]
    model = load_tissue_model(_WEIGHTS.value or str(find_model(heads.model)))
    specialised = load_tissue_model(str(find_model(heads.specialised)))
    print(f"{'':24}" + "".join(f"{a:>8}" for a in (*ABBREVIATIONS, "mean")))
    least = show(heads.specialised, specialised, cases, heads.counted) - ALLOWED_LOSS
    as_they_are = show("as they are", model, cases, heads.counted)
    means = [
        show(name, model, [remapped(case, mapping) for case in cases], heads.counted)
        for name, mapping in heads.mappings.items()
    ]
    return int(min(means) < heads.asked or as_they_are < least)


if __name__ == "__main__":
    app.run(main)
