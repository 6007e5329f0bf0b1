"""A scan of a head made for tests, whole or cut to its brain, with noise as a scanner's."""

import numpy as np
from jaxtyping import Float32
from scipy import ndimage
from support.labelled_brain import SHAPE, SPACING_MM, intensities, labelled_brain

SKULL_MM, SCALP_MM = 6.0, 12.0


def _biased(scan: Float32[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
    """A scan brighter in front than behind, as near a coil."""
    along = np.linspace(0.75, 1.25, scan.shape[1], dtype=np.float32)
    return scan * along[None, :, None]


def stripped_scan() -> Float32[np.ndarray, "x y z"]:
    """The brain on a background of 0."""
    return _biased(intensities(labelled_brain(SHAPE, SPACING_MM)))


def head_scan() -> Float32[np.ndarray, "x y z"]:
    """The brain in a dark skull and a bright scalp, with noise everywhere."""
    labels = np.pad(labelled_brain(SHAPE, SPACING_MM), 6)
    scan = intensities(labels)
    outward_mm = ndimage.distance_transform_edt(labels == 0, SPACING_MM)
    scan[(outward_mm > SKULL_MM) & (outward_mm <= SCALP_MM)] = 170
    noise = np.random.default_rng(1).normal(0, 5, (2, *scan.shape))
    return np.hypot(_biased(scan) + noise[0], noise[1]).astype(np.float32)
