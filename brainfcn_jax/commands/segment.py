"""Segments seven tissues in brain scans, and scores the labels where references are given.

  run_eval.py --volume=demo
  run_eval.py --volume=SCAN [--model=NAME | --weights=FILE] [--out_dir=DIR]
              [--reference=LABELS --scheme=NAME]
  run_eval.py --volume=FOLDER --out_dir=DIR --resume
  run_eval.py BIDS_DIR OUT_DIR participant [--participant_label 01 02] [--session_label pre]
  run_eval.py --prediction=DIR --reference=DIR --scheme=NAME

SCAN is a .nii, .nii.gz, .mgz, .mgh or Analyze file; "demo" is the MNI152 T1w template, which comes
with nilearn. The model is adult_t1w for T1w scans, adult_any where the name says T2w, FLAIR or PDw,
unless another is named; newborns need --model=neonate_t2w, in T1w neonate_any. DIR, "out" unless
given, gets NAME_desc-tissue_dseg.nii.gz, on the scan's own grid, its volumes, a quality page, and
.json files that say how they were made; with a reference also NAME_desc-tissue_scores.tsv, and the
scores are shown. NAME is the scan's without "_T1w"; another contrast stays, in names of BIDS as
acq-FLAIR. Give --volume several times for several scans; one that fails never stops the others.
Where they share a name, the folders that differ come first: a/T1.nii and b/T1.nii give
a_T1_desc-tissue_dseg.nii.gz and b_T1_desc-tissue_dseg.nii.gz. Scans of a BIDS data set give the
same files in DIR/sub-01/anat. The last form labels nothing: it scores the label maps of any
program.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from brainfcn_jax.commands import runner, segment_flags
from brainfcn_jax.commands.compare import compare_command
from brainfcn_jax.commands.progress_bar import ScanBar
from brainfcn_jax.commands.run_plan import plan_run
from brainfcn_jax.commands.runner import inform, log
from brainfcn_jax.commands.scan_messages import (
    alarming_lines,
    closing_line,
    equipment_line,
    result_lines,
    timing_line,
    to_be_checked,
)
from brainfcn_jax.commands.segment_flags import define_flags
from brainfcn_jax.errors import UsageError
from brainfcn_jax.network.shipped_models import SHIPPED_MODELS
from brainfcn_jax.runtime.jax_environment import prepare_jax

if TYPE_CHECKING:
    from brainfcn_jax.cohort.bookkeeping import Bookkeeping
    from brainfcn_jax.cohort.many_scans import Executor
    from brainfcn_jax.cohort.outcome import Outcome
    from brainfcn_jax.network.model_file import Model
    from brainfcn_jax.results.planned_scan import PlannedScan


def segment_command(values: flags.FlagValues) -> int:
    """Do what the flags ask for; return the exit code."""
    if values.list_models:
        print("\n".join(f"{name}: {purpose}" for name, purpose in SHIPPED_MODELS.items()))
        return runner.ALL_DONE
    runner.require(values, ["out_dir"])
    runner.detail(values)
    if values.prediction is not None:
        return compare_command(values)
    if values.analysis_level == "group":
        return group_command(values)
    return segment_scans(values)


def segment_scans(values: flags.FlagValues) -> int:
    """Segment the scans that the flags name; return the exit code."""
    if values.weights is not None:
        runner.require(values, ["weights"])
    _check_inputs(values)
    # Late, since these import jax: --help and wrong usage are answered at once.
    from brainfcn_jax.cohort.comparison import with_means
    from brainfcn_jax.results.tables import screen_table

    runner.require_device(values)
    scans, model, books = plan_run(values)
    if values.verbose:
        log(equipment_line(books.provenance))
    outcomes = segment_planned(values, scans, model, books)
    scores = {out.planned.name: out.scores for out in outcomes if out.scores is not None}
    if scores:
        print(screen_table(with_means(scores)))
    if skipped := sum(outcome.skipped for outcome in outcomes):
        inform(values, f"{skipped} of {len(scans)} scans were finished already")
    failed = [f"'{outcome.planned.path}'" for outcome in outcomes if outcome.failure is not None]
    if failed and len(scans) > 1:
        log(f"{len(failed)} of {len(scans)} scans failed: {', '.join(failed)}")
    if len(scans) > 1:
        inform(values, closing_line(outcomes))
    code = runner.SOME_FAILED if failed else runner.ALL_DONE
    if values.fail_on_check and not failed and any(map(to_be_checked, outcomes)):
        code = runner.SOME_TO_CHECK
        checked = [f"'{out.planned.path}'" for out in outcomes if to_be_checked(out)]
        log(f"{len(checked)} of {len(scans)} scans are to be checked: {', '.join(checked)}")
    return code if values.participant_label else _write_group(values, code)


def segment_planned(
    values: flags.FlagValues,
    scans: Sequence["PlannedScan"],
    model: "Model",
    books: "Bookkeeping",
) -> list["Outcome"]:
    """Segment the scans here or on a cluster, telling what becomes of each."""
    from brainfcn_jax.cohort.many_scans import segment_all

    outcomes = []
    bar = ScanBar(len(scans), hidden=values.quiet)
    try:
        with (
            bar,
            choose_executor(values, model, books, bar) as executor,
            contextlib.closing(segment_all(scans, books, executor, log)) as run,
        ):
            for outcome in run:
                bar.scan_done(outcome.planned)
                tell(values, outcome)
                outcomes.append(outcome)
    except KeyboardInterrupt:
        log(
            f"{len(outcomes)} of {len(scans)} scans are done; the same command with --resume goes "
            "on"
        )
        raise
    return outcomes


def choose_executor(
    values: flags.FlagValues, model: "Model", books: "Bookkeeping", bar: ScanBar
) -> contextlib.AbstractContextManager["Executor"]:
    """Return what segments the scans: this process, processes of this machine, or a cluster.

    Raises:
        UsageError: flags for a cluster contradict each other, or Dask is not installed.
    """
    if values.scheduler is None and values.local_workers is None:
        from brainfcn_jax.cohort.many_scans import local_executor
        from brainfcn_jax.inference.segmenter import Segmenter

        return contextlib.nullcontext(local_executor(Segmenter(model), bar.progress_of))
    try:
        from brainfcn_jax.cohort.cluster import CONNECT_SECONDS, Tls, cluster_executor
    except ModuleNotFoundError as error:
        raise UsageError(
            f"labelling on a cluster needs {error.name}, which is not installed; install it with "
            "'pip install brainfcn-jax[cluster]'"
        ) from error
    if values.scheduler is not None:
        inform(values, f"trying the scheduler '{values.scheduler}' for up to {CONNECT_SECONDS} s")
    certificates = (values.tls_ca_file, values.tls_cert, values.tls_key)
    tls = Tls(*certificates) if any(certificates) else None
    return cluster_executor(
        books.provenance,
        scheduler=values.scheduler,
        tls=tls,
        local_workers=values.local_workers,
    )


def group_command(values: flags.FlagValues) -> int:
    """Make tables and page of all scans in the folder of results anew; return the exit code."""
    if not Path(values.out_dir).is_dir():
        raise UsageError(f"'{values.out_dir}' is not a folder; give the results as --out_dir")
    return _write_group(values, runner.ALL_DONE, anew=True)


def tell(values: flags.FlagValues, outcome: "Outcome") -> None:
    """Say on stderr what became of a scan."""
    for line in alarming_lines(outcome):
        log(line)
    for line in result_lines(outcome):
        inform(values, line)
    if values.verbose and outcome.seconds:
        log(timing_line(outcome))


def exit_code(argv: Sequence[str]) -> int:
    """Run the command with the program's name and arguments; return its exit code."""
    return runner.exit_code(
        define_flags,
        segment_command,
        __doc__,
        segment_flags.rewritten(argv),
        segment_flags.take_positional,
    )


