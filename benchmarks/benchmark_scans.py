"""The scans whose labelling is timed, as files, and what the network sees of each.

    python benchmarks/benchmark_scans.py --folder=FOLDER [--labels=FOLDER] [--newborns=FOLDER]

Writes NAME.nii.gz and NAME.json (size, voxel size, the box around the head, and the network's grid)
for each scan that can be made and is not there yet:

* brain_240x240x48: the demo's scan, without a skull, on the grid of the paper's EXP4;
* head_240x240x48, head_256x256x256: a generated adult head (T1w, of training_seg_17 in --labels,
  SynthSeg's folder), on that grid and at 1 mm;
* newborn_512x512x110: a generated newborn head (T2w, of dhcp40w_dseg in --newborns, its face from
  --labels), on the grid of EXP3; without --newborns, the adult head shrunk to 70%.
"""

import gzip
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import app, flags
from jaxtyping import Float32

from brainfcn_jax.imaging.boxes import parts
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.imaging.nifti_writing import nifti_bytes
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.imaging.resampling import centred_line, resample
from brainfcn_jax.inference.brain import find_brain, finder_for
from brainfcn_jax.inference.network_input import prepare
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.network.shipped_models import find_model
from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.synthesis.generator import Generator, load_generator
from brainfcn_jax.synthesis.recipes import Recipe, adult_recipe, newborn_recipe

_FOLDER = flags.DEFINE_string("folder", None, "Where the scans go.", required=True)
_LABELS = flags.DEFINE_string("labels", None, "SynthSeg's label maps and T1 priors.")
_NEWBORNS = flags.DEFINE_string("newborns", None, "Newborns' tissue maps.")
_SEED = flags.DEFINE_integer("seed", 17, "Decides what is drawn.", 0)

Volume = Float32[np.ndarray, "x y z"]
Spacing = tuple[float, float, float]

HEAD, NEWBORN = "training_seg_17", "dhcp40w_dseg"
FULL = (256, 256, 256)
EXP4_SIZE, EXP4_MM = (240, 240, 48), (0.96, 0.96, 3.0)
EXP3_SIZE, EXP3_MM = (512, 512, 110), (0.35, 0.35, 1.2)
NEWBORN_SHAPE = (165, 224, 224)
"""Slices, rows and columns at 0.8 mm that cover EXP3's grid."""

SHRUNK = 0.7
HIGHEST = 4095


def on_grid(volume: Volume, spacing_mm: Spacing, size: tuple[int, ...], new_mm: Spacing) -> Volume:
    """The volume on another grid with the same middle."""
    source = [centred_line(n, mm) for n, mm in zip(volume.shape, spacing_mm, strict=True)]
    target = [centred_line(n, mm) for n, mm in zip(size, new_mm, strict=True)]
    return resample(volume, (source[0], source[1], source[2]), (target[0], target[1], target[2]))


def whole_heads(recipe: Recipe) -> Recipe:
    """Heads of likely contrast with skull and face, not cut by the field of view."""
    view = replace(recipe.view, stripped_fraction=0.0, defaced_fraction=0.0, cut_fraction=0.0)
    return replace(recipe, view=view, contrasts=replace(recipe.contrasts, wild_fraction=0.0))


def drawn(generator: Generator) -> Volume:
    """A generated image with canonical axes."""
    image = generator.example(_SEED.value, 0).image
    return np.ascontiguousarray(np.moveaxis(image, 0, SLICE_AXES["axial"]))


def adult_head() -> tuple[Volume, Spacing]:
    """A whole head at 1 mm."""
    recipe = whole_heads(adult_recipe(FULL))
    return drawn(load_generator("adult", _LABELS.value, names=[HEAD], recipe=recipe)), (1, 1, 1)


def newborn_head() -> tuple[Volume, Spacing]:
    """A newborn's whole head on the grid of EXP3."""
    if not _NEWBORNS.value:
        image, spacing_mm = adult_head()
        shrunk_mm = tuple(SHRUNK * mm for mm in spacing_mm)
        return on_grid(image, shrunk_mm, EXP3_SIZE, EXP3_MM), EXP3_MM
    recipe = whole_heads(newborn_recipe(NEWBORN_SHAPE))
    maps, heads = _NEWBORNS.value, _LABELS.value
    generator = load_generator("newborn", maps, "axial", heads, [NEWBORN], recipe)
    image = drawn(generator)
    return on_grid(image, (recipe.spacing_mm,) * 3, EXP3_SIZE, EXP3_MM), EXP3_MM


def brain_on_exp4() -> tuple[Volume, Spacing]:
    """The demo's scan on the grid of EXP4."""
    scan = load_scan(demo_scan())
    return on_grid(scan.data, scan.spacing_mm, EXP4_SIZE, EXP4_MM), EXP4_MM


def head_on_exp4() -> tuple[Volume, Spacing]:
    """The adult head on the grid of EXP4."""
    image, spacing_mm = adult_head()
    return on_grid(image, spacing_mm, EXP4_SIZE, EXP4_MM), EXP4_MM


def recipes() -> dict[str, tuple[str, Callable[[], tuple[Volume, Spacing]]]]:
    """Name -> model and maker of every scan that can be made."""
    found = {"brain_240x240x48": ("adult_t1w", brain_on_exp4)}
    if _LABELS.value:
        found["head_240x240x48"] = ("adult_t1w", head_on_exp4)
        found["head_256x256x256"] = ("adult_t1w", adult_head)
    if _LABELS.value or _NEWBORNS.value:
        found["newborn_512x512x110"] = ("neonate_t2w", newborn_head)
    return found


def write_scan(path: Path, image: Volume, spacing_mm: Spacing) -> None:
    """As scanners store it: compressed whole numbers (kept as float32)."""
    whole = np.rint(np.clip(image / image.max(), 0, 1) * HIGHEST).astype(np.float32)
    with new_file(path, overwrite=True) as temporary:
        temporary.write_bytes(gzip.compress(nifti_bytes(whole, spacing_mm), 1))


def description(path: Path, model: str) -> dict[str, object]:
    """Sizes, slices first where the network sees them."""
    scan = load_scan(path)
    described = load_model(find_model(model)).description
    finder = finder_for(described)
    prepared = prepare(scan, described, None if finder is None else find_brain(finder, scan))
    box = [line.size for line in parts(prepared.scan_grid, prepared.scan_box)]
    share = np.prod(box) / scan.data.size
    return {
        "model": model,
        "size": list(scan.data.shape),
        "spacing_mm": [round(mm, 4) for mm in scan.spacing_mm],
        "box_slices_first": box,
        "box_share_of_voxels": round(float(share), 3),
        "network_grid_slices_first": list(prepared.inside.shape),
        "resampled": prepared.resampled,
    }


def main(argv: list[str]) -> None:
    """Makes what is missing."""
    del argv
    folder = Path(_FOLDER.value)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (model, make) in recipes().items():
        path, described = folder / f"{name}.nii.gz", folder / f"{name}.json"
        if not path.exists():
            write_scan(path, *make())
        if not described.exists():
            described.write_text(json.dumps(description(path, model)))
        print(f"{path}: {described.read_text()}", flush=True)


if __name__ == "__main__":
    app.run(main)
