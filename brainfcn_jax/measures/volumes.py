"""How much of each tissue there is: voxels and volumes, and what they add up to (numpy)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import UInt8

from brainfcn_jax.labels import BACKGROUND_LABEL, LabelTable

BRAIN_NAME, BRAIN_ABBREVIATION = "brain", "Brain"
INTRACRANIAL_NAME, INTRACRANIAL_ABBREVIATION = "intracranial", "ICV"
_INTRACRANIAL = (INTRACRANIAL_NAME, INTRACRANIAL_ABBREVIATION)

NO_SHARE = frozenset({BACKGROUND_LABEL.abbreviation, INTRACRANIAL_ABBREVIATION})
"""Volumes that are not given in percent of the intracranial one as well."""

_HEADINGS = ["tissue", "", "voxels", "volume (ml)", "soft volume (ml)"]
_WORDS = 2
_MM3_PER_ML = 1000.0


@dataclass(frozen=True)
class LabelVolume:
    """The amount of one label, or of several together.

    Attributes:
        index: its label value; None for a sum of labels.
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


class Volumes(tuple[LabelVolume, ...]):
    """The rows of a volumes table; shown as such a table in a terminal and in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return aligned columns, in ml."""
        rows = [_HEADINGS, *map(_cells, self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        form = "  ".join(
            f"{{:{'<' if index < _WORDS else '>'}{width}}}" for index, width in enumerate(widths)
        )
        return "\n".join(form.format(*row) for row in rows)

    def _repr_html_(self) -> str:
        """Return the same as an HTML table, which notebooks show."""
        head = "".join(f"<th>{heading}</th>" for heading in _HEADINGS)
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in _cells(row)) for row in self)
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def label_volumes(
    labels: UInt8[np.ndarray, "x y z"],
    soft_voxels: Sequence[float],
    voxel_mm3: float,
    table: LabelTable,
) -> tuple[LabelVolume, ...]:
    """Measure the background and the labels of a table, in the order of their values.

    `soft_voxels` are the summed probabilities of the classes, background first; the soft volumes
    add up to that of the whole grid as far as these do.
    """
    assert len(soft_voxels) == table.classes, (len(soft_voxels), table.classes)
    voxels = np.bincount(labels.ravel(), minlength=table.classes).tolist()
    return tuple(
        LabelVolume(
            index=label.index,
            name=label.name,
            abbreviation=label.abbreviation,
            voxels=voxels[label.index],
            volume_mm3=voxels[label.index] * voxel_mm3,
            soft_volume_mm3=float(soft_voxels[label.index]) * voxel_mm3,
        )
        for label in table.with_background
    )


def volume_table(
    labels: UInt8[np.ndarray, "x y z"],
    soft_voxels: Sequence[float],
    voxel_mm3: float,
    table: LabelTable,
) -> Volumes:
    """Measure a volumes table: background, labels, and, where they fill it, brain and skull.

    The brain is what kinds call `in_brain`; the intracranial space, what they call `in_skull`.
    """
    rows = label_volumes(labels, soft_voxels, voxel_mm3, table)
    if not table.fills_brain:
        return Volumes(rows)
    sums = {"in_brain": (BRAIN_NAME, BRAIN_ABBREVIATION), "in_skull": _INTRACRANIAL}
    totals = [
        _sum([rows[index] for index in table.indices_where(quality)], *called, voxel_mm3)
        for quality, called in sums.items()
    ]
    return Volumes((*rows, *totals))


def percent_of_icv(volumes_mm3: Mapping[str, float], abbreviation: str) -> float | None:
    """Return a volume in percent of the intracranial one, both found by their abbreviations.

    None for a volume in `NO_SHARE`, where either is missing, and where the intracranial one is 0.
    """
    whole_mm3 = volumes_mm3.get(INTRACRANIAL_ABBREVIATION, 0)
    if abbreviation in NO_SHARE or abbreviation not in volumes_mm3 or not whole_mm3:
        return None
    return 100 * volumes_mm3[abbreviation] / whole_mm3


def _cells(row: LabelVolume) -> list[str]:
    volumes = (row.volume_mm3, row.soft_volume_mm3)
    ml = (f"{volume / _MM3_PER_ML:.2f}" for volume in volumes)
    return [row.name, row.abbreviation, str(row.voxels), *ml]


def _sum(
    rows: Sequence[LabelVolume], name: str, abbreviation: str, voxel_mm3: float
) -> LabelVolume:
    voxels = sum(row.voxels for row in rows)
    soft_mm3 = sum(row.soft_volume_mm3 for row in rows)
    return LabelVolume(None, name, abbreviation, voxels, voxels * voxel_mm3, soft_mm3)