def main() -> None:
    """Run the command with the program's own arguments and end the program.

    An interrupted program ends at once, without waiting for what is still being computed.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    prepare_jax()
    code = exit_code(sys.argv)
    if code == runner.INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _check_inputs(values: flags.FlagValues) -> None:
    """Raise UsageError unless the flags name scans in one way."""
    if values.bids_dir is None:
        runner.require(values, ["volume"])
        if "" in values.volume:
            raise UsageError("a --volume is empty; give a file or a folder")
        if values.participant_label or values.session_label:
            raise UsageError("--participant_label and --session_label go with --bids_dir")
    elif values.volume:
        raise UsageError("--volume and --bids_dir are both given; give one of them")
    _check_cluster(values)


def _check_cluster(values: flags.FlagValues) -> None:
    """Raise UsageError when flags for a cluster contradict each other; warn of an open one."""
    scheduler = values.scheduler
    if scheduler is not None and values.local_workers is not None:
        raise UsageError("--scheduler and --local_workers are both given; give one of them")
    encrypted = scheduler is not None and scheduler.startswith("tls://")
    if not encrypted and (values.tls_ca_file or values.tls_cert or values.tls_key):
        raise UsageError("--tls_ca_file, --tls_cert and --tls_key go with --scheduler=tls://...")
    if scheduler is not None and not encrypted:
        log(
            f"warning: '{scheduler}' speaks no TLS; whoever can reach it can have its workers run "
            "any program, so use it in a network that you trust"
        )


def _write_group(values: flags.FlagValues, code: int, anew: bool = False) -> int:
    """Write tables and page of all scans; return `code`."""
    from brainfcn_jax.results.group import write_group
    from brainfcn_jax.runtime.locks import claimed

    folder = Path(values.out_dir)
    with claimed(folder, []) as claims:
        for path in write_group(folder, claims, values.overwrite, anew, values.csv):
            inform(values, f"all scans -> '{path}'")
    return code
