"""Tables of labels: what a model tells apart, and the seven tissues of the paper (numpy only).

A label map of this program holds a label's value in each voxel; inside the program a voxel holds a
class: 0 for the background, else the place of its label in the table, counted from 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

from brainfcn_jax.errors import InputError
from brainfcn_jax.text import either, first_few

MOST_LABELS = 128


@dataclass(frozen=True)
class LabelKind:
    """What is true of all labels of one kind.

    Attributes:
        in_brain: whether they belong to the brain's own volume.
        in_skull: whether they belong to the intracranial volume.
        around_brain: whether they may lie around a brain that was found, as its fluid does.
        in_everyone: whether a scan without them is worth a look.
    """

    in_brain: bool
    in_skull: bool
    around_brain: bool = False
    in_everyone: bool = True


KINDS: Mapping[str, LabelKind] = MappingProxyType(
    {
        "tissue": LabelKind(in_brain=True, in_skull=True),
        "ventricle": LabelKind(in_brain=False, in_skull=True),
        "fluid": LabelKind(in_brain=False, in_skull=True, around_brain=True),
        "lesion": LabelKind(in_brain=True, in_skull=True, in_everyone=False),
        "other": LabelKind(in_brain=False, in_skull=False),
    }
)
"""Every kind of label by its name; a table that has a "tissue" is one that fills the brain."""


@dataclass(frozen=True)
class Label:
    """One label.

    Attributes:
        index: its value in label maps, its place in its table.
        name: in words.
        abbreviation: in letters and digits, for columns and names of files.
        colour: red, green and blue, 0 to 255.
        kind: one of `KINDS`.
        bids_code: its number among the common labels of BIDS (derivatives, imaging:
            segmentations); None: it has none.
    """

    index: int
    name: str
    abbreviation: str
    colour: tuple[int, int, int]
    kind: str = "other"
    bids_code: int | None = None


BACKGROUND = 0
BACKGROUND_LABEL = Label(BACKGROUND, "background", "BG", (0, 0, 0), bids_code=0)
"""What is no label, where a table has a row for it."""


class LabelTable(tuple[Label, ...]):
    """The labels that a model tells apart, without the background, in the order of its classes."""

    __slots__ = ()

    @property
    def classes(self) -> int:
        """How many classes there are: the background and the labels."""
        return 1 + len(self)

    @property
    def with_background(self) -> tuple[Label, ...]:
        """The background and the labels."""
        return (BACKGROUND_LABEL, *self)

    @property
    def names(self) -> tuple[str, ...]:
        """The labels' names."""
        return tuple(label.name for label in self)

    @property
    def fills_brain(self) -> bool:
        """Whether every voxel of a brain has one of the labels, so that they add up to it."""
        return any(label.kind == "tissue" for label in self)

    @property
    def kind_word(self) -> str:
        """What sentences call one of the labels."""
        return "tissue" if self.fills_brain else "label"

    def indices_where(self, quality: str) -> tuple[int, ...]:
        """Return the values of the labels of whose kind an attribute of `LabelKind` is true."""
        return tuple(label.index for label in self if getattr(KINDS[label.kind], quality))


def table_text(table: LabelTable, kinds: bool = True) -> str:
    """Return a table as BIDS has it, background first: index, name, abbreviation, color, mapping.

    With `kinds` a last column "kind" follows, which is this program's own.
    """
    rows = [
        (
            str(label.index),
            label.name,
            label.abbreviation,
            "#{:02x}{:02x}{:02x}".format(*label.colour),
            "n/a" if label.bids_code is None else str(label.bids_code),
            label.kind,
        )
        for label in table.with_background
    ]
    lines = [(*_COLUMNS, "kind"), *rows]
    return "".join("\t".join(line if kinds else line[:-1]) + "\n" for line in lines)


def parsed_table(text: str) -> LabelTable:
    """Return the table that a text in the form of `table_text` holds; a background may be absent.

    `index`, `name`, `abbreviation` and `color` are needed; a label without a kind is "other".

    Raises:
        InputError: a column is missing, a value has another form, kinds are unknown, names or
            abbreviations stand twice, or the values do not count from 1. It names no file.
    """
    columns, *rows = [line.split("\t") for line in text.splitlines() if line.strip()] or [[]]
    columns = [column.strip() for column in columns]
    if missing := [column for column in _NEEDED if column not in columns]:
        raise InputError(f"is no label table: it lacks the columns {', '.join(missing)}")
    labels = [_label(columns, row) for row in rows]
    table = LabelTable(label for label in labels if label.index != BACKGROUND)
    if problems := table_problems(table):
        raise InputError(f"is no usable label table: {'; '.join(problems)}")
    return table


