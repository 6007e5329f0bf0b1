"""Dice of a model on labelled scans that it was not trained on, through the whole inference path.

    python benchmarks/accuracy.py --data=FOLDER --weights=FILE

FOLDER holds pairs ID_T1w.nii.gz and ID_dseg.nii.gz, or what --scan_pattern and --labels_pattern
say. Prints the Dice of each tissue for each scan and their mean, after post-processing, the mean of
the six tissues without the fluid, and that of all seven.
"""

import numpy as np
from absl import app, flags

from brainfcn_jax.labels import ABBREVIATIONS
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.training.subjects import find_subjects, load_subject
from brainfcn_jax.training.validation import ValidationCase, validation_dice

_DATA = flags.DEFINE_string("data", None, "Folder with the pairs.", required=True)
_WEIGHTS = flags.DEFINE_multi_string(
    "weights", None, "Weight file; may be repeated.", required=True
)
_SCAN_PATTERN = flags.DEFINE_string("scan_pattern", "{subject}_T1w.nii.gz", "Files of the scans.")
_LABELS_PATTERN = flags.DEFINE_string(
    "labels_pattern", "{subject}_dseg.nii.gz", "Files of the labels."
)
_VIEWS = flags.DEFINE_integer("views", 1, "Slice directions that a scan is seen from, 1 or 3.")
_SUBJECTS = flags.DEFINE_list("subjects", [], "Only these; all that are found when empty.")

FLUID = "CSF"


def show(name: str, dice: dict[str, float]) -> None:
    """One row of the table: each tissue, the mean of all but the fluid, and that of all."""
    six = np.mean([value for tissue, value in dice.items() if tissue != FLUID])
    cells = "".join(f"{dice[tissue]:8.3f}" for tissue in ABBREVIATIONS)
    seven = np.mean(list(dice.values()))
    print(f"{name:24}{cells}{six:8.3f}{seven:8.3f}", flush=True)


def main(argv: list[str]) -> None:
    """Prints a table for each weight file."""
    del argv
    pairs = find_subjects(
        _DATA.value, _SCAN_PATTERN.value, _LABELS_PATTERN.value, tuple(_SUBJECTS.value)
    )
    for path in _WEIGHTS.value:
        model = load_model(path)
        print(f"{path}\n{'scan':24}" + "".join(f"{a:>8}" for a in (*ABBREVIATIONS, "six", "seven")))
        rows = []
        for pair in pairs:
            case = ValidationCase(pair.name, *load_subject(pair, "tissues"))
            rows.append(dict(validation_dice(model, [case], _VIEWS.value)))
            show(pair.name, rows[-1])
        show("mean", {a: float(np.mean([row[a] for row in rows])) for a in ABBREVIATIONS})


if __name__ == "__main__":
    app.run(main)
