"""Scores of any program's label maps: the part of `brainfcn-eval` that labels nothing."""

from pathlib import Path

from absl import flags
from tqdm import tqdm

from brainfcn_jax.commands import runner
from brainfcn_jax.commands.runner import inform, log
from brainfcn_jax.errors import BrainfcnError, UsageError
from brainfcn_jax.schemes import TISSUE_SCHEME, find_scheme


def compare_command(values: flags.FlagValues) -> int:
    """Score label maps of any program; return the exit code."""
    runner.require(values, ["reference", "prediction"])
    if values.volume or values.bids_dir is not None or len(values.reference) > 1:
        raise UsageError("--prediction goes with one --reference, and without scans to label")
    # Late, since these read images: --help and wrong usage are answered at once.
    from brainfcn_jax.cohort.comparison import (
        TABLE,
        compare,
        find_pairs,
        with_means,
        write_comparison,
    )
    from brainfcn_jax.results.paths import csv_path, make_folder, refuse_existing
    from brainfcn_jax.results.tables import screen_table

    table = Path(values.out_dir) / TABLE
    refuse_existing([table, *([csv_path(table)] if values.csv else ())], values.overwrite)
    scheme = TISSUE_SCHEME if values.scheme is None else find_scheme(values.scheme)
    chosen = values.prediction_scheme
    prediction_scheme = None if chosen is None else find_scheme(chosen)
    pairs, missing = find_pairs(Path(values.prediction), Path(values.reference[0]))
    scores = {}
    for pair in tqdm(pairs, unit="pair", disable=values.quiet or None, dynamic_ncols=True):
        try:
            scores[pair.name] = compare(pair, scheme, prediction_scheme, values.slice_axis)
        except BrainfcnError as error:
            missing.append(str(error))
    for sentence in missing:
        log(sentence)
    if scores:
        make_folder(table.parent)
        write_comparison(table, scores, values.overwrite, values.csv)
        print(screen_table(with_means(scores)))
        inform(values, f"{len(scores)} pairs -> '{table}'")
    return runner.SOME_FAILED if missing else runner.ALL_DONE
