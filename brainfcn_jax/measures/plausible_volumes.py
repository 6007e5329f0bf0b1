"""Volumes that are plausible for a brain, in ml: limits for quality control, no norms (numpy).

docs/quality.md gives the source of each. They are wide on purpose: what lies outside is far more
often a failed segmentation than an unusual brain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from brainfcn_jax.imaging.contrasts import ANY, ANY_NEWBORN
from brainfcn_jax.measures.volumes import BRAIN_ABBREVIATION, INTRACRANIAL_ABBREVIATION


@dataclass(frozen=True)
class PlausibleVolumes:
    """The limits for one age group.

    Attributes:
        people: whose brains, as a sentence calls them.
        limits_ml: least and most of each row of a volumes table, by its abbreviation.
    """

    people: str
    limits_ml: Mapping[str, tuple[float, float]]


ADULT = PlausibleVolumes(
    "adults",
    MappingProxyType(
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

NEWBORN = PlausibleVolumes(
    "newborns of 28 to 45 weeks",
    MappingProxyType(
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
)

OF_MODALITY: Mapping[str, PlausibleVolumes] = MappingProxyType(
    {"T1w": ADULT, ANY: ADULT, "T2w": NEWBORN, ANY_NEWBORN: NEWBORN}
)
"""Whose brains a modality's models are for (T1w, T2w: Xu et al. 2017); others have no limits."""
