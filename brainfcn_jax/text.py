"""Words of messages: names, numbers and other people's text in one line (plain Python)."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal, SupportsFloat

Detail = Literal["quiet", "normal", "verbose"]
"""How much a command says: what fails, and warnings; also what comes of its work; all of that."""

_MOST_NAMED = 9


def natural_order(name: str) -> list[tuple[int, int, str]]:
    """Return a sorting key in which runs of digits count as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def printable(text: str) -> str:
    """Return a text as one line of a screen: control characters and undecoded bytes escaped.

    File names may hold both: a line's end would fake a second message, an escape sequence would
    command the terminal.
    """
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def first_few(names: Sequence[object]) -> str:
    """Return names for a message: the first nine, and how many more there are."""
    further = len(names) - _MOST_NAMED
    shown = ", ".join(map(str, names[:_MOST_NAMED]))
    return shown if further <= 0 else f"{shown} and {further} more"


def either(words: Sequence[str]) -> str:
    """Return words as a sentence offers them: "T1w", "T1w or T2w", "T1w, T2w or FLAIR"."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, which may be many."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def number(value: SupportsFloat, digits: int = 3) -> str:
    """Write a number as people do: 2060, not 2.06e+03.

    Whole numbers are written in full, others to so many significant digits; what would take many
    zeros (under 1e-6, or 1e15 and more) has an exponent.
    """
    value = float(value)
    if not 1e-6 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    if value.is_integer():
        return f"{value:.0f}"
    decimals = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def voxels(count: int) -> str:
    """Write a number of voxels: "1 voxel", "2 voxels"."""
    return f"{count} voxel{'s' * (count != 1)}"


def listed(numbers: Iterable[SupportsFloat]) -> str:
    """Write numbers for a message, as "1 x 1 x 3"."""
    return " x ".join(number(each, 6) for each in numbers)
