"""The seven tissues and the label codes of the data sets that are read (numpy only).

Every number that stands for a tissue or a data set's label code is in this module.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Integer, UInt8

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.text import first_few

_UNKNOWN = 255


@dataclass(frozen=True)
class Tissue:
    """One tissue: its label value, names and colour (red, green, blue; 0..255)."""

    index: int
    name: str
    abbreviation: str
    colour: tuple[int, int, int]


BACKGROUND, COGM, BGT, WM, BS, CB, VENT, CSF = range(8)

TISSUES = (
    Tissue(COGM, "cortical grey matter", "CoGM", (230, 130, 40)),
    Tissue(BGT, "basal ganglia and thalami", "BGT", (200, 60, 160)),
    Tissue(WM, "white matter", "WM", (240, 240, 220)),
    Tissue(BS, "brainstem", "BS", (90, 170, 70)),
    Tissue(CB, "cerebellum", "CB", (220, 50, 50)),
    Tissue(VENT, "ventricles", "Vent", (60, 90, 220)),
    Tissue(CSF, "extracerebral cerebrospinal fluid", "CSF", (70, 200, 220)),
)
"""The tissues in the order of Table 2 of Xu et al. 2017; `TISSUES[i].index == i + 1`."""

CLASSES = 1 + len(TISSUES)
"""Values of a label map: the background and the tissues."""

BRAIN_ALONE = ("brain",)
"""What a network that finds the brain tells from the background."""

BACKGROUND_TISSUE = Tissue(BACKGROUND, "background", "BG", (0, 0, 0))
"""What is no tissue, where a table has a row for it."""

BIDS_CODES = MappingProxyType(
    {BACKGROUND: 0, COGM: 8, BGT: 9, WM: 2, BS: 10, CB: 11, VENT: 3, CSF: 3}
)
"""The number of each label in the common labels of BIDS (derivatives, imaging: segmentations)."""

ABBREVIATIONS = tuple(tissue.abbreviation for tissue in TISSUES)


@dataclass(frozen=True)
class ScoredStructure:
    """What a data set scores as one: tissues of a prediction against codes of its reference."""

    name: str
    tissues: frozenset[int]
    codes: frozenset[int]


@dataclass(frozen=True)
class CodeScheme:
    """The label codes of one data set.

    Attributes:
        name: how settings and flags call it.
        codes: code -> tissue index, for every code that a file may hold (0 included).
        structures: what is scored.
        ignored_codes: predictions are not scored where the reference has one of these.
    """

    name: str
    codes: Mapping[int, int]
    structures: tuple[ScoredStructure, ...]
    ignored_codes: frozenset[int] = frozenset()


def _structure(name: str, tissues: set[int], codes: set[int]) -> ScoredStructure:
    return ScoredStructure(name, frozenset(tissues), frozenset(codes))


TISSUE_SCHEME = CodeScheme(
    name="tissues",
    codes=MappingProxyType({index: index for index in range(CLASSES)}),
    structures=tuple(_structure(t.abbreviation, {t.index}, {t.index}) for t in TISSUES),
)
"""This project's own label maps."""

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
    """The scheme of that name; UsageError, with the known names, when there is none."""
    if name not in SCHEMES:
        raise UsageError(f"no label scheme is called {name!r}; choose one of {', '.join(SCHEMES)}")
    return SCHEMES[name]


def to_tissues(
    codes: Integer[np.ndarray, "*shape"], scheme: CodeScheme
) -> UInt8[np.ndarray, "*shape"]:
    """Tissue index (0..7) of every code.

    Raises:
        InputError: a code is not in the scheme; the message lists those found and those allowed.
    """
    last_code = max(scheme.codes)
    table = np.full(last_code + 2, _UNKNOWN, np.uint8)
    for code, tissue in scheme.codes.items():
        table[code] = tissue
    inside = (codes >= 0) & (codes <= last_code)
    tissues = table[np.where(inside, codes, last_code + 1)]
    unknown = tissues == _UNKNOWN
    if unknown.any():
        raise InputError(
            f"holds label values {first_few(np.unique(codes[unknown]).tolist())}, which "
            f"{scheme.name!r} labels do not have; allowed are {first_few(sorted(scheme.codes))}"
        )
    return tissues
