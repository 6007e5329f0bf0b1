"""Label maps of any program scored against references that are matched by name."""

import dataclasses
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from brainfcn_jax.cohort.code_schemes import refuse_ambiguous, told_scheme
from brainfcn_jax.cohort.scan_lists import (
    NOT_LABELS,
    by_matching_name,
    last_word,
    matching_name,
)
from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.file_checks import naming
from brainfcn_jax.imaging.file_names import EXTENSIONS
from brainfcn_jax.imaging.nifti import load_codes, load_scan
from brainfcn_jax.measures.metrics import Score, score
from brainfcn_jax.results.tables import columns_of, write_table
from brainfcn_jax.schemes import CodeScheme, classes_of
from brainfcn_jax.text import first_few, natural_order

TABLE = "comparison_scores.tsv"
MEAN = "mean"
"""What stands for the scan's name in the rows of means."""


@dataclass(frozen=True)
class Pair:
    """A prediction and its reference, under the name they share."""

    name: str
    prediction: Path
    reference: Path


def find_pairs(prediction: Path, reference: Path) -> tuple[list[Pair], list[str]]:
    """Return the pairs in natural order, and sentences on label maps that have no partner.

    Two files are a pair whatever they are called. In folders, and all folders below them, label
    maps are matched by `matching_name`; images whose last word is in `NOT_LABELS` are no label
    maps.

    Raises:
        InputError: nothing is there, two label maps have one name, or there is no pair.
    """
    if os.path.isfile(prediction) and os.path.isfile(reference):
        return [Pair(matching_name(prediction), prediction, reference)], []
    predictions, references = (
        by_matching_name(label_maps_below(path)) for path in (prediction, reference)
    )
    names = sorted(predictions.keys() & references.keys(), key=natural_order)
    if not names:
        raise InputError(
            f"'{prediction}' and '{reference}' have no label maps of the same name; there are "
            f"{first_few(list(predictions))} and {first_few(list(references))}"
        )
    missing = [
        f"'{path}' has no {what}"
        for found, others, what in (
            (references, predictions, "prediction"),
            (predictions, references, "reference"),
        )
        for name, path in found.items()
        if name not in others
    ]
    return [Pair(name, predictions[name], references[name]) for name in names], missing


def label_maps_below(path: Path) -> list[Path]:
    """Return a label map itself, or those in a folder and below it, in natural order.

    Raises:
        InputError: it does not exist, or holds no label map.
    """
    if os.path.isfile(path):
        return [path]
    found = [
        file
        for file in (path.rglob("*") if os.path.isdir(path) else ())
        if file.name.lower().endswith(EXTENSIONS)
        and not file.name.startswith(".")
        and last_word(file) not in NOT_LABELS
        and file.is_file()
    ]
    if not found:
        what = "holds no label map" if os.path.isdir(path) else "does not exist"
        raise InputError(f"'{path}' {what}; give a label map, or a folder of them")
    return sorted(found, key=lambda file: natural_order(file.as_posix()))


def compare(
    pair: Pair, scheme: CodeScheme, prediction_scheme: CodeScheme | None, slice_axis: str
) -> list[Score]:
    """Score one pair, whose files must hold the same voxels, by the scheme's measures.

    Args:
        pair: the files.
        scheme: of the reference, and of what is scored.
        prediction_scheme: of the prediction; None: what the files beside it say, else `scheme`.
        slice_axis: direction of the slices in which boundaries are drawn.

    Raises:
        InputError: a file cannot be read, has values that its scheme does not have, the grids
            differ, or it cannot be told what the prediction's codes mean.
    """
    grid = load_scan(pair.reference)
    reference = load_codes(pair.reference, grid)
    with naming(pair.reference):
        classes_of(reference, scheme)
    codes = load_codes(pair.prediction, grid)
    known = prediction_scheme or told_scheme(pair.prediction)
    if known is None:
        refuse_ambiguous(pair.prediction, codes, scheme)
    with naming(pair.prediction):
        classes = classes_of(codes, known or scheme)
    return score(classes, reference, grid.spacing_mm, scheme, slice_axis=SLICE_AXES[slice_axis])


def mean_scores(scores_by_name: Mapping[str, Sequence[Score]]) -> list[Score]:
    """Return the mean of every measure over the scans in which it has a value."""
    measures = columns_of(Score)[1:]
    by_structure: dict[str, list[Score]] = {}
    for scores in scores_by_name.values():
        for row in scores:
            by_structure.setdefault(row.structure, []).append(row)
    return [
        Score(structure, *(_mean([getattr(row, measure) for row in rows]) for measure in measures))
        for structure, rows in by_structure.items()
    ]


def with_means(scores_by_name: Mapping[str, Sequence[Score]]) -> dict[str, Sequence[Score]]:
    """Return the scores, and after those of two scans or more their means under the name `MEAN`."""
    means = {MEAN: mean_scores(scores_by_name)} if len(scores_by_name) > 1 else {}
    return {**scores_by_name, **means}


def write_comparison(
    path: Path,
    scores_by_name: Mapping[str, Sequence[Score]],
    overwrite: bool = False,
    csv: bool = False,
) -> None:
    """Write one line for each scan and structure, as `write_table` does.

    Raises:
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
    """
    lines = [
        (name, *dataclasses.astuple(row)) for name, rows in scores_by_name.items() for row in rows
    ]
    write_table(path, [("scan", *columns_of(Score)), *lines], overwrite, csv)


def _mean(values: Sequence[float]) -> float:
    """Return the mean of those that are numbers; nan when none is."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
