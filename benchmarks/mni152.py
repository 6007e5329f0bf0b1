"""A model's grey and white matter on the MNI152 template against nilearn's own maps of it.

    python benchmarks/mni152.py [--model=NAME | --weights=FILE]

The template and its maps, at 0.5, come with nilearn. CoGM and BGT together are compared with its
grey matter and WM with its white matter, as Dice, leaving out the voxels that the model calls BS or
CB. Ends with 1 when one is below 0.80.
"""

import numpy as np
from absl import app, flags

from brainfcn_jax.imaging.nifti import load_codes, load_scan
from brainfcn_jax.imaging.nilearn_files import demo_file, demo_scan
from brainfcn_jax.inference.brain import finder_for
from brainfcn_jax.inference.segmentation import segment_scan
from brainfcn_jax.labels import BGT, BS, CB, COGM, WM
from brainfcn_jax.measures.metrics import dice
from brainfcn_jax.network.model_file import load_tissue_model
from brainfcn_jax.network.shipped_models import DEFAULT_MODEL, SHIPPED_MODELS, find_model

_MODEL = flags.DEFINE_enum("model", DEFAULT_MODEL, list(SHIPPED_MODELS), "Shipped model.")
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file, instead of --model.")

ASKED = 0.80
HALF = 127.5
"""0.5 in the maps, which hold 0 to 255."""

COMPARED = {"CoGM + BGT": ("gm", (COGM, BGT)), "WM": ("wm", (WM,))}


def main(argv: list[str]) -> int:
    """Prints a Dice for each tissue map; 1 when one is too low."""
    del argv
    model = load_tissue_model(_WEIGHTS.value or str(find_model(_MODEL.value)))
    scan = load_scan(demo_scan())
    found = segment_scan(model, scan, finder=finder_for(model.description))
    compared = ~np.isin(found.labels, (BS, CB))
    scores = []
    for name, (image, tissues) in COMPARED.items():
        expected = load_codes(demo_file(image), scan) > HALF
        scores.append(dice(np.isin(found.labels, tissues) & compared, expected & compared))
        print(f"{name:12}{scores[-1]:.3f}  (asked: {ASKED:.2f})")
    print(f"seconds: {found.seconds}")
    return int(min(scores) < ASKED)


if __name__ == "__main__":
    app.run(main)
