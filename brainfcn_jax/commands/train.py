"""Train the network as a config file says, or go on with a run that was stopped.

    python run_train.py --config=configs/NAME.py --config.data.root=FOLDER

Any key of the config can be changed on the command line: --config.optimizer.learning_rate=1e-4.
The run's folder (--workdir, runs/NAME when it is not given) gets best.h5 and last.h5 (weights),
metrics.jsonl, training_curve.png and checkpoints. The same command with the same folder goes on
from the last checkpoint.

On several machines the same command is started once on each, or once for each device, with
--distributed --config.training.launcher=pmap; docs/training_on_many_machines.md tells how.
"""

import ast
import contextlib
import functools
import re
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import flags
from ml_collections import config_flags

from brainfcn_jax.commands import runner
from brainfcn_jax.errors import UsageError
from brainfcn_jax.training.settings import Settings
from brainfcn_jax.training.settings_from_config import settings_from_config

if TYPE_CHECKING:
    from brainfcn_jax.training.run_folder import Workdir

RUNS = Path("runs")
PROCESS_GROUP = ("coordinator_address", "num_processes", "process_id", "cluster")
CLUSTERS = ("slurm", "ompi", "mpi4py", "k8s", "tpu", "gcetpu", "gketpu")
"""JAX's names of what it knows to find the other processes with."""


def define_flags(values: flags.FlagValues, argv: Sequence[str]) -> None:
    """Define the command's flags."""
    config_flags.DEFINE_config_file(
        "config", help_string="config file", flag_values=values, sys_argv=list(argv)
    )
    flags.DEFINE_string(
        "workdir", None, "folder of the run; runs/NAME when it is not given", flag_values=values
    )
    flags.DEFINE_bool(
        "list_configs", False, "show the configs that ship and end", flag_values=values
    )
    flags.DEFINE_bool(
        "distributed",
        False,
        "train together with other processes, on this or other machines; under Slurm, Open MPI, "
        "Kubernetes and on TPU pods they find each other, elsewhere with the flags below",
        flag_values=values,
    )
    flags.DEFINE_string("coordinator_address", None, "HOST:PORT of process 0", flag_values=values)
    flags.DEFINE_integer(
        "num_processes", None, "how many processes there are", lower_bound=1, flag_values=values
    )
    flags.DEFINE_integer(
        "process_id", None, "number of this one, from 0", lower_bound=0, flag_values=values
    )
    flags.DEFINE_enum(
        "cluster",
        None,
        CLUSTERS,
        "what the others are found with, when several would do",
        flag_values=values,
    )
    runner.define_detail_flags(values, "what computes, and the Dice of every validation")


def train_command(values: flags.FlagValues) -> None:
    """Train with the config and in the folder that the flags name."""
    if values.list_configs:
        print("\n".join(config_lines()))
        return
    runner.require(values, ["config"])
    config_file = Path(config_flags.get_config_filename(values["config"]))
    if not config_file.is_file():
        raise UsageError(f"'{config_file}' is not a file; name one with --config=configs/NAME.py")
    settings = settings_from_config(values.config)
    group, detail = _process_group(values, settings), runner.detail(values)
    # Late, since they import jax: --help and wrong usage are answered at once.
    from brainfcn_jax.training.loop import train
    from brainfcn_jax.training.processes import ProcessGroup, is_first, joined

    runner.require_device(values)
    processes = None if group is None else ProcessGroup(**group)
    with _terminated_as_interrupted(), joined(processes, detail):
        if values.verbose and is_first():
            runner.log(runner.equipment())
        workdir = train(settings, Path(values.workdir or RUNS / config_file.stem), detail)
        if is_first() and not values.quiet:
            print(_what_came_of_it(workdir))


@contextlib.contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Let SIGTERM, with which schedulers end a job, end the run inside as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _what_came_of_it(workdir: "Workdir") -> str:
    """Return the best step and its Dice, where the weights are, and how to use them."""
    from brainfcn_jax.training.measurements import best_validation, read_records

    weights, said = workdir.last, [f"trained: weights of the last step in '{workdir.last}'"]
    if best := best_validation(read_records(workdir.metrics)):
        weights = workdir.best
        said.append(
            f"best mean Dice on the subjects held out: {best['mean_dice']:.3f}, after step "
            f"{best['step']}; its weights in '{workdir.best}'"
        )
    program = "python run_eval.py" if Path(sys.argv[0]).stem == "run_train" else "brainfcn-eval"
    said += [
        f"measurements in '{workdir.metrics}', drawn in '{workdir.curve.name}' beside it",
        f"segment a scan: {program} --volume=SCAN.nii.gz --weights={shlex.quote(str(weights))}",
    ]
    return "\n".join(said)


def config_lines() -> Iterator[str]:
    """Yield where the configs that ship are, then the name and the purpose of each."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    folder = installed if installed.is_dir() else package.parent / "configs"
    yield f"in '{folder}':"
    for path in sorted(folder.glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
        yield f"{path.name}: {docstring.partition(chr(10))[0]}"


def _process_group(values: flags.FlagValues, settings: Settings) -> dict[str, Any] | None:
    """Return how processes find each other, as `processes.ProcessGroup` takes it; None for one.

    Raises:
        UsageError: the flags contradict each other or the config.
    """
    group = {name: values[name].value for name in PROCESS_GROUP}
    given = [name for name, value in group.items() if value is not None]
    address = values.coordinator_address or "host:0"
    if not values.distributed and given:
        raise UsageError(f"--{given[0]} is for several processes; add --distributed")
    if values.distributed and settings.training.launcher != "pmap":
        raise UsageError("--distributed needs --config.training.launcher=pmap")
    if not re.fullmatch(r".+:\d+", address):
        raise UsageError(f"--coordinator_address is '{address}'; give HOST:PORT, as in node1:9876")
    return group if values.distributed else None


def main() -> None:
    """Run the command with the program's own arguments."""
    runner.run(functools.partial(define_flags, argv=sys.argv), train_command, __doc__)
