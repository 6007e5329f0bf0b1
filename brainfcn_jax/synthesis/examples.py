"""Generated examples on disk: image and tissues as NIfTI files, and a sheet to look at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure

from brainfcn_jax.imaging import nifti
from brainfcn_jax.imaging.nifti_writing import nifti_bytes, save_label_map
from brainfcn_jax.labels import BACKGROUND, TISSUES
from brainfcn_jax.runtime.atomic_files import new_file

_SHEET_SLICES = (0.35, 0.5, 0.65)

_COLOURS = ListedColormap(
    [(0.0, 0.0, 0.0), *(tuple(part / 255 for part in tissue.colour) for tissue in TISSUES)]
)


def save_example(
    stem: Path,
    image: Float32[np.ndarray, "x y z"],
    tissues: UInt8[np.ndarray, "x y z"],
    spacing_mm: float,
) -> tuple[Path, Path]:
    """Write `STEM.nii` (canonical image) and `STEM_dseg.nii.gz` (tissues on its grid).

    Raises:
        OutputError: one of them exists already or cannot be written.
    """
    image_path = stem.with_name(f"{stem.name}.nii")
    labels_path = stem.with_name(f"{stem.name}_dseg.nii.gz")
    with new_file(image_path) as temporary:
        temporary.write_bytes(nifti_bytes(image, (spacing_mm,) * 3))
    save_label_map(labels_path, tissues, nifti.load_scan(image_path))
    return image_path, labels_path


def save_sheet(
    path: Path,
    scans: Sequence[tuple[UInt8[np.ndarray, "slice height width"], np.ndarray, str]],
) -> None:
    """Draw three slices of each scan with their tissues beside them, one scan a row, as a PNG.

    Args:
        path: of the PNG; an older one is replaced.
        scans: equalised image, tissues (both slices first) and title of each.
    """
    columns = 2 * len(_SHEET_SLICES)
    figure = Figure(figsize=(2.2 * columns, 2.4 * len(scans)), dpi=70, layout="tight")
    axes = figure.subplots(len(scans), columns, squeeze=False)
    for row, (equalised, tissues, title) in zip(axes, scans, strict=True):
        for column, fraction in enumerate(_SHEET_SLICES):
            index = int(fraction * len(equalised))
            _draw(row[2 * column], equalised[index], "gray", 255)
            _draw(row[2 * column + 1], tissues[index], _COLOURS, len(TISSUES))
        row[0].set_title(title, fontsize=8, loc="left")
    with new_file(path, overwrite=True) as temporary:
        figure.savefig(temporary, format="png")


def _draw(
    axes: Axes, picture: UInt8[np.ndarray, "height width"], colours: str | Colormap, highest: int
) -> None:
    axes.imshow(
        picture.T, origin="lower", cmap=colours, interpolation="nearest",
        vmin=BACKGROUND, vmax=highest,
    )  # fmt: skip
    axes.axis("off")
