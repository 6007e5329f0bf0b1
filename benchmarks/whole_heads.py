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

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import app, flags
from outside_brain import outside_brain

from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.nifti import load_labels, load_scan
from brainfcn_jax.inference.brain import finder_for
from brainfcn_jax.inference.segmented_scan import analyse_scan
from brainfcn_jax.network.model_file import load_model, load_tissue_model
from brainfcn_jax.network.shipped_models import DEFAULT_MODEL, SHIPPED_MODELS, find_model
from brainfcn_jax.synthesis.examples import save_sheet

_HEADS = flags.DEFINE_string("heads", None, "Folder of the heads and masks.", required=True)
_MODEL = flags.DEFINE_enum("model", DEFAULT_MODEL, list(SHIPPED_MODELS), "Shipped model.")
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file, instead of --model.")
_VIEWS = flags.DEFINE_integer("views", 1, "Slice directions that a scan is seen from, 1 or 3.")
_PICTURE = flags.DEFINE_string("picture", None, "PNG file to draw the heads in.")
_FINDER = flags.DEFINE_bool("finder", True, "Find the brain first, where the model wants it.")
_FINDER_WEIGHTS = flags.DEFINE_string("finder_weights", None, "Instead of those that ship.")

MOST_TISSUE, MOST_LABELLED, MOST_MISSING = 0.003, 0.02, 0.037
SCAN, MASK = "_T1w.nii.gz", "_brainmask.nii.gz"


def main(argv: list[str]) -> int:
    """Prints a row for each head; 1 where one is not as asked."""
    model = load_tissue_model(_WEIGHTS.value or str(find_model(_MODEL.value)))
    finder = finder_for(model.description) if _FINDER.value else None
    if finder is not None and _FINDER_WEIGHTS.value:
        finder = replace(finder, params=load_model(_FINDER_WEIGHTS.value).params)
    masks = {path.name.removesuffix(MASK): path for path in Path(_HEADS.value).rglob(f"*{MASK}")}
    shares = ("tissue", "labelled", "missing", "tissue_below", "labelled_below")
    print(f"{'head':8}" + "".join(f"{name:>15}" for name in (*shares, "mm below", "s")), "verdict")
    amiss, drawn = False, []
    for subject in argv[1:] or sorted(masks):
        path = masks[subject]
        scan = load_scan(path.with_name(subject + SCAN))
        mask = load_labels(path, like=scan) > 0
        start = time.perf_counter()
        found = analyse_scan(model, scan, finder=finder, views=_VIEWS.value)
        seconds = time.perf_counter() - start
        labels = found.segmentation.labels
        outside = outside_brain(labels, mask, scan.spacing_mm)
        flagged = ", ".join(flag.name for flag in found.quality.flags)
        cells = "".join(f"{getattr(outside, name):15.2%}" for name in shares)
        cells += f"{outside.below_mm:15.0f}{seconds:15.1f}"
        print(f"{subject:8}{cells} {found.quality.verdict} {flagged}", flush=True)
        kept = outside.tissue <= MOST_TISSUE and outside.labelled <= MOST_LABELLED
        kept &= outside.missing <= MOST_MISSING
        amiss |= not kept or found.quality.verdict != "PASS"
        image = equalise_volume(np.moveaxis(scan.data, 2, 0), "head")
        drawn.append((image, np.moveaxis(labels, 2, 0), subject))
    if _PICTURE.value:
        save_sheet(Path(_PICTURE.value), drawn)
    return int(amiss)


if __name__ == "__main__":
    app.run(main)
