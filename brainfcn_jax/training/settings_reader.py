"""Dataclasses read from nested dictionaries, every key checked (plain Python)."""

import dataclasses
from collections.abc import Sequence
from types import UnionType
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

LARGEST_WHOLE_NUMBER = 2**31 - 1
LARGEST_NUMBER = 1e30
"""What a config may hold in size: numbers that int32 and float32 can be counted with."""

_LONGEST_SHOWN = 100

Section = TypeVar("Section")


def read_section(
    kind: type[Section], values: dict[str, Any], prefix: str, problems: list[str]
) -> Section | None:
    """An instance of the dataclass `kind`; None, and lines in `problems`, if a key is amiss.

    Every field must be there and nothing else. A field is text, a number, True or False, one of
    several words, a tuple, a section of its own, or a section that may be None.

    Args:
        kind: a dataclass, whose type hints say what is read.
        values: what was found, by key.
        prefix: the keys of the sections around, such as "data.".
        problems: gets a line for everything that is wrong.
    """
    before = len(problems)
    hints = get_type_hints(kind)
    known = ", ".join(hints)
    problems += [
        f"unknown key '{prefix}{_shown(key)[1:-1]}' (known here: {known})"
        for key in values
        if key not in hints
    ]
    problems += [f"missing key '{prefix}{key}'" for key in hints if key not in values]
    arguments = {
        key: _read_value(hint, values[key], prefix + key, problems)
        for key, hint in hints.items()
        if key in values
    }
    return kind(**arguments) if len(problems) == before else None


def _read_value(hint: Any, found: Any, key: str, problems: list[str]) -> Any:
    """`found` as the type `hint` says; None, and a line in `problems`, where it is not that."""
    section, *optional = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    if found is None and optional:
        return None
    if dataclasses.is_dataclass(section) and isinstance(found, dict):
        return read_section(cast(type[Any], section), found, f"{key}.", problems)
    if _fits(hint, found):
        return _converted(hint, found)
    problems.append(f"'{key}' must be {_words(hint)}, found {_shown(found)}{_limit(hint, found)}")
    return None


def _fits(hint: Any, found: Any) -> bool:
    """Whether `found` may stand where `hint` is asked for: int for float and list for tuple do."""
    if get_origin(hint) is Literal:
        return any(type(found) is type(choice) and found == choice for choice in get_args(hint))
    if get_origin(hint) is tuple:
        hints = _item_hints(hint, found) if isinstance(found, tuple | list) else None
        return hints is not None and all(map(_fits, hints, found))
    if hint is float:
        return type(found) in (int, float) and abs(found) <= LARGEST_NUMBER
    return type(found) is hint and (hint is not int or abs(found) <= LARGEST_WHOLE_NUMBER)


def _item_hints(hint: Any, found: Sequence[Any]) -> tuple[Any, ...] | None:
    """The type of each item of a tuple; None if `found` has another length than asked for."""
    items = get_args(hint)
    if items[-1] is Ellipsis:
        return (items[0],) * len(found)
    return items if len(items) == len(found) else None


def _converted(hint: Any, found: Any) -> Any:
    """A value that fits, with ints made floats and lists made tuples."""
    if get_origin(hint) is tuple:
        items = get_args(hint)
        return tuple(_converted(items[0], item) for item in found)
    return float(found) if hint is float else found


def _words(hint: Any) -> str:
    """A type in the words of a message."""
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    if get_origin(hint) is tuple:
        items = [item for item in get_args(hint) if item is not Ellipsis]
        count = "any number of" if Ellipsis in get_args(hint) else str(len(items))
        return f"a tuple of {count} values, each {_words(items[0])}"
    if get_origin(hint) is UnionType:
        return f"{_words(get_args(hint)[0])} or None"
    if dataclasses.is_dataclass(hint):
        return "a section of keys"
    return {str: "text", int: "a whole number", float: "a number", bool: "True or False"}[hint]


def _shown(found: Any) -> str:
    """A value as Python writes it, cut where that is long."""
    try:
        text = repr(found)
    except (ValueError, RecursionError):  # a number of thousands of digits, or nested as deeply
        text = "what is too large to show"
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def _limit(hint: Any, found: Any) -> str:
    """What to say beside a number that is of the right type and too large."""
    if hint is int and type(found) is int:
        return f" (at most {LARGEST_WHOLE_NUMBER})"
    if hint is float and type(found) in (int, float):
        return f" (at most {LARGEST_NUMBER:g})"
    return ""
