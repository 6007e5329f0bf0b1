"""Labels of one's own are measured; what holds for tissues alone is not expected of them."""

import dataclasses

import numpy as np
import pytest
from support.own_labels import OWN

from brainfcn_jax.labels import Label, LabelTable
from brainfcn_jax.measures.expectations import NOTHING
from brainfcn_jax.measures.quality import (
    asymmetry,
    cut_by_field_of_view,
    high_uncertainty,
    implausible_volumes,
    missing_labels,
    verdict_of,
)
from brainfcn_jax.measures.volumes import volume_table

SPACING_MM = (1.0, 2.0, 3.0)
FILLING = LabelTable((dataclasses.replace(OWN[0], kind="tissue"), *OWN[1:]))
"""The same table, whose first label belongs to the brain."""


@pytest.fixture
def labels() -> np.ndarray:
    """A large lesion on the right, up to the top edge, a small cyst on the left, and no oedema."""
    labels = np.zeros((12, 12, 12), np.uint8)
    labels[8:12, 2:10, 4:12] = 1
    labels[1:3, 2:4, 4:6] = 2
    return labels


def test_there_is_no_brain_nor_skull_that_they_add_up_to(labels: np.ndarray) -> None:
    rows = volume_table(labels, [1400.0, 250.0, 8.5, 69.5], 6.0, OWN)
    assert [row.abbreviation for row in rows] == ["BG", "Lesion", "Cyst", "Oedema"]
    assert [row.voxels for row in rows] == [1464, 256, 8, 0]
    assert [row.volume_mm3 for row in rows] == [8784, 1536, 48, 0]
    assert [row.soft_volume_mm3 for row in rows] == [8400, 1500, 51, 417]
    assert "not found: œdème" in str(missing_labels(rows, OWN).flag)


def test_with_a_tissue_among_them_they_add_up_to_both(labels: np.ndarray) -> None:
    rows = volume_table(labels, [1400.0, 250.0, 8.5, 69.5], 6.0, FILLING)
    assert [(row.abbreviation, row.voxels) for row in rows[4:]] == [("Brain", 256), ("ICV", 264)]
    assert rows[-1].soft_volume_mm3 == 1551  # oedema is outside of both


def test_no_limits_sides_or_edges_are_held_against_them(labels: np.ndarray) -> None:
    rows = volume_table(labels, [0.0] * 4, 6.0, OWN)
    image = np.random.default_rng(0).random(labels.shape, np.float32)
    entropy = np.full(labels.shape, 0.25, np.float16)
    found = verdict_of(
        (
            implausible_volumes(rows, NOTHING),
            asymmetry(labels, SPACING_MM, OWN, NOTHING),
            cut_by_field_of_view(labels, image, SPACING_MM, OWN, NOTHING),
            high_uncertainty(labels, entropy, OWN),
        )
    )
    assert found.verdict == "PASS"
    assert found.measurements == {
        "mean_entropy": 0.25,
        "mean_entropy_Lesion": 0.25,
        "mean_entropy_Cyst": 0.25,
    }


def test_labels_that_fill_a_brain_may_be_cut_by_the_field_of_view(labels: np.ndarray) -> None:
    image = np.random.default_rng(0).random(labels.shape, np.float32)
    found = cut_by_field_of_view(labels, image, SPACING_MM, FILLING, NOTHING)
    assert found.measurements["section_at_top_mm2"] == 4 * 8 * 2
    assert found.measurements["section_at_right_mm2"] == 8 * 8 * 6
    assert found.flag is not None


def test_a_lesion_may_be_missing() -> None:
    spot, mark = (
        Label(index, kind, kind, (9, 9, 9), kind)
        for index, kind in enumerate(("lesion", "other"), start=1)
    )
    table = LabelTable((spot, mark))
    found = volume_table(np.full((2, 3, 4), 2, np.uint8), [0.0, 0.0, 24.0], 1.0, table)
    assert missing_labels(found, table).flag is None
    none = volume_table(np.zeros((2, 3, 4), np.uint8), [24.0, 0.0, 0.0], 1.0, table)
    flag = missing_labels(none, table).flag
    assert flag is not None and flag.reason == "no label was found"


def test_what_is_beside_the_skull_is_no_brain_that_is_cut() -> None:
    tissue, skull = (
        Label(index, kind, kind, (9, 9, 9), kind)
        for index, kind in enumerate(("tissue", "other"), start=1)
    )
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[5:15, 5:15, 5:15], labels[:, :, 0] = 1, 2
    image, table = labels.astype(np.float32), LabelTable((tissue, skull))
    assert cut_by_field_of_view(labels, image, SPACING_MM, table, NOTHING).flag is None
