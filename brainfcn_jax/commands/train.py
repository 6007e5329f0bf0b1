"""Train the network as a config file says, or go on with a run that was stopped.

    python run_train.py --config=configs/NAME.py --config.data.root=FOLDER

Any key of the config can be changed on the command line: --config.optimizer.learning_rate=1e-4.
The run's folder (--workdir, runs/NAME when it is not given) gets best.h5 and last.h5 (weights),
metrics.jsonl, training_curve.png and checkpoints. The same command with the same folder goes on
from the last checkpoint.
"""

import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags
from ml_collections import config_flags

from brainfcn_jax.commands import exits
from brainfcn_jax.errors import UsageError
from brainfcn_jax.settings import settings_from_config

RUNS = Path("runs")


def define_flags(values: flags.FlagValues, argv: Sequence[str]) -> None:
    """Defines the command's flags."""
    config_flags.DEFINE_config_file(
        "config", help_string="config file", flag_values=values, sys_argv=list(argv)
    )
    flags.DEFINE_string(
        "workdir", None, "folder of the run; runs/NAME when it is not given", flag_values=values
    )


def train_command(values: flags.FlagValues) -> None:
    """Trains with the config and in the folder that the flags name."""
    exits.require(values, ["config"])
    config_file = Path(config_flags.get_config_filename(values["config"]))
    if not config_file.is_file():
        raise UsageError(f"'{config_file}' is not a file; name one with --config=configs/NAME.py")
    settings = settings_from_config(values.config)
    # Late, since it imports jax: --help and wrong usage are answered at once.
    from brainfcn_jax.training import train

    workdir = train(settings, Path(values.workdir or RUNS / config_file.stem))
    print(f"trained: weights in '{workdir.last}', measurements in '{workdir.metrics}'")


def main() -> None:
    """Runs the command with the program's own arguments."""
    exits.run(functools.partial(define_flags, argv=sys.argv), train_command, __doc__)
