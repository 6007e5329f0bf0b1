"""The scans whose labelling is timed, as files.

    python benchmarks/benchmark_scans.py --folder=FOLDER [--labels=FOLDER] [--newborns=FOLDER]

Writes NAME.nii.gz for each scan that can be made and is not there yet, and prints its path:

* brain_240x240x48: the demo's scan, without a skull, on the grid of the paper's EXP4;
* head_240x240x48, head_256x256x256: a generated adult head (T1w, of training_seg_17 in --labels,
  SynthSeg's folder), on that grid and at 1 mm;
* newborn_512x512x110: a generated newborn head (T2w, of dhcp40w_dseg in --newborns, its face from
  --labels), on the grid of EXP3.
"""

import gzip
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from arguments import Flags
from jaxtyping import Float32

from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.imaging.nifti_writing import nifti_bytes
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.imaging.resampling import centred_line, resample
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.synthesis.generator import Generator, load_generator
from brainfcn_jax.synthesis.known_maps import HELD_OUT
from brainfcn_jax.synthesis.recipes import Recipe, adult_recipe, newborn_recipe

Volume = Float32[np.ndarray, "x y z"]
Spacing = tuple[float, float, float]

HEAD, NEWBORN = HELD_OUT[0], "dhcp40w_dseg"
FULL, FULL_MM = (256, 256, 256), (1.0, 1.0, 1.0)
EXP4 = (240, 240, 48), (0.96, 0.96, 3.0)
EXP3 = (512, 512, 110), (0.35, 0.35, 1.2)
NEWBORN_SHAPE = (165, 224, 224)
"""Slices, rows and columns at 0.8 mm that cover EXP3's grid."""

HIGHEST = 4095


def on_grid(volume: Volume, spacing_mm: Spacing, size: tuple[int, ...], new_mm: Spacing) -> Volume:
    """Return the volume on another grid with the same middle."""
    source = [centred_line(n, mm) for n, mm in zip(volume.shape, spacing_mm, strict=True)]
    target = [centred_line(n, mm) for n, mm in zip(size, new_mm, strict=True)]
    return resample(volume, (source[0], source[1], source[2]), (target[0], target[1], target[2]))


def whole_heads(recipe: Recipe) -> Recipe:
    """Return heads of likely contrast with skull and face, not cut by the field of view."""
    view = replace(recipe.view, stripped_fraction=0.0, defaced_fraction=0.0, cut_fraction=0.0)
    return replace(recipe, view=view, contrasts=replace(recipe.contrasts, wild_fraction=0.0))


def demo(asked: Namespace) -> tuple[Volume, Spacing]:
    """Return the demo's scan."""
    scan = load_scan(demo_scan())
    return scan.data, scan.spacing_mm


def adult(asked: Namespace) -> tuple[Volume, Spacing]:
    """Return an adult's whole head."""
    recipe = whole_heads(adult_recipe(FULL))
    return _drawn(load_generator("adult", asked.labels, names=[HEAD], recipe=recipe), asked.seed)


def newborn(asked: Namespace) -> tuple[Volume, Spacing]:
    """Return a newborn's whole head."""
    recipe = whole_heads(newborn_recipe(NEWBORN_SHAPE))
    maps, heads = asked.newborns, asked.labels
    return _drawn(load_generator("newborn", maps, "axial", heads, [NEWBORN], recipe), asked.seed)


def _drawn(generator: Generator, seed: int) -> tuple[Volume, Spacing]:
    image = np.moveaxis(generator.example(seed, 0).image, 0, 2)
    return np.ascontiguousarray(image), (generator.recipe.spacing_mm,) * 3


def write_scan(path: Path, image: Volume, spacing_mm: Spacing) -> None:
    """Write as scanners store it: compressed whole numbers (kept as float32)."""
    whole = np.rint(np.clip(image / image.max(), 0, 1) * HIGHEST).astype(np.float32)
    with new_file(path, overwrite=True) as temporary:
        temporary.write_bytes(gzip.compress(nifti_bytes(whole, spacing_mm), 1))


def main(arguments: Sequence[str]) -> None:
    """Make what is missing."""
    flags = Flags(__doc__)
    flags.add_argument("--folder", required=True, help="Where the scans go.")
    flags.add_argument("--labels", help="SynthSeg's label maps and T1 priors.")
    flags.add_argument("--newborns", help="Newborns' tissue maps.")
    flags.number("seed", 17, "Decides what is drawn.", 0)
    asked = flags.parse_args(arguments)
    makers = {"brain_240x240x48": (demo, *EXP4)}
    if asked.labels:
        makers |= {"head_240x240x48": (adult, *EXP4), "head_256x256x256": (adult, FULL, FULL_MM)}
    if asked.newborns:
        makers["newborn_512x512x110"] = (newborn, *EXP3)
    folder = Path(asked.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (make, size, spacing_mm) in makers.items():
        path = folder / f"{name}.nii.gz"
        if not path.exists():
            write_scan(path, on_grid(*make(asked), size, spacing_mm), spacing_mm)
        print(path, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
