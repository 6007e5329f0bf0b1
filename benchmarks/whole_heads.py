"""What a model labels outside the brain on real whole heads.

    python benchmarks/whole_heads.py --heads=FOLDER [--model=NAME | --weights=FILE] [SUBJECT ...]

FOLDER holds `SUBJECT_T1w.nii.gz` and `SUBJECT_brainmask.nii.gz`, the brain and its inner fluid on
the same grid, in itself or in folders of its own; without subjects, all that have both are taken.
Prints for each head, as shares of the brain mask's volume: tissues other than extracerebral fluid
more than 4 mm outside the mask, any label more than 4 mm outside, and brain without a label; what
of the first two is in slices below the mask's lowest one, where a mask that was cut lacks brain
that the scan still shows; the mm that labels reach below it; the seconds that labelling took; and
the verdict with its flags. With --picture the heads and their labels are drawn. --finder_weights
finds the brain with another file, of a training without these heads for instance; --nofinder labels
without finding it first, to see what the verdict says of labels outside the brain.
Ends with 1 where a head has more than 0.3 %, 2 % or 3.7 % of the first three, or no PASS.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from arguments import Flags
from harness import Sheet, Table, exit_code, open_model, outside_brain, segmented, verdict

from brainfcn_jax.imaging.nifti import load_labels, load_scan

MOST = {"tissue": 0.003, "labelled": 0.02, "missing": 0.037}
SHARES = (*MOST, "tissue_below", "labelled_below")
SCAN, MASK = "_T1w.nii.gz", "_brainmask.nii.gz"


def main(arguments: Sequence[str]) -> int:
    """Print a row for each head; return 1 where one is not as asked."""
    flags = Flags(__doc__)
    flags.model()
    flags.picture()
    flags.add_argument("--heads", required=True, help="Folder of the heads and masks.")
    flags.add_argument("--nofinder", action="store_true", help="Label without finding the brain.")
    flags.add_argument("--finder_weights", help="Weights of the finder, for those that ship.")
    flags.add_argument("subjects", nargs="*")
    asked = flags.parse_args(arguments)
    model = open_model(asked.model, asked.weights, not asked.nofinder, asked.finder_weights)
    masks = {path.name.removesuffix(MASK): path for path in Path(asked.heads).rglob(f"*{MASK}")}
    table = Table("head", [*SHARES, "mm below", "s"], "verdict")
    missed, sheet = [], Sheet(asked.picture)
    for subject in asked.subjects or sorted(masks):
        scan = load_scan(masks[subject].with_name(subject + SCAN))
        mask = load_labels(masks[subject], like=scan) > 0
        start = time.perf_counter()
        found = segmented(model, scan, asked.views)
        seconds = time.perf_counter() - start
        labels = found.canonical_labels
        outside = outside_brain(labels, mask, scan.spacing_mm)._asdict()
        cells = [f"{outside[name]:.2%}" for name in SHARES]
        cells += [f"{outside['below_mm']:.0f}", f"{seconds:.1f}"]
        table.row(subject, cells, verdict(found))
        too_much = any(outside[name] > most for name, most in MOST.items())
        if too_much or found.quality.verdict != "PASS":
            missed.append(subject)
        sheet.add(scan.data, labels, subject)
    sheet.save()
    return exit_code(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
