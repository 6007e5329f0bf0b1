"""A model's grey and white matter on the MNI152 template against nilearn's own maps of it.

    python benchmarks/mni152.py [--model=NAME | --weights=FILE]

The template and its maps, at 0.5, come with nilearn. CoGM and BGT together are compared with its
grey matter and WM with its white matter, as Dice, leaving out the voxels that the model calls BS or
CB. Ends with 1 when one is below 0.80.
"""

import sys
from collections.abc import Sequence

import numpy as np
from arguments import Flags
from harness import LABELS, Table, exit_code, open_model, segmented

from brainfcn_jax.imaging.nifti import load_codes, load_scan
from brainfcn_jax.imaging.nilearn_files import demo_file, demo_scan
from brainfcn_jax.measures.metrics import dice

ASKED = 0.80
HALF = 127.5
"""0.5 in the maps, which hold 0 to 255."""

COMPARED = {"gm": ("CoGM", "BGT"), "wm": ("WM",)}


def main(arguments: Sequence[str]) -> int:
    """Print a Dice for each tissue map; return 1 when one is too low."""
    flags = Flags(__doc__)
    flags.model()
    asked = flags.parse_args(arguments)
    scan = load_scan(demo_scan())
    model = open_model(asked.model, asked.weights)
    found = segmented(model, scan, asked.views)
    compared = ~np.isin(found.canonical_labels, [LABELS["BS"], LABELS["CB"]])
    table, scores = Table("tissue", ["Dice"]), {}
    for image, tissues in COMPARED.items():
        expected = load_codes(demo_file(image), scan) > HALF
        ours = np.isin(found.canonical_labels, [LABELS[tissue] for tissue in tissues])
        name = " + ".join(tissues)
        scores[name] = dice(ours & compared, expected & compared)
        table.row(name, [scores[name]], f"(asked: {ASKED:.2f})")
    print(f"seconds: {found.seconds}")
    return exit_code([name for name, score in scores.items() if score < ASKED])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
