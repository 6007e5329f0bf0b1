"""Labels seven tissues in brain scans, and scores the labels where references are given.

  run_eval.py --volume=demo
  run_eval.py --volume=SCAN [--model=NAME | --weights=FILE] [--out_dir=DIR]
              [--reference=LABELS --scheme=NAME]

SCAN is a .nii, .nii.gz, .mgz, .mgh or Analyze file; "demo" is the MNI152 T1w template, which comes
with nilearn. The model is adult_t1w unless another is named. DIR, "out" unless given, gets
NAME_desc-tissue_dseg.nii.gz, on the scan's own grid, and a .json file that says how it was made;
with a reference also NAME_desc-tissue_scores.tsv, and the scores are shown. NAME is the scan's,
without _T1w or _T2w. Give --volume several times for several scans; one that fails never stops the
others. Where they share a name, the folders that differ come first: a/T1.nii and b/T1.nii give
a_T1_desc-tissue_dseg.nii.gz and b_T1_desc-tissue_dseg.nii.gz.
"""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from brainfcn_jax.commands import exits
from brainfcn_jax.demo import DEMO, demo_scan
from brainfcn_jax.errors import UsageError
from brainfcn_jax.labels import SCHEMES
from brainfcn_jax.models import DEFAULT_MODEL, SHIPPED_MODELS

if TYPE_CHECKING:
    from brainfcn_jax.evaluation import Case, Outcome

SOME_FAILED = 1


def define_flags(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    flags.DEFINE_multi_string(
        "volume", [], "scan to label; 'demo' is a template that comes along", flag_values=values
    )
    flags.DEFINE_enum(
        "model",
        None,
        list(SHIPPED_MODELS),
        f"model that ships with the package; {DEFAULT_MODEL} unless --weights is given",
        flag_values=values,
    )
    flags.DEFINE_string(
        "weights",
        None,
        "weight file of a network of your own, instead of --model",
        flag_values=values,
    )
    flags.DEFINE_string("out_dir", "out", "folder of the results", flag_values=values)
    flags.DEFINE_multi_string(
        "reference",
        [],
        "labels to score against, one for each --volume, in the same order",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "scheme", "tissues", list(SCHEMES), "label codes of the references", flag_values=values
    )
    flags.DEFINE_integer(
        "frame", None, "volume of a 4D scan to label, from 0", lower_bound=0, flag_values=values
    )
    flags.DEFINE_bool("overwrite", False, "replace results that exist", flag_values=values)


def evaluate_command(values: flags.FlagValues) -> int:
    """Labels the scans that the flags name; gives the exit code."""
    exits.require(values, ["volume", "out_dir"])
    model = chosen_model(values)
    if values.reference and len(values.reference) != len(values.volume):
        raise UsageError(
            f"{len(values.volume)} --volume and {len(values.reference)} --reference are given; "
            "give one reference for each volume, in the same order, or none"
        )
    # Late, since it imports jax: --help and wrong usage are answered at once.
    from brainfcn_jax.evaluation import EvaluationSettings, evaluate_scans
    from brainfcn_jax.outputs import screen_table

    cases = plan_cases(values.volume, values.reference, values.out_dir)
    settings = EvaluationSettings(
        model, values.weights, values.frame, values.scheme, overwrite=values.overwrite
    )
    outcomes = []
    for outcome in evaluate_scans(cases, settings):
        tell(outcome)
        outcomes.append(outcome)
    scores = {out.case.volume: out.scores for out in outcomes if out.scores is not None}
    if scores:
        print(screen_table(scores))
    failed = [f"'{outcome.case.volume}'" for outcome in outcomes if outcome.failure is not None]
    if failed and len(cases) > 1:
        _log(f"{len(failed)} of {len(cases)} scans failed: {', '.join(failed)}")
    return SOME_FAILED if failed else 0


def chosen_model(values: flags.FlagValues) -> str | None:
    """The name of the shipped model to use, or None when --weights names a file instead."""
    if values.weights is None:
        return values.model or DEFAULT_MODEL
    if values.model is not None:
        raise UsageError("--model and --weights are both given; give one of them")
    exits.require(values, ["weights"])
    return None


def plan_cases(volumes: Sequence[str], references: Sequence[str], out_dir: str) -> list["Case"]:
    """Scans, their references and their results side by side.

    Raises:
        InputError: the demo's scan is not installed.
        UsageError: two scans would write one file, or a result would take an input's place.
    """
    from brainfcn_jax.evaluation import Case
    from brainfcn_jax.outputs import distinct_names, output_paths

    inputs = {Path(path).resolve() for path in (*volumes, *references)}
    writers: dict[Path, str] = {}
    cases = []
    names = distinct_names(volumes)  # the demo's results are named after it
    for name, volume, reference in itertools.zip_longest(names, volumes, references):
        outputs = output_paths(out_dir, name)
        label_map = outputs.label_map
        if label_map in writers:
            raise UsageError(
                f"'{writers[label_map]}' and '{volume}' would both write '{label_map}'; "
                "label them in two runs with two --out_dir"
            )
        if label_map.resolve() in inputs:
            raise UsageError(f"'{label_map}' is an input and a result; choose another --out_dir")
        writers[label_map] = volume
        path = str(demo_scan()) if volume == DEMO else volume
        cases.append(Case(path, reference, outputs))
    return cases


def tell(outcome: "Outcome") -> None:
    """Says on stderr, in lines, what became of a scan."""
    if outcome.failure is not None:
        _log(outcome.failure)
        return
    for warning in outcome.warnings:
        _log(f"warning: '{outcome.case.volume}': {warning}")
    for note in outcome.notes:
        _log(f"'{outcome.case.volume}': {note}")
    _log(f"'{outcome.case.volume}' -> '{outcome.case.outputs.label_map}'")


def main() -> None:
    """Runs the command with the program's own arguments."""
    exits.run(define_flags, evaluate_command, __doc__)


def _log(line: str) -> None:
    print(f"{Path(sys.argv[0]).name}: {line}", file=sys.stderr)