def table_problems(table: LabelTable) -> list[str]:
    """Return what is wrong with a table, one sentence each; empty when nothing is."""
    unknown = sorted({label.kind for label in table} - KINDS.keys())
    problems = [f"kind {kind!r} is not {either(list(KINDS))}" for kind in unknown]
    if not 1 <= len(table) <= MOST_LABELS:
        problems.append(f"it has {len(table)} labels, must have 1 to {MOST_LABELS}")
    found = [label.index for label in table]
    if found != list(range(1, len(table) + 1)):
        problems.append(f"its values are {first_few(found)}; they must count from 1, in order")
    for what in ("name", "abbreviation"):
        words = [getattr(label, what) for label in table.with_background]
        twice = sorted({word for word in words if words.count(word) > 1})
        problems += [f"the {what} {word!r} stands twice" for word in twice]
        problems += [f"a label has no {what}"] * ("" in words)
    unclean = [name for name in table.names if not name.isprintable() or name != name.strip()]
    problems += [f"the name {name!r} holds odd characters, or ends in spaces" for name in unclean]
    odd = [label.abbreviation for label in table if not label.abbreviation.isalnum()]
    problems += [f"the abbreviation {word!r} holds more than letters and digits" for word in odd]
    sums = {"Brain", "ICV"} & {label.abbreviation for label in table}
    if sums and table != BRAIN:
        problems.append(f"{', '.join(sorted(sums))} is what volumes of several labels are called")
    if any(not 0 <= channel <= 255 for label in table for channel in label.colour):
        problems.append("a colour is not of channels from 0 to 255")
    return problems


def _label(columns: Sequence[str], row: Sequence[str]) -> Label:
    cells = {column: cell.strip() for column, cell in zip_longest(columns, row, fillvalue="")}
    colour, mapping = cells["color"].removeprefix("#"), cells.get("mapping", "n/a")
    try:
        if len(row) > len(columns):
            raise ValueError("more cells than columns")
        red, green, blue = bytes.fromhex(colour)
        return Label(
            int(cells["index"]),
            cells["name"],
            cells["abbreviation"],
            (red, green, blue),
            cells.get("kind") or "other",
            None if mapping in ("n/a", "") else int(mapping),
        )
    except ValueError as error:
        raise InputError(
            f"is no label table: a row holds {first_few(row)}; index and mapping "
            "are whole numbers, a color is as #ff8000"
        ) from error


def named_table(names: Sequence[str]) -> LabelTable:
    """Return a table for names alone: the tissues' or the brain's where they are those."""
    for known in (TISSUES, BRAIN):
        if known.names == tuple(names):
            return known
    return LabelTable(
        Label(index, name, f"L{index}", _PALETTE[index % len(_PALETTE)])
        for index, name in enumerate(names, start=1)
    )


_COLUMNS = ("index", "name", "abbreviation", "color", "mapping")
_NEEDED = _COLUMNS[:4]
_PALETTE = ((230, 130, 40), (60, 90, 220), (90, 170, 70), (220, 50, 50), (200, 60, 160))

COGM, BGT, WM, BS, CB, VENT, CSF = range(1, 8)

TISSUES = LabelTable(
    (
        Label(COGM, "cortical grey matter", "CoGM", (230, 130, 40), "tissue", 8),
        Label(BGT, "basal ganglia and thalami", "BGT", (200, 60, 160), "tissue", 9),
        Label(WM, "white matter", "WM", (240, 240, 220), "tissue", 2),
        Label(BS, "brainstem", "BS", (90, 170, 70), "tissue", 10),
        Label(CB, "cerebellum", "CB", (220, 50, 50), "tissue", 11),
        Label(VENT, "ventricles", "Vent", (60, 90, 220), "ventricle", 3),
        Label(CSF, "extracerebral cerebrospinal fluid", "CSF", (70, 200, 220), "fluid", 3),
    )
)
"""The seven tissues, in the order of Table 2 of Xu et al. 2017."""

BRAIN = LabelTable((Label(1, "brain", "Brain", (200, 200, 200), "tissue"),))
"""What a network that finds the brain tells from the background."""
