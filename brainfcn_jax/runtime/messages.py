"""What is said while work goes on: the only door to stderr, beside an open bar (output)."""

import sys

from tqdm import tqdm

from brainfcn_jax.text import printable


def say(line: str) -> None:
    """Write a line to stderr, above a progress bar if there is one."""
    tqdm.write(printable(line), file=sys.stderr)


def warn(line: str) -> None:
    """Say what may be wrong, however quiet the command is."""
    say(f"warning: {line}")
