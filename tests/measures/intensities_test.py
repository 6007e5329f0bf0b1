"""How bright a scan is where each label is."""

import numpy as np
import pytest

from brainfcn_jax.labels import TISSUES, WM
from brainfcn_jax.measures.intensities import LabelIntensities, label_intensities


def test_each_label_has_the_intensities_of_its_own_voxels() -> None:
    labels = np.zeros((5, 5, 5), np.uint8)
    labels[0] = WM
    data = np.full(labels.shape, 1e4, np.float32)
    data[0] = np.arange(25).reshape(5, 5)
    found = label_intensities(data, labels, TISSUES)
    assert [row.abbreviation for row in found] == [label.abbreviation for label in TISSUES]
    white = found[WM - 1]
    assert (white.mean, white.median) == (12.0, 12.0)
    assert white.standard_deviation == pytest.approx(np.arange(25).std())
    assert (white.percentile_5, white.percentile_95) == pytest.approx((1.2, 22.8))
    assert found[0] == LabelIntensities(1, TISSUES[0].name, TISSUES[0].abbreviation)
