"""What the tests of `run_eval.py` share: a tiny scan on disk, and the command in this process."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from brainfcn_jax.commands.segment import exit_code

SHAPE = (26, 22, 12)
AFFINE = np.array([[-2.9, 0.3, 0, 30], [0.3, 2.9, 0, -20], [0, 0, 3, -10], [0, 0, 0, 1.0]])


def intensities() -> np.ndarray:
    """A ball of random intensities on a background of 0."""
    offsets = np.indices(SHAPE) - np.reshape((13, 11, 6), (3, 1, 1, 1))
    values = np.random.default_rng(0).integers(50, 900, SHAPE)
    return np.where((offsets**2).sum(0) <= 64, values, 0).astype(np.int16)


def write_image(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> str:
    """Writes a NIfTI file and gives its path back."""
    image = nibabel.Nifti1Image(data, affine)
    image.set_sform(affine, 1)
    image.set_qform(affine, 3)
    nibabel.save(image, path)
    return str(path)


def read_image(path: Path | str) -> nibabel.Nifti1Image:
    """The NIfTI file at a path."""
    image = nibabel.load(path)
    assert isinstance(image, nibabel.Nifti1Image)
    return image


def run(*arguments: object) -> int:
    """The exit code of `run_eval.py` with these arguments."""
    return exit_code(["run_eval.py", *map(str, arguments)])


def records(out: Path) -> dict[str, Any]:
    """What the records of a folder of results hold, by the names of their scans."""
    ending = "_desc-tissue_record.json"
    return {
        path.relative_to(out).as_posix().removesuffix(ending): json.loads(path.read_text())
        for path in sorted(out.rglob(f"*{ending}"))
    }


def one_line(captured: str) -> str:
    """The only line of an error stream."""
    assert captured.endswith("\n")
    assert len(captured.splitlines()) == 1, captured
    assert "Traceback" not in captured
    return captured
