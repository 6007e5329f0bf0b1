"""Dice of a model on labelled scans that it was not trained on, through the whole inference path.

    python benchmarks/accuracy.py --data=FOLDER [--model=NAME | --weights=FILE] [--views=3]

FOLDER holds pairs ID_T1w.nii.gz and ID_dseg.nii.gz, or what --scan_pattern and --labels_pattern
say. Prints the Dice of each tissue for each scan and their mean, after post-processing, the mean of
the six tissues without the fluid, and that of all seven.
"""

import sys
from collections.abc import Sequence

from arguments import Flags
from harness import LABELS, SIX, Table, cases, mean, mean_dice, open_model, scored


def main(arguments: Sequence[str]) -> None:
    """Print a row for each scan and their mean."""
    flags = Flags(__doc__)
    flags.model()
    flags.pairs()
    asked = flags.parse_args(arguments)
    model = open_model(asked.model, asked.weights)
    print(asked.weights or asked.model)
    table = Table("scan", [*LABELS, "six", "seven"])
    rows: dict[str, dict[str, float]] = {}
    for case in cases(asked):
        rows[case.name] = scored(model, [case], asked.views)
        show(table, case.name, rows[case.name])
    show(table, "mean", mean_dice(list(rows.values())))


def show(table: Table, name: str, found: dict[str, float]) -> None:
    """Print each tissue, the mean of all but the fluid, and that of all."""
    six, seven = mean(found[tissue] for tissue in SIX), mean(found.values())
    table.row(name, [*found.values(), six, seven])


if __name__ == "__main__":
    main(sys.argv[1:])
