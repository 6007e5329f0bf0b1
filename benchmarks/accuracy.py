"""Dice of a model on labelled scans that it was not trained on, through the whole inference path.

    python benchmarks/accuracy.py --data=FOLDER [--model=NAME | --weights=FILE] [--views=3]

FOLDER holds pairs ID_T1w.nii.gz and ID_dseg.nii.gz, or what --scan_pattern and --labels_pattern
say. Prints the Dice of each tissue for each scan and their mean, after post-processing, the mean of
the six tissues without the fluid, and that of all seven. --weights may be repeated.
"""

import sys
from collections.abc import Sequence

from arguments import Flags
from harness import LABELS, SIX, Table, cases, mean, mean_dice, open_model, scored


def main(arguments: Sequence[str]) -> None:
    """Print a row for each scan and their mean, in a table for each weight file."""
    flags = Flags(__doc__)
    flags.model(several=True)
    flags.pairs()
    asked = flags.parse_args(arguments)
    for weights in asked.weights or [None]:
        model, rows = open_model(asked.model, weights), []
        print(weights or asked.model)
        table = Table("scan", [*LABELS, "six", "seven"])
        for case in cases(asked):
            rows.append(scored(model, [case], asked.views))
            show(table, case.name, rows[-1])
        show(table, "mean", mean_dice(rows))


def show(table: Table, name: str, found: dict[str, float]) -> None:
    """Print each tissue, the mean of all but the fluid, and that of all."""
    six, seven = mean(found[tissue] for tissue in SIX), mean(found.values())
    table.row(name, [*found.values(), six, seven])


if __name__ == "__main__":
    main(sys.argv[1:])
