"""Dataclasses read from nested dictionaries, every key checked (plain Python)."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

LARGEST_WHOLE_NUMBER = 2**31 - 1
LARGEST_NUMBER = 1e30
"""What a config may hold in size: numbers that int32 and float32 can be counted with."""

_LONGEST_SHOWN = 100

Section = TypeVar("Section")


@dataclass(frozen=True)
class Rule:
    """What more than its type is asked of a value: `Annotated[int, Rule("of 1 or more", ...)]`.

    Attributes:
        words: go behind those of the type in a message.
        holds: whether a value keeps it.
    """

    words: str
    holds: Callable[[Any], bool]


def read_section(
    kind: type[Section], values: dict[str, Any], prefix: str, problems: list[str]
) -> Section | None:
    """Return an instance of the dataclass `kind`; None, and lines in `problems`, if a key is amiss.

    A field is text, a number, True or False, one of several words, a tuple, a section of its own,
    one of several sections, told apart by their key `kind`, or a section that may be None; each
    may be annotated with a `Rule`. A key that is not there has the field's default.

    Args:
        kind: a dataclass, whose type hints say what is read.
        values: what was found, by key.
        prefix: the keys of the sections around, such as "data.".
        problems: gets a line for everything that is wrong.
    """
    before = len(problems)
    hints = get_type_hints(kind, include_extras=True)
    problems += [
        f"unknown key '{prefix}{_shown(key)[1:-1]}' (known here: {', '.join(hints)})"
        for key in values
        if key not in hints
    ]
    arguments = {
        key: _read_value(hint, values[key], prefix + key, problems)
        for key, hint in hints.items()
        if key in values
    }
    return kind(**arguments) if len(problems) == before else None


def _read_value(hint: Any, found: Any, key: str, problems: list[str]) -> Any:
    """Return `found` as the type `hint` says; None, and a line in `problems`, where it is not."""
    choices = get_args(hint) if get_origin(hint) is UnionType else (hint,)
    if found is None and NoneType in choices:
        return None
    sections = [choice for choice in choices if dataclasses.is_dataclass(choice)]
    if sections and isinstance(found, dict):
        section = _section_of_kind(sections, found, f"{key}.kind", problems)
        return section and read_section(section, found, f"{key}.", problems)
    if _fits(hint, found):
        return _converted(hint, found)
    problems.append(f"'{key}' must be {_words(hint)}, found {_shown(found)}{_limit(hint, found)}")
    return None


def _section_of_kind(
    sections: Sequence[Any], found: dict[str, Any], key: str, problems: list[str]
) -> type[Any] | None:
    """Return the dataclass of several whose `kind` is found; the first where none is named."""
    if len(sections) == 1 or "kind" not in found:
        return cast(type[Any], sections[0])
    kinds = {section: get_type_hints(section)["kind"] for section in sections}
    for section, hint in kinds.items():
        if _fits(hint, found["kind"]):
            return cast(type[Any], section)
    words = " or ".join(map(_words, kinds.values()))
    problems.append(f"'{key}' must be {words}, found {_shown(found['kind'])}")
    return None


def _fits(hint: Any, found: Any) -> bool:
    """Return whether `found` may stand for `hint`, as int does for float and list for tuple."""
    if get_origin(hint) is Annotated:
        plain, rule = get_args(hint)
        return _fits(plain, found) and rule.holds(found)
    if get_origin(hint) is Literal:
        return any(type(found) is type(choice) and found == choice for choice in get_args(hint))
    if get_origin(hint) is tuple:
        hints = _item_hints(hint, found) if isinstance(found, tuple | list) else None
        return hints is not None and all(map(_fits, hints, found))
    if hint is float:
        return type(found) in (int, float) and abs(found) <= LARGEST_NUMBER
    return type(found) is hint and (hint is not int or abs(found) <= LARGEST_WHOLE_NUMBER)


def _item_hints(hint: Any, found: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return the type of each item of a tuple; None if `found` has another length."""
    items = get_args(hint)
    if items[-1] is Ellipsis:
        return (items[0],) * len(found)
    return items if len(items) == len(found) else None


def _converted(hint: Any, found: Any) -> Any:
    """Return a value that fits, with ints made floats and lists made tuples."""
    if get_origin(hint) is Annotated:
        return _converted(get_args(hint)[0], found)
    if get_origin(hint) is tuple:
        items = get_args(hint)
        return tuple(_converted(items[0], item) for item in found)
    return float(found) if hint is float else found


def _words(hint: Any) -> str:
    """Return a type in the words of a message."""
    if get_origin(hint) is Annotated:
        plain, rule = get_args(hint)
        return f"{_words(plain)} {rule.words}"
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
    """Return a value as Python writes it, cut where that is long."""
    try:
        text = repr(found)
    except (ValueError, RecursionError):  # a number of thousands of digits, or nested as deeply
        text = "what is too large to show"
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "..."


def _limit(hint: Any, found: Any) -> str:
    """Return what to say beside a number that is of the right type and too large."""
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    number = type(found) in (int, float)
    if plain is int and type(found) is int and abs(found) > LARGEST_WHOLE_NUMBER:
        return f" (at most {LARGEST_WHOLE_NUMBER})"
    if plain is float and number and not abs(found) <= LARGEST_NUMBER:
        return f" (at most {LARGEST_NUMBER:g})"
    return ""
