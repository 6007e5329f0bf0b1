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

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
import numpy as np
from arguments import Flags
from scipy import ndimage

from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.synthesis.examples import save_example
from brainfcn_jax.synthesis.generator import GeneratedScan, Generator, load_generator
from brainfcn_jax.synthesis.recipes import NEWBORN_T1W, RECIPES, Kind, Recipe

FAR_MM = 2.0
ALLOWED_LOSS, ALLOWED_OUTSIDE, ASKED_NEWBORN = 0.03, 0.02, 0.85
VIEWS = {"whole": 0.0, "stripped": 1.0}


def generators(kind: str, source: str, heads: str | None) -> dict[str, Generator]:
    """Return one generator for each view of the same heads."""
    people: Kind = "adult" if kind == "adult" else "newborn"
    recipe = RECIPES[people]()
    contrasts = replace(recipe.contrasts, wild_fraction=0.0)
    if kind == "newborn_t1w":
        contrasts = replace(contrasts, sequence_fraction=1.0, sequences=NEWBORN_T1W)
    recipe = replace(recipe, contrasts=contrasts)
    return {
        view: load_generator(
            people, source, "axial", heads, harness.HELD_OUT[kind], _viewed(recipe, stripped)
        )
        for view, stripped in VIEWS.items()
    }


def _viewed(recipe: Recipe, stripped: float) -> Recipe:
    return replace(recipe, view=replace(recipe.view, stripped_fraction=stripped))


def canonical(volume: np.ndarray) -> np.ndarray:
    """Return a volume of axial slices with canonical axes."""
    return np.moveaxis(volume, 0, 2)


def labelled(model: Segmenter, head: GeneratedScan, spacing_mm: float) -> np.ndarray:
    """Return what the model finds, through a file and the whole inference path."""
    with TemporaryDirectory() as folder:
        image, tissues = canonical(head.image), canonical(head.tissues)
        path, _ = save_example(Path(folder) / "head", image, tissues, spacing_mm)
        return harness.labels_of(model, load_scan(path))


def outside_shares(
    found: np.ndarray, tissues: np.ndarray, spacing_mm: float
) -> tuple[float, float]:
    """Return what is labelled without tissue, and that far from any, over the brain's volume."""
    brain = int((~np.isin(tissues, (harness.BACKGROUND, harness.LABELS[harness.FLUID]))).sum())
    outside = (found != harness.BACKGROUND) & (tissues == harness.BACKGROUND)
    far = ndimage.distance_transform_edt(tissues == harness.BACKGROUND) * spacing_mm > FAR_MM
    return float(outside.sum() / brain), float((outside & far).sum() / brain)


def main(arguments: Sequence[str]) -> int:
    """Print a row for each head and view; return 1 when a bound is not kept."""
    flags = Flags(__doc__)
    flags.model()
    flags.picture()
    flags.add_argument("--kind", choices=tuple(harness.HELD_OUT), default="adult")
    flags.add_argument("--source", required=True, help="Folder of the label maps.")
    flags.add_argument("--heads", help="Adults' label maps to grow newborn heads with.")
    flags.number("count", 8, "Heads.")
    flags.number("seed", 1000, "Decides what is drawn.", 0)
    asked = flags.parse_args(arguments)
    model = harness.open_model(asked.model, asked.weights)
    counted = harness.SIX if asked.kind == "adult" else tuple(harness.LABELS)
    table = harness.Table("head", [*harness.LABELS, "mean", "outside", ">2 mm"])
    scores: dict[str, list[float]] = {view: [] for view in VIEWS}
    shares, sheet = [], harness.Sheet(asked.picture)
    by_view = generators(asked.kind, asked.source, asked.heads)
    for index in range(asked.count):
        for view, generator in by_view.items():
            head = generator.example(asked.seed, index)
            spacing_mm = generator.recipe.spacing_mm
            found, tissues = labelled(model, head, spacing_mm), canonical(head.tissues)
            row = harness.tissue_dice(found, tissues)
            scores[view] += [row[tissue] for tissue in counted]
            of_head = harness.mean(row[tissue] for tissue in counted)
            share = outside_shares(found, tissues, spacing_mm)
            cells: list[float | str] = [*row.values(), of_head]
            cells += [f"{value:.4f}" for value in share]
            table.row(f"{index} {head.name} {view}", cells)
            if view == "whole":
                shares.append(share)
                sheet.add(canonical(head.image), found, f"{index} {head.name}")
    sheet.save()
    return verdict(asked.kind, {view: harness.mean(scores[view]) for view in VIEWS}, shares)


def verdict(kind: str, means: Mapping[str, float], shares: Sequence[tuple[float, float]]) -> int:
    """Print the means; return 1 where they are not as asked."""
    outside, far = np.mean(shares, axis=0)
    print(f"mean: whole {means['whole']:.3f}, stripped {means['stripped']:.3f};", end=" ")
    print(f"labelled outside whole heads: {outside:.4f}, more than {FAR_MM:g} mm away {far:.4f}")
    bounds = {"labelled outside": outside < ALLOWED_OUTSIDE}
    if kind == "adult":
        bounds["whole heads"] = means["stripped"] - means["whole"] < ALLOWED_LOSS
    else:
        bounds["whole heads"] = means["whole"] >= ASKED_NEWBORN
    return harness.exit_code([name for name, kept in bounds.items() if not kept])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
