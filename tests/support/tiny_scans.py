"""Tiny labelled scans for tests: a head of nested ellipsoids, one tissue each, with noise.

    python tests/support/tiny_scans.py FOLDER

writes three of them, sub-01 to sub-03, as configs/testing.py reads them.
"""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from brainfcn_jax.training.settings import Settings
from brainfcn_jax.training.settings_from_config import settings_from_config

CONFIGS = Path(__file__).parents[2] / "configs"
SHAPE = (32, 30, 6)
SPACING_MM = (1.0, 1.0, 3.0)


def write_pairs(
    folder: Path, names: tuple[str, ...], spacing_mm: tuple[float, float, float] = SPACING_MM
) -> Path:
    """Writes NAME_T1w.nii.gz and NAME_dseg.nii.gz for every name, and gives the folder back."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        scan, labels = tiny_scan(number)
        affine = np.diag([*spacing_mm, 1.0])
        nibabel.save(nibabel.Nifti1Image(scan, affine), folder / f"{name}_T1w.nii.gz")
        nibabel.save(nibabel.Nifti1Image(labels, affine), folder / f"{name}_dseg.nii.gz")
    return folder


def tiny_scan(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A scan (int16) and its tissues 1 to 7 (uint8); the first slice is empty."""
    axes = [np.linspace(-1, 1, length) for length in SHAPE]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt((x / 0.8) ** 2 + (y / 0.9) ** 2 + (z / 1.6) ** 2)
    labels = np.ceil((1 - radius) * 7).clip(0, 7).astype(np.uint8)
    labels[:, :, 0] = 0
    noise = np.random.default_rng(seed).integers(0, 20, SHAPE)
    scan = np.where(labels > 0, 100 + 60 * labels.astype(np.int16) + noise, 0)
    return scan.astype(np.int16), labels


def tiny_settings(root: Path, **changes: Any) -> Settings:
    """configs/testing.py on the scans in `root`, with changes such as training__steps=9."""
    spec = importlib.util.spec_from_file_location("testing", CONFIGS / "testing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config()
    config.data.root = str(root)
    config.update_from_flattened_dict({k.replace("__", "."): v for k, v in changes.items()})
    return settings_from_config(config)


if __name__ == "__main__":
    write_pairs(Path(sys.argv[1]), ("sub-01", "sub-02", "sub-03"))
