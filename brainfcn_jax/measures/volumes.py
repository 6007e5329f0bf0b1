"""How much of each tissue there is: voxels and volumes, and what they add up to (numpy)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import UInt8

from brainfcn_jax.labels import BACKGROUND, BACKGROUND_TISSUE, CLASSES, CSF, TISSUES, VENT

FLUIDS = frozenset({VENT, CSF})
"""The tissues that are no part of the brain's own volume."""

BRAIN_NAME, BRAIN_ABBREVIATION = "brain", "Brain"
INTRACRANIAL_NAME, INTRACRANIAL_ABBREVIATION = "intracranial", "ICV"

NO_SHARE = frozenset({BACKGROUND_TISSUE.abbreviation, INTRACRANIAL_ABBREVIATION})
"""Volumes that are not given in percent of the intracranial one as well."""

_HEADINGS = ["tissue", "", "voxels", "volume (ml)", "soft volume (ml)"]
_WORDS = 2
_MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class TissueVolume:
    """The amount of one tissue, or of several together.

    Attributes:
        index: its label value; None for a sum of tissues.
        name: in words.
        abbreviation: in letters.
        voxels: how many voxels have its label.
        volume_mm3: exactly `voxels` times the volume of one voxel.
        soft_volume_mm3: the sum of its probability over all voxels of the scan's grid, before
            post-processing, times the volume of one voxel.
    """

    index: int | None
    name: str
    abbreviation: str
    voxels: int
    volume_mm3: float
    soft_volume_mm3: float


class Volumes(tuple[TissueVolume, ...]):
    """The rows of a volumes table; shown as such a table in a terminal and in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Aligned columns, in ml."""
        rows = [_HEADINGS, *map(_cells, self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "  ".join(
            f"{{:{'<' if index < _WORDS else '>'}{width}}}" for index, width in enumerate(widths)
        )
        return "\n".join(form.format(*row) for row in rows)

    def _repr_html_(self) -> str:
        """The same as an HTML table, which notebooks show."""
        head = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) for row in self)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def tissue_volumes(
    labels: UInt8[np.ndarray, "x y z"], soft_voxels: Sequence[float], voxel_mm3: float
) -> tuple[TissueVolume, ...]:
    """Measures the background and the seven tissues, in the order of their label values.

    `soft_voxels` are the summed probabilities of the classes, background first; the soft volumes
    add up to that of the whole grid as far as these do.
    """
    assert len(soft_voxels) == CLASSES, len(soft_voxels)
    voxels = np.bincount(labels.ravel(), minlength=CLASSES).tolist()
    return tuple(
        TissueVolume(
            index=tissue.index,
            name=tissue.name,
            abbreviation=tissue.abbreviation,
            voxels=voxels[tissue.index],
            volume_mm3=voxels[tissue.index] * voxel_mm3,
            soft_volume_mm3=float(soft_voxels[tissue.index]) * voxel_mm3,
        )
        for tissue in (BACKGROUND_TISSUE, *TISSUES)
    )


def brain_volume(volumes: Sequence[TissueVolume], voxel_mm3: float) -> TissueVolume:
    """Adds up all tissues but the fluids (ventricles and extracerebral): the brain's own volume."""
    chosen = [row for row in volumes if row.index not in {None, BACKGROUND, *FLUIDS}]
    return _sum(chosen, BRAIN_NAME, BRAIN_ABBREVIATION, voxel_mm3)


def intracranial_volume(volumes: Sequence[TissueVolume], voxel_mm3: float) -> TissueVolume:
    """Adds up all seven tissues, fluids included."""
    chosen = [row for row in volumes if row.index not in {None, BACKGROUND}]
    return _sum(chosen, INTRACRANIAL_NAME, INTRACRANIAL_ABBREVIATION, voxel_mm3)


def volume_table(
    labels: UInt8[np.ndarray, "x y z"], soft_voxels: Sequence[float], voxel_mm3: float
) -> Volumes:
    """Measures a volumes table: background, the seven tissues, the brain, the intracranial."""
    rows = tissue_volumes(labels, soft_voxels, voxel_mm3)
    brain, intracranial = brain_volume(rows, voxel_mm3), intracranial_volume(rows, voxel_mm3)
    return Volumes((*rows, brain, intracranial))


def percent_of_icv(volumes_mm3: Mapping[str, float], abbreviation: str) -> float | None:
    """Gives a volume in percent of the intracranial one, both found by their abbreviations.

    None for a volume in `NO_SHARE`, where either is missing, and where the intracranial one is 0.
    """
    whole_mm3 = volumes_mm3.get(INTRACRANIAL_ABBREVIATION, 0)
    if abbreviation in NO_SHARE or abbreviation not in volumes_mm3 or not whole_mm3:
        return None
    return 100 * volumes_mm3[abbreviation] / whole_mm3


def _cells(row: TissueVolume) -> list[str]:
    volumes = (row.volume_mm3, row.soft_volume_mm3)
    ml = (f"{volume / _MM3_PER_ML:.2f}" for volume in volumes)
    return [row.name, row.abbreviation, str(row.voxels), *ml]


def _sum(
    rows: Sequence[TissueVolume], name: str, abbreviation: str, voxel_mm3: float
) -> TissueVolume:
    voxels = sum(row.voxels for row in rows)
    soft_mm3 = sum(row.soft_volume_mm3 for row in rows)
    return TissueVolume(None, name, abbreviation, voxels, voxels * voxel_mm3, soft_mm3)
