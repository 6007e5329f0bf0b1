"""A brain made of ellipsoids, of an adult's size, for tests that need anatomy but no network."""

import numpy as np
from jaxtyping import Float16, Float32, UInt8

from brainfcn_jax.labels import BGT, BS, CB, COGM, CSF, TISSUES, VENT, WM
from brainfcn_jax.measures.volumes import Volumes, volume_table

SPACING_MM = (3.0, 3.0, 3.0)
SHAPE = (60, 70, 66)

ELLIPSOIDS = (
    (CSF, (0, 0, 0), (66, 86, 62)),
    (COGM, (0, 0, 0), (63, 83, 59)),
    (WM, (0, 0, 0), (54, 74, 50)),
    (BGT, (-22, 5, 0), (12, 18, 12)),
    (BGT, (22, 5, 0), (12, 18, 12)),
    (VENT, (-9, 0, 10), (6, 32, 9)),
    (VENT, (9, 0, 10), (6, 32, 9)),
    (CB, (0, -45, -50), (45, 30, 24)),
    (BS, (0, -14, -48), (11, 11, 34)),
)
"""Tissue, centre and half axes in mm (right, front, top); later ones lie on top."""

INTENSITIES = np.array([0, 90, 120, 160, 140, 100, 30, 25], np.float32)


def labelled_brain(
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
    turn_degrees: float = 0.0,
    tilt_degrees: float = 0.0,
) -> UInt8[np.ndarray, "x y z"]:
    """The tissues, the head turned about its long axis and tilted to a shoulder."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    turn, tilt = np.radians([turn_degrees, tilt_degrees])
    x, y = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    x, z = np.cos(tilt) * x + np.sin(tilt) * z, np.cos(tilt) * z - np.sin(tilt) * x
    labels = np.zeros(shape, np.uint8)
    for tissue, centre, radii in ELLIPSOIDS:
        offsets = ((p - c) / r for p, c, r in zip((x, y, z), centre, radii, strict=True))
        labels[sum(offset**2 for offset in offsets) < 1] = tissue
    return labels


def intensities(labels: UInt8[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
    """A scan of the labels: each tissue has one intensity, with a little noise inside the head."""
    noise = np.random.default_rng(0).normal(0, 4, labels.shape).astype(np.float32)
    return np.asarray(np.where(labels > 0, INTENSITIES[labels] + noise, np.float32(0)))


def entropies(labels: UInt8[np.ndarray, "x y z"]) -> Float16[np.ndarray, "x y z"]:
    """Uncertain at 0.2 wherever there is a tissue."""
    return np.where(labels > 0, 0.2, 0.0).astype(np.float16)


def volumes(
    labels: UInt8[np.ndarray, "x y z"], spacing_mm: tuple[float, float, float] = SPACING_MM
) -> Volumes:
    """The rows of the volumes table, with soft volumes equal to those counted."""
    counts = np.bincount(labels.ravel(), minlength=TISSUES.classes).astype(float).tolist()
    return volume_table(labels, counts, float(np.prod(spacing_mm)), TISSUES)
