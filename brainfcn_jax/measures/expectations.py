"""What is expected of the seven tissues in people: limits for quality control, no norms (numpy).

docs/quality.md gives the source of each. They are wide on purpose: what lies outside is far more
often a failed segmentation than an unusual brain. Nothing is expected of labels of one's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from brainfcn_jax.labels import BGT, BS, CB, COGM, CSF, TISSUES, VENT, WM, LabelTable
from brainfcn_jax.measures.volumes import BRAIN_ABBREVIATION, INTRACRANIAL_ABBREVIATION

Order = tuple[tuple[str, str, float], ...]
"""Pairs of substances, the darker one first, and how many standard deviations lie between them at
least."""


@dataclass(frozen=True)
class Expectations:
    """What is expected of labels in the scans of some people.

    Attributes:
        people: whose brains, as a sentence calls them; empty: of nobody's anything.
        limits_ml: least and most of each row of a volumes table, by its abbreviation.
        compared_sides: labels that are much the same on both sides.
        through_bottom: labels that may go on below the field of view.
        substances: labels whose intensities tell contrasts apart, by what they are of; of several
            that one is taken that is there.
        dark_to_bright: what holds in every scan of a contrast, by the contrast.
    """

    people: str = ""
    limits_ml: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    compared_sides: tuple[int, ...] = ()
    through_bottom: tuple[int, ...] = ()
    substances: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    dark_to_bright: Mapping[str, Order] = field(default_factory=dict)


NOTHING = Expectations()

_T1W: Order = (("fluid", "grey matter", 0.3), ("grey matter", "white matter", 0.6))
_T2W: Order = (("grey matter", "fluid", 0.3), ("white matter", "fluid", 0.3))
_FLAIR: Order = (("fluid", "grey matter", 0.3), ("fluid", "white matter", 0.3))
_DARK_WHITE_MATTER: Order = (("white matter", "grey matter", 0.0),)

ANYONE = Expectations(
    compared_sides=(COGM, BGT, WM, CB),  # ventricles are not alike, and the brainstem is thin
    through_bottom=(BS,),  # it goes on as the spinal cord
    substances=MappingProxyType(
        # The ventricles' fluid is purer than that of the sulci, unless they are too small.
        {"grey matter": (COGM,), "white matter": (WM,), "fluid": (VENT, CSF)}
    ),
    dark_to_bright=MappingProxyType(
        {
            "T1w": _T1W,
            "T2w": _T2W + _DARK_WHITE_MATTER,
            "FLAIR": _FLAIR + _DARK_WHITE_MATTER,
            "PDw": _DARK_WHITE_MATTER,
        }
    ),
)

ADULTS = replace(
    ANYONE,
    people="adults",
    limits_ml=MappingProxyType(
        {
            "CoGM": (190.0, 1050.0),
            "BGT": (17.0, 65.0),
            "WM": (190.0, 820.0),
            "BS": (8.0, 35.0),
            "CB": (60.0, 265.0),
            "Vent": (2.0, 150.0),
            BRAIN_ABBREVIATION: (720.0, 1750.0),
            INTRACRANIAL_ABBREVIATION: (840.0, 1900.0),
        }
    ),
)

NEWBORNS = replace(
    ANYONE,
    people="newborns of 28 to 45 weeks",
    limits_ml=MappingProxyType(
        {
            "CoGM": (18.0, 330.0),
            "BGT": (4.0, 60.0),
            "WM": (35.0, 350.0),
            "BS": (1.7, 13.0),
            "CB": (1.1, 50.0),
            "Vent": (0.5, 75.0),
            BRAIN_ABBREVIATION: (60.0, 670.0),
            INTRACRANIAL_ABBREVIATION: (100.0, 900.0),
        }
    ),
    # Their white matter has more water: it is the darker one in T1w, and the brighter in T2w.
    dark_to_bright=MappingProxyType({"T1w": _FLAIR, "T2w": _T2W}),
)

_OF_TISSUES = MappingProxyType({"adults": ADULTS, "newborns": NEWBORNS, "anyone": ANYONE})


def expected_of(labels: LabelTable, people: str) -> Expectations:
    """Return what is expected of a model's labels in the people that it is for."""
    return _OF_TISSUES[people] if labels == TISSUES else NOTHING
