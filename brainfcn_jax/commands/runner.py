"""How a command is run: its flags are read, its errors told in one line, its exit code given.

0 all done, and --help; 1 the work failed; 2 wrong usage, unknown flags included; 3 weights missing
or damaged; 4 some scans are to be checked, with --fail_on_check; 130 interrupted.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from absl import flags

import brainfcn_jax
from brainfcn_jax.errors import BrainfcnError, UsageError
from brainfcn_jax.runtime.jax_environment import (
    choose_device,
    choose_threads,
    prepare_jax,
)
from brainfcn_jax.runtime.messages import say
from brainfcn_jax.text import Detail, first_line

ALL_DONE = 0
SOME_FAILED = 1
SOME_TO_CHECK = 4
INTERRUPTED = 130
DEVICES = ("cpu", "gpu")
_LONGEST_SAID = 600
HELP_FLAGS = frozenset({"--help", "-help", "-h", "--helpfull", "--helpshort"})

Definition = Callable[[flags.FlagValues], None]
Command = Callable[[flags.FlagValues], int | None]
Positional = Callable[[flags.FlagValues, list[str]], None]
"""Puts arguments that are no flags where they belong; UsageError for what belongs nowhere."""


def run(define_flags: Definition, command: Command, description: str) -> NoReturn:
    """Run a command with the program's own arguments and end the program."""
    prepare_jax()
    sys.exit(exit_code(define_flags, command, description, sys.argv))


def define_common_flags(values: flags.FlagValues) -> None:
    """Define the flags that all commands have."""
    flags.DEFINE_integer(
        "threads",
        None,
        "threads that compute at once; as many as processors unless given",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_enum(
        "device",
        None,
        DEVICES,
        "what computes; a GPU where JAX finds one, unless given",
        flag_values=values,
    )
    flags.DEFINE_bool("version", False, "show the version and end", flag_values=values)


def define_detail_flags(values: flags.FlagValues, verbose: str) -> None:
    """Define --quiet and --verbose, the latter with what it is that is said then."""
    flags.DEFINE_bool(
        "quiet", False, "say only what fails, and warnings; show no bar", flag_values=values
    )
    flags.DEFINE_bool("verbose", False, f"also say {verbose}", flag_values=values)


def detail(values: flags.FlagValues) -> Detail:
    """Return how much is to be said; UsageError when --quiet and --verbose contradict."""
    if values.quiet and values.verbose:
        raise UsageError("--quiet and --verbose are both given; give one of them")
    return "quiet" if values.quiet else "verbose" if values.verbose else "normal"


def equipment() -> str:
    """Return what computes, and with which software; imports JAX."""
    import jax

    device = jax.devices()[0].device_kind
    return f"brainfcn_jax {brainfcn_jax.__version__}, JAX {jax.__version__} on {device}"


def require_device(values: flags.FlagValues) -> None:
    """Raise UsageError when --device asks for what JAX does not find; imports JAX."""
    if values.device != "gpu":
        return
    import jax

    found = jax.default_backend()
    if found != "gpu":
        raise UsageError(
            f"--device=gpu is given, and JAX finds no GPU, only {found}; install JAX for yours "
            "(docs/where_it_runs.md), or leave --device out"
        )


def refuse_positional(values: flags.FlagValues, words: list[str]) -> None:
    """Raise UsageError: the command has flags only."""
    raise UsageError(f"unexpected arguments: {' '.join(words)}; --help shows the flags")


def exit_code(
    define_flags: Definition,
    command: Command,
    description: str,
    argv: Sequence[str],
    positional: Positional = refuse_positional,
) -> int:
    """Run a command with the flags in `argv` and return its exit code.

    Args:
        define_flags: defines the command's flags on the values it is given.
        command: does the work with the values of its flags; gives an exit code, or None for 0.
        description: what --help says first.
        argv: the program's name and its arguments.
        positional: what is done with arguments that are no flags.

    A `BrainfcnError` becomes one line on stderr and its own exit code, and so does too little
    memory; any other exception is a bug, and is left to show itself.
    """
    try:
        values = flags.FlagValues()
        define_flags(values)
        define_common_flags(values)
        if HELP_FLAGS.intersection(argv[1:]):
            print(f"{description.strip()}\n\nFlags:\n{values.get_help()}")
            return ALL_DONE
        if others := _read_flags(values, [_home_expanded(word) for word in argv]):
            positional(values, others)
        if values.version:
            print(f"brainfcn_jax {brainfcn_jax.__version__}")
            return ALL_DONE
        _choose_hardware(values)
        return command(values) or ALL_DONE
    except BrainfcnError as error:
        say(f"{Path(argv[0]).name}: {error}")
        return error.exit_code
    except MemoryError as error:
        say(
            f"{Path(argv[0]).name}: this machine's memory does not suffice "
            f"({first_line(error)}); close what else uses it, or take a larger one"
        )
        return BrainfcnError.exit_code
    except KeyboardInterrupt:
        say(f"{Path(argv[0]).name}: interrupted")
        return INTERRUPTED


def _choose_hardware(values: flags.FlagValues) -> None:
    if values.threads is not None:
        choose_threads(values.threads)
    if values.device is not None:
        choose_device(values.device)


def require(values: flags.FlagValues, names: Sequence[str]) -> None:
    """Raise UsageError naming the flags among `names` that were not given."""
    missing = [f"--{name}" for name in names if values[name].value in (None, "", [])]
    if missing:
        raise UsageError(f"{', '.join(missing)} must be given; --help shows how")


def log(line: str) -> None:
    """Say something in the program's name."""
    say(f"{Path(sys.argv[0]).name}: {line}")


def inform(values: flags.FlagValues, line: str) -> None:
    """Say something as `log` does, unless --quiet is given."""
    if not values.quiet:
        log(line)


def _home_expanded(word: str) -> str:
    """Put the home folder for "~" in a flag's value, as shells do for words without "="."""
    name, equals, value = word.partition("=")
    expanded = os.path.expanduser(value) if name.startswith("-") else value
    return f"{name}{equals}{expanded}"


def _read_flags(values: flags.FlagValues, argv: Sequence[str]) -> list[str]:
    """Read the flags, and return the arguments that are none."""
    try:
        return values(list(argv))[1:]
    except Exception as error:
        # A config file is a program, and reading its flag runs it: anything can be raised there.
        said = _first_line(error)
        if len(said) > _LONGEST_SAID:  # it holds what was given, however long
            said = f"{said[: _LONGEST_SAID // 2]} ... {said[-_LONGEST_SAID // 2 :]}"
        raise UsageError(f"{said}; --help shows the flags") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, flags.Error):
        return lines[0]
    if isinstance(error, OSError):
        return "the file that --config names is not there or cannot be read"
    unknown_key = re.match(r"[\"'\\]+(\w+)", lines[0])  # a ConfigDict's message starts with it
    if isinstance(error, AttributeError | KeyError) and unknown_key:
        return f"the config has no key '{unknown_key[1]}'"
    return f"the config cannot be read: {type(error).__name__}: {lines[0]}"
