"""Volumes: by hand, exact to the last digit, and their sums."""

import numpy as np
import pytest

from brainfcn_jax.labels import CSF, TISSUES, VENT, WM
from brainfcn_jax.measures.volumes import (
    label_volumes,
    volume_table,
)

VOXEL_MM3 = 0.35 * 0.35 * 2.0


def labels_with(**voxels: int) -> np.ndarray:
    """A volume of 1000 voxels with so many of each tissue."""
    indices = {tissue.abbreviation: tissue.index for tissue in TISSUES}
    flat = np.zeros(1000, np.uint8)
    flat[: sum(voxels.values())] = np.repeat(
        [indices[name] for name in voxels], list(voxels.values())
    )
    return np.random.default_rng(0).permutation(flat).reshape(10, 20, 5)


def test_by_hand() -> None:
    soft = [900.5, *(0.0, 0.0), 90.25, *(0.0, 0.0, 0.0), 9.25]
    rows = label_volumes(labels_with(WM=120, CSF=7), soft, 2.0, TISSUES)
    assert [row.index for row in rows] == list(range(TISSUES.classes))
    assert [row.abbreviation for row in rows[:2]] == ["BG", "CoGM"]
    assert (rows[0].voxels, rows[0].volume_mm3, rows[0].soft_volume_mm3) == (873, 1746, 1801)
    assert (rows[WM].voxels, rows[WM].volume_mm3, rows[WM].soft_volume_mm3) == (120, 240, 180.5)
    assert rows[VENT].voxels == 0
    assert rows[CSF].volume_mm3 == 14


def test_a_volume_is_exactly_its_voxels_times_one_voxel() -> None:
    rows = volume_table(
        labels_with(CoGM=331, WM=207, Vent=11), [0.1] * TISSUES.classes, VOXEL_MM3, TISSUES
    )
    assert all(row.volume_mm3 == row.voxels * VOXEL_MM3 for row in rows)


def test_the_brain_is_without_fluids_and_the_intracranial_volume_is_everything() -> None:
    labels = labels_with(CoGM=5, BGT=10, WM=20, BS=40, CB=80, Vent=160, CSF=320)
    soft = [float(2**index) for index in range(TISSUES.classes)]
    rows = volume_table(labels, soft, 3.0, TISSUES)
    brain, everything = rows[-2:]
    assert (brain.abbreviation, everything.abbreviation) == ("Brain", "ICV")
    assert (brain.voxels, brain.volume_mm3) == (155, 465)
    assert (everything.voxels, everything.volume_mm3) == (635, 1905)
    assert brain.soft_volume_mm3 == pytest.approx(3 * (2 + 4 + 8 + 16 + 32))
    assert everything.soft_volume_mm3 == pytest.approx(3 * (2 + 4 + 8 + 16 + 32 + 64 + 128))
    assert rows[:-2] == label_volumes(labels, soft, 3.0, TISSUES)
    assert brain.index is everything.index is None


def test_printed_volumes_are_a_table_in_ml() -> None:
    labels = labels_with(CoGM=500, WM=250, Vent=50)
    lines = str(volume_table(labels, [125.0] * TISSUES.classes, 1000.0, TISSUES)).splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["tissue", "voxels", "volume", "(ml)", "soft", "volume", "(ml)"],
        ["background", "BG", "200", "200.00", "125.00"],
    ]
    assert lines[2].split() == ["cortical", "grey", "matter", "CoGM", "500", "500.00", "125.00"]
    assert lines[-1].split() == ["intracranial", "ICV", "800", "800.00", "875.00"]
    assert len({len(line) for line in lines}) == 1  # aligned


def test_a_notebook_shows_volumes_as_a_table() -> None:
    html = volume_table(
        labels_with(WM=250), [125.0] * TISSUES.classes, 1000.0, TISSUES
    )._repr_html_()
    assert html.count("<tr>") == html.count("</tr>") == 11
    assert "<td>white matter</td><td>WM</td><td>250</td><td>250.00</td>" in html
