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

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import harness
import numpy as np
from arguments import Flags

from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.synthesis import known_maps

ALLOWED_LOSS, BRIGHT = 0.01, 98

Mapped = Callable[[harness.Volume], harness.Volume]


def lines(*points: tuple[float, float]) -> Mapped:
    """Map by straight lines between points (from, to)."""
    places, values = zip(*points, strict=True)
    return lambda volume: np.interp(volume, places, values).astype(np.float32)


@dataclass(frozen=True)
class Heads:
    """Labelled scans, the models for them, and other contrasts for them.

    `specialised` is the model of their own contrast; of the tissues `counted` a mean is `asked`.
    """

    specialised: str
    model: str
    patterns: tuple[str, str]
    subjects: tuple[str, ...]
    counted: tuple[str, ...]
    asked: float
    mappings: Mapping[str, Mapped]


# Fluid lies near .25 in these scans, cortex near .55, basal ganglia near .73, white matter .91.
_ADULT_MAPPINGS: dict[str, Mapped] = {
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
_NEWBORN_MAPPINGS: dict[str, Mapped] = {
    "T1w-like": lines((0.0, 0.9), (0.3, 0.85), (0.5, 0.75), (0.7, 0.55), (0.95, 0.2), (1.2, 0.15))
}
HEADS = {
    "adult": Heads(
        "adult_t1w",
        "adult_any",
        ("{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz"),
        (),
        harness.SIX,
        0.84,
        _ADULT_MAPPINGS,
    ),
    "newborn": Heads(
        "neonate_t2w",
        "neonate_any",
        ("fetal_SB_atlas_{subject}_T2w.nii.gz", "fetal_SB_atlas_{subject}_dseg.nii.gz"),
        known_maps.HELD_OUT_FETUSES,
        tuple(harness.LABELS),
        0.87,
        _NEWBORN_MAPPINGS,
    ),
}


def remapped(case: harness.Case, mapping: Mapped) -> harness.Case:
    """Return the same head in another contrast."""
    data = case.scan.data
    there = data > 0
    scaled = np.where(there, data / np.percentile(data[there], BRIGHT), 0).astype(np.float32)
    changed = np.where(there, mapping(scaled), 0).astype(np.float32)
    return replace(case, scan=replace(case.scan, data=changed))


def main(arguments: Sequence[str]) -> int:
    """Print a row for each contrast; return 1 where it falls short."""
    flags = Flags(__doc__)
    flags.pairs()
    flags.model()
    flags.add_argument("--kind", choices=tuple(HEADS), default="adult", help="Whose heads.")
    flags.set_defaults(model=None, scan_pattern=None, labels_pattern=None)
    asked = flags.parse_args(arguments)
    heads = HEADS[asked.kind]
    asked.scan_pattern = asked.scan_pattern or heads.patterns[0]
    asked.labels_pattern = asked.labels_pattern or heads.patterns[1]
    asked.subjects = asked.subjects or heads.subjects
    found = list(harness.cases(asked))
    table = harness.Table("", [*harness.LABELS, "mean"])

    def shown(name: str, model: Segmenter, changed: Sequence[harness.Case]) -> float:
        means = harness.scored(model, changed, asked.views)
        counted = harness.mean(means[tissue] for tissue in heads.counted)
        table.row(name, [*means.values(), counted])
        return counted

    specialised = shown(heads.specialised, harness.open_model(heads.specialised), found)
    model = harness.open_model(asked.model or heads.model, asked.weights)
    missed = []
    if shown("as they are", model, found) < specialised - ALLOWED_LOSS:
        missed.append("as they are")
    for name, mapping in heads.mappings.items():
        if shown(name, model, [remapped(case, mapping) for case in found]) < heads.asked:
            missed.append(name)
    return harness.exit_code(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
