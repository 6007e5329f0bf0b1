"""Dice of a model on generated heads, whole and stripped of their skulls.

    python benchmarks/generated_heads.py --source=FOLDER [--model=NAME | --weights=FILE]
    python benchmarks/generated_heads.py --kind=newborn --source=FOLDER --heads=FOLDER ...
    python benchmarks/generated_heads.py --kind=newborn_t1w --source=FOLDER --heads=FOLDER ...

FOLDER holds the label maps: SynthSeg's for adults, of which those that no model is trained on are
used (training_seg_17 to 20); for newborns in T2w the 40-week map, in T1w the two fetal weeks that
no model is trained on. They give `--count` heads of likely contrasts. Each is labelled twice:
whole (some of them defaced), and with an imperfect brain mask. Prints the Dice of each tissue, the
mean of those that count (the fluid counts for newborns only), and what is labelled where the label
map holds no tissue, as a share of the brain's volume: all of it, and what is more than 2 mm away
from any tissue, so that no boundary counts.
Ends with 1 when adults' whole heads lose 0.03 or more against the stripped ones, when 2% or more
of the brain's volume are labelled outside it in all, or when the mean of newborns' whole heads is
below 0.85. With --picture the whole heads and their labels are drawn.
"""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from absl import app, flags
from jaxtyping import UInt8
from scipy import ndimage

from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.inference.brain import finder_for
from brainfcn_jax.inference.segmentation import segment_scan
from brainfcn_jax.labels import BACKGROUND, CSF, TISSUES
from brainfcn_jax.measures.metrics import dice
from brainfcn_jax.network.model_file import Model, load_tissue_model
from brainfcn_jax.network.shipped_models import (
    DEFAULT_MODEL,
    SHIPPED_MODELS,
    find_model,
)
from brainfcn_jax.synthesis.examples import save_example, save_sheet
from brainfcn_jax.synthesis.generator import Generator, load_generator
from brainfcn_jax.synthesis.label_maps import HELD_OUT, HELD_OUT_NEWBORNS
from brainfcn_jax.synthesis.recipes import NEWBORN_T1W, RECIPES, Kind, Recipe

_KIND = flags.DEFINE_enum("kind", "adult", ["adult", "newborn", "newborn_t1w"], "Whose heads.")
_SOURCE = flags.DEFINE_string("source", None, "Folder of the label maps.", required=True)
_HEADS = flags.DEFINE_string("heads", None, "Adults' label maps to grow newborn heads with.")
_COUNT = flags.DEFINE_integer("count", 8, "Heads.", lower_bound=1)
_SEED = flags.DEFINE_integer("seed", 1000, "Decides what is drawn.", lower_bound=0)
_MODEL = flags.DEFINE_enum("model", DEFAULT_MODEL, list(SHIPPED_MODELS), "Shipped model.")
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file, instead of --model.")
_PICTURE = flags.DEFINE_string("picture", None, "PNG file to draw the whole heads in.")

FAR_MM = 2.0
ALLOWED_LOSS, ALLOWED_OUTSIDE, ASKED_NEWBORN = 0.03, 0.02, 0.85
MAPS = {"adult": HELD_OUT, "newborn": ("dhcp40w_dseg",), "newborn_t1w": HELD_OUT_NEWBORNS}
VIEWS = {"whole": 0.0, "stripped": 1.0}


def generators(kind: str) -> dict[str, Generator]:
    """One generator for each view of the same heads."""
    people: Kind = "adult" if kind == "adult" else "newborn"
    recipe, names = RECIPES[people](), MAPS[kind]
    if kind == "newborn_t1w":
        contrasts = replace(
            recipe.contrasts, wild_fraction=0.0, sequence_fraction=1.0, sequences=NEWBORN_T1W
        )
        recipe = replace(recipe, contrasts=contrasts)
    return {
        view: load_generator(
            people, _SOURCE.value, "axial", _HEADS.value, names, viewed(recipe, stripped)
        )
        for view, stripped in VIEWS.items()
    }


def viewed(recipe: Recipe, stripped: float) -> Recipe:
    """Likely contrasts only, all heads stripped or none."""
    return replace(
        recipe,
        view=replace(recipe.view, stripped_fraction=stripped),
        contrasts=replace(recipe.contrasts, wild_fraction=0.0),
    )


def labelled(
    model: Model, image: np.ndarray, tissues: np.ndarray, spacing_mm: float
) -> UInt8[np.ndarray, "slice height width"]:
    """What the model finds, through a file and the whole inference path."""
    axis = SLICE_AXES["axial"]
    with TemporaryDirectory() as folder:
        canonical = [np.moveaxis(volume, 0, axis) for volume in (image, tissues)]
        path, _ = save_example(Path(folder) / "head", canonical[0], canonical[1], spacing_mm)
        return np.moveaxis(
            segment_scan(model, load_scan(path), finder=finder_for(model.description)).labels,
            axis,
            0,
        )


def outside_shares(
    found: np.ndarray, tissues: np.ndarray, spacing_mm: float
) -> tuple[float, float]:
    """Voxels labelled where there is no tissue, and those far from any, over the brain's own."""
    brain = int((~np.isin(tissues, (BACKGROUND, CSF))).sum())
    outside = (found != BACKGROUND) & (tissues == BACKGROUND)
    far = ndimage.distance_transform_edt(tissues == BACKGROUND) * spacing_mm > FAR_MM
    return float(outside.sum() / brain), float((outside & far).sum() / brain)


def main(argv: list[str]) -> int:
    """Prints a row for each head and view; 1 when a bound is not kept."""
    del argv
    model = load_tissue_model(_WEIGHTS.value or str(find_model(_MODEL.value)))
    adult = _KIND.value == "adult"
    counted = [t.index - 1 for t in TISSUES if not (adult and t.index == CSF)]
    print(f"{'head':24}{'':10}" + "".join(f"{t.abbreviation:>8}" for t in TISSUES), end="")
    print("    mean  outside   >2 mm")
    scores: dict[str, list[np.ndarray]] = {view: [] for view in VIEWS}
    shares, drawn = [], []
    by_view = generators(_KIND.value)
    for index in range(_COUNT.value):
        for view, generator in by_view.items():
            name, image, tissues, _ = generator.example(_SEED.value, index)
            found = labelled(model, image, tissues, generator.recipe.spacing_mm)
            row = np.array([dice(found == t.index, tissues == t.index) for t in TISSUES])
            scores[view].append(row)
            cells = "".join(f"{value:8.3f}" for value in row)
            share, far = outside_shares(found, tissues, generator.recipe.spacing_mm)
            cells += f"{np.nanmean(row[counted]):8.3f}{share:9.4f}{far:8.4f}"
            print(f"{f'{index} {name}':24}{view:10}{cells}", flush=True)
            if view == "whole":
                shares.append((share, far))
                drawn.append((equalise_volume(image, "head"), found, f"{index} {name}"))
    means = {view: float(np.nanmean(np.array(rows)[:, counted])) for view, rows in scores.items()}
    print(f"mean: whole {means['whole']:.3f}, stripped {means['stripped']:.3f};", end=" ")
    outside, far = np.mean(shares, axis=0)
    print(f"labelled outside whole heads: {outside:.4f}, more than {FAR_MM:g} mm away {far:.4f}")
    if _PICTURE.value:
        save_sheet(Path(_PICTURE.value), drawn)
    if adult:
        too_low = means["stripped"] - means["whole"] >= ALLOWED_LOSS
    else:
        too_low = means["whole"] < ASKED_NEWBORN
    return int(too_low or outside >= ALLOWED_OUTSIDE)


if __name__ == "__main__":
    app.run(main)
