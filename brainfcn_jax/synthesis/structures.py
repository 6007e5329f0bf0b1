"""The structures that the generator knows: their tissue and their codes in label maps (numpy only).

A structure is what gets an intensity of its own; several make a tissue, and some are no tissue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import UInt8

from brainfcn_jax.labels import BACKGROUND, BGT, BS, CB, COGM, CSF, VENT, WM


@dataclass(frozen=True)
class Structure:
    """One structure.

    Attributes:
        name: how this package calls it.
        tissue: the tissue it belongs to, 0 for all that is not labelled.
        synthseg: its values in SynthSeg's label maps, left and right alike.
        newborn_t2: its mean intensity in T2w scans of newborns, fluid being 1. Tissues are
            near those of fetal templates of 22, 28 and 34 weeks; the rest is a guess. The
            generator varies it.
        newborn_t2_spread: the standard deviation within it, on the same scale.
    """

    name: str
    tissue: int
    synthseg: tuple[int, ...]
    newborn_t2: float
    newborn_t2_spread: float


STRUCTURES = (
    Structure("air", BACKGROUND, (0,), 0.01, 0.005),
    Structure("cortex", COGM, (3, 42), 0.49, 0.04),
    Structure("hippocampus_amygdala", COGM, (17, 18, 53, 54), 0.49, 0.04),
    Structure("thalamus", BGT, (10, 49), 0.52, 0.04),
    Structure("caudate_accumbens", BGT, (11, 26, 50, 58), 0.52, 0.04),
    Structure("putamen", BGT, (12, 51), 0.50, 0.04),
    Structure("pallidum", BGT, (13, 52), 0.48, 0.04),
    Structure("deep_grey", BGT, (), 0.52, 0.06),
    Structure("white_matter", WM, (2, 41, 85), 0.68, 0.05),
    Structure("white_matter_lesion", WM, (25, 57, 77), 0.75, 0.06),
    Structure("ventral_diencephalon", WM, (28, 60), 0.52, 0.04),
    Structure("brainstem", BS, (16,), 0.50, 0.05),
    Structure("cerebellar_white_matter", CB, (7, 46), 0.60, 0.05),
    Structure("cerebellar_cortex", CB, (8, 47), 0.52, 0.05),
    Structure("cerebellum", CB, (), 0.55, 0.09),
    Structure("ventricle", VENT, (4, 5, 14, 15, 43, 44, 72), 0.98, 0.05),
    Structure("choroid_plexus", VENT, (136, 137, 163, 164), 0.70, 0.12),
    Structure("perivascular", BGT, (30, 62), 0.90, 0.08),
    Structure("fluid", CSF, (24,), 0.93, 0.12),
    Structure("spinal_fluid", BACKGROUND, (), 0.90, 0.12),
    Structure("artery", BACKGROUND, (502,), 0.15, 0.12),
    Structure("airway", BACKGROUND, (506,), 0.02, 0.02),
    Structure("soft_tissue", BACKGROUND, (507,), 0.42, 0.16),
    Structure("eye_muscle", BACKGROUND, (508,), 0.30, 0.08),
    Structure("mucosa", BACKGROUND, (509,), 0.60, 0.20),
    Structure("skin", BACKGROUND, (511,), 0.42, 0.14),
    Structure("spinal_cord", BACKGROUND, (512,), 0.50, 0.08),
    Structure("eye", BACKGROUND, (514,), 0.97, 0.05),
    Structure("bone", BACKGROUND, (515,), 0.10, 0.06),
    Structure("marrow", BACKGROUND, (516,), 0.30, 0.12),
    Structure("optic_nerve", BACKGROUND, (530,), 0.45, 0.08),
    Structure("scalp_fat", BACKGROUND, (), 0.60, 0.16),
)

CODES: Mapping[str, int] = MappingProxyType({s.name: i for i, s in enumerate(STRUCTURES)})
"""A structure's name -> its code, the index in `STRUCTURES`."""

TISSUE_OF_CODE: UInt8[np.ndarray, " structure"] = np.array([s.tissue for s in STRUCTURES], np.uint8)

CODE_OF_SYNTHSEG: Mapping[int, int] = MappingProxyType(
    {value: code for code, s in enumerate(STRUCTURES) for value in s.synthseg}
)

CODE_OF_NEWBORN_TISSUE = (
    *(CODES[name] for name in ("air", "cortex", "deep_grey", "white_matter", "brainstem")),
    *(CODES[name] for name in ("cerebellum", "ventricle", "fluid")),
)
"""Code of each tissue (0..7) of a newborn's map, which tells no more than tissues."""
