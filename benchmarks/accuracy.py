"""Dice of a model on labelled scans that it was not trained on, through the whole inference path.

    python benchmarks/accuracy.py --data=FOLDER --weights=FILE

FOLDER holds pairs ID_T1w.nii.gz and ID_dseg.nii.gz. Prints the Dice of each tissue for each scan
and their mean, after post-processing, and the mean of the six tissues without the fluid.
"""

import numpy as np
from absl import app, flags

from brainfcn_jax.datasets import find_subjects, load_subject
from brainfcn_jax.labels import ABBREVIATIONS
from brainfcn_jax.training_data import ValidationCase
from brainfcn_jax.validation import validation_dice
from brainfcn_jax.weights import load_model

_DATA = flags.DEFINE_string("data", None, "Folder with the pairs.", required=True)
_WEIGHTS = flags.DEFINE_multi_string(
    "weights", None, "Weight file; may be repeated.", required=True
)

FLUID = "CSF"


def show(name: str, dice: dict[str, float]) -> None:
    """One row of the table: each tissue, and the mean of all but the fluid."""
    six = np.mean([value for tissue, value in dice.items() if tissue != FLUID])
    cells = "".join(f"{dice[tissue]:8.3f}" for tissue in ABBREVIATIONS)
    print(f"{name:24}{cells}{six:8.3f}", flush=True)


def main(argv: list[str]) -> None:
    """Prints a table for each weight file."""
    del argv
    pairs = find_subjects(_DATA.value, "{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz")
    for path in _WEIGHTS.value:
        model = load_model(path)
        print(f"{path}\n{'scan':24}" + "".join(f"{a:>8}" for a in (*ABBREVIATIONS, "six")))
        rows = []
        for pair in pairs:
            case = ValidationCase(pair.name, *load_subject(pair, "tissues"))
            rows.append(dict(validation_dice(model, [case])))
            show(pair.name, rows[-1])
        show("mean", {a: float(np.mean([row[a] for row in rows])) for a in ABBREVIATIONS})


if __name__ == "__main__":
    app.run(main)
