"""The label codes of data sets that are read, and what each of them scores (numpy only)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Integer, UInt8

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.labels import (
    BACKGROUND,
    BGT,
    BS,
    CB,
    COGM,
    CSF,
    TISSUES,
    VENT,
    WM,
    LabelTable,
)
from brainfcn_jax.text import first_few

_UNKNOWN = 255


@dataclass(frozen=True)
class ScoredStructure:
    """What a data set scores as one: classes of a prediction against codes of its reference."""

    name: str
    classes: frozenset[int]
    codes: frozenset[int]


@dataclass(frozen=True)
class CodeScheme:
    """The label codes of one data set.

    Attributes:
        name: how settings and flags call it.
        codes: code -> class, for every code that a file may hold (0 included).
        structures: what is scored.
        ignored_codes: predictions are not scored where the reference has one of these.
    """

    name: str
    codes: Mapping[int, int]
    structures: tuple[ScoredStructure, ...]
    ignored_codes: frozenset[int] = frozenset()


def _structure(name: str, classes: set[int], codes: set[int]) -> ScoredStructure:
    return ScoredStructure(name, frozenset(classes), frozenset(codes))


def own_scheme(table: LabelTable) -> CodeScheme:
    """Return the scheme of a model's own label maps, each of whose labels is scored."""
    return CodeScheme(
        name="tissues" if table == TISSUES else "labels",
        codes=MappingProxyType({index: index for index in range(table.classes)}),
        structures=tuple(
            _structure(label.abbreviation, {label.index}, {label.index}) for label in table
        ),
    )


TISSUE_SCHEME = own_scheme(TISSUES)
"""Label maps of the seven tissues as this program writes them."""

MRBRAINS13 = CodeScheme(
    name="mrbrains13",
    codes=MappingProxyType(
        {
            0: BACKGROUND,
            1: COGM,
            2: BGT,
            3: WM,
            4: WM,  # white matter lesions
            5: CSF,
            6: VENT,
            7: CB,
            8: BS,
        }
    ),
    structures=(
        _structure("GM", {COGM, BGT}, {1, 2}),
        _structure("WM", {WM}, {3, 4}),
        _structure("CSF", {VENT, CSF}, {5, 6}),
    ),
    ignored_codes=frozenset({7, 8}),
)
"""MRBrainS13 `LabelsForTraining`."""

MRBRAINS13_TESTING = CodeScheme(
    name="mrbrains13_testing",
    codes=MappingProxyType({0: BACKGROUND, 1: CSF, 2: COGM, 3: WM}),
    structures=(
        _structure("GM", {COGM, BGT}, {2}),
        _structure("WM", {WM}, {3}),
        _structure("CSF", {VENT, CSF}, {1}),
    ),
)
"""MRBrainS13 `LabelsForTesting`: a reference to score against, too coarse to train on.

Its GM and CSF hold two tissues each, read as CoGM and CSF; it has no cerebellum or brainstem,
so nothing can be ignored there.
"""

NEOBRAINS12 = CodeScheme(
    name="neobrains12",
    codes=MappingProxyType(
        {
            0: BACKGROUND,
            1: CB,
            2: WM,  # myelinated
            3: BGT,
            4: VENT,
            5: WM,  # unmyelinated
            6: BS,
            7: COGM,
            8: CSF,
        }
    ),
    structures=(
        _structure("CoGM", {COGM}, {7}),
        _structure("BGT", {BGT}, {3}),
        _structure("WM", {WM}, {2, 5}),
        _structure("BS", {BS}, {6}),
        _structure("CB", {CB}, {1}),
        _structure("Vent", {VENT}, {4}),
        _structure("CSF", {CSF}, {8}),
    ),
)
"""NeoBrainS12; myelinated white matter is scored in merged white matter only."""

SCHEMES: Mapping[str, CodeScheme] = MappingProxyType(
    {s.name: s for s in (TISSUE_SCHEME, MRBRAINS13, MRBRAINS13_TESTING, NEOBRAINS12)}
)


def find_scheme(name: str) -> CodeScheme:
    """Return the scheme of a name; raise UsageError, with the known names, when there is none."""
    if name not in SCHEMES:
        raise UsageError(f"no label scheme is called {name!r}; choose one of {', '.join(SCHEMES)}")
    return SCHEMES[name]


def scheme_for(name: str | None, table: LabelTable) -> CodeScheme:
    """Return the scheme of that name, or, for None, that of a table's own label maps.

    Raises:
        UsageError: there is no such scheme, or the table's labels are not those it is about.
    """
    if name is None:
        return own_scheme(table)
    scheme = find_scheme(name)
    if table != TISSUES:
        raise UsageError(
            f"the label scheme {name!r} is about {first_few(TISSUES.names)}, and the labels are "
            f"{first_few(table.names)}; leave it out"
        )
    return scheme


def classes_of(
    codes: Integer[np.ndarray, "*shape"], scheme: CodeScheme
) -> UInt8[np.ndarray, "*shape"]:
    """Return the class of every code.

    Raises:
        InputError: a code is not in the scheme; the message lists those found and those allowed.
    """
    last_code = max(scheme.codes)
    table = np.full(last_code + 2, _UNKNOWN, np.uint8)
    for code, label in scheme.codes.items():
        table[code] = label
    inside = (codes >= 0) & (codes <= last_code)
    classes = table[np.where(inside, codes, last_code + 1)]
    unknown = classes == _UNKNOWN
    if unknown.any():
        raise InputError(
            f"holds label values {first_few(np.unique(codes[unknown]).tolist())}, which "
            f"{scheme.name!r} labels do not have; allowed are {first_few(sorted(scheme.codes))}"
        )
    return classes
