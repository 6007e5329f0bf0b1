"""What the post-processing takes away from labels that are right already.

    python benchmarks/postprocess_on_true_labels.py --data=FOLDER

FOLDER holds oasis_malf/val (label maps *_dseg.nii.gz, tissues 0-7) and synthseg_labelmaps (whole
heads, *.nii.gz, FreeSurfer-like values), either or both. Each map is cleaned in all three slice
directions; the whole heads also with their field of view cut from below and from above. Prints
the largest loss of Dice over the maps of a row, names the maps that lose 0.005 or more, and ends
with 1 when there are any. The whole heads are shown twice: as labelled, and without what touches
the head nowhere. The exit code leaves out the first: two maps label as fluid things that lie beside
the head, in the air, which the rule is there to remove. --mask_slice=middle shows what the paper's
own choice of M costs on such fields of view.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from absl import app, flags
from jaxtyping import Bool, Int, UInt8
from scipy import ndimage

from brainfcn_jax.imaging.nifti import load_codes, load_labels, load_scan
from brainfcn_jax.inference.postprocessing import clean_labels
from brainfcn_jax.labels import ABBREVIATIONS
from brainfcn_jax.measures.metrics import dice

_DATA = flags.DEFINE_string("data", None, "Folder with the label maps.", required=True)
_MASK_SLICE = flags.DEFINE_enum(
    "mask_slice", "largest", ["largest", "middle"], "The slice that gives the brain mask M."
)

ALLOWED_LOSS = 0.005
DIRECTIONS = ("sagittal", "coronal", "axial")
HEAD_VALUES = {
    "CoGM": (3, 42, 17, 18, 53, 54),
    "BGT": (10, 11, 12, 13, 26, 49, 50, 51, 52, 58),
    "WM": (2, 41, 77, 85, 28, 60, 25, 57),
    "BS": (16,),
    "CB": (7, 8, 46, 47),
    "Vent": (4, 5, 14, 15, 43, 44, 72),
    "CSF": (24,),
}
"""Values of the whole-head maps by tissue; 25 and 57 are lesions, 24 is all fluid."""

FIELDS_OF_VIEW = {
    "whole": (0.0, 1.0),
    "lowest 10% cut": (0.1, 1.0),
    "lowest 25% cut": (0.25, 1.0),
    "lowest 50% cut": (0.5, 1.0),
    "highest 25% cut": (0.0, 0.75),
    "highest 50% cut": (0.0, 0.5),
    "both 25% cut": (0.25, 0.75),
}
"""What is kept of the labelled height, from below; 'whole' keeps the map's empty slices too."""


@dataclass(frozen=True)
class TrueLabels:
    """Tissues taken as right, the voxel size (x, y, z), and the file they come from."""

    name: str
    tissues: UInt8[np.ndarray, "x y z"]
    spacing_mm: tuple[float, float, float]


def skull_stripped_maps(folder: Path) -> Iterator[TrueLabels]:
    """The adult maps, one after another."""
    for path in sorted(folder.glob("*_dseg.nii.gz")):
        yield TrueLabels(path.name, load_labels(str(path)), load_scan(str(path)).spacing_mm)


def whole_head_maps(folder: Path, within_head: bool) -> Iterator[TrueLabels]:
    """The whole heads; `within_head` takes out what touches the head nowhere."""
    for path in sorted(folder.glob("*.nii.gz")):
        values = load_codes(str(path))
        tissues = head_tissues(values)
        if within_head:
            tissues = np.where(head_voxels(values), tissues, np.uint8(0))
        yield TrueLabels(path.name, tissues, load_scan(str(path)).spacing_mm)


def head_voxels(values: Int[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """The largest part of all that is labelled, brain or not, whose voxels share faces."""
    parts, _ = ndimage.label(values != 0)
    sizes = np.bincount(parts.ravel())
    return np.asarray(parts == 1 + np.argmax(sizes[1:]))


def head_tissues(values: Int[np.ndarray, "x y z"]) -> UInt8[np.ndarray, "x y z"]:
    """Tissues of a whole-head map, without the fluid of the spinal canal and neck."""
    table = np.zeros(int(values.max()) + 1, np.uint8)
    for tissue, abbreviation in enumerate(ABBREVIATIONS, start=1):
        known = [value for value in HEAD_VALUES[abbreviation] if value < table.size]
        table[known] = tissue
    tissues = table[values]
    brainstem = tissues == 1 + ABBREVIATIONS.index("BS")
    lowest = int(np.flatnonzero(brainstem.any(axis=(0, 1)))[0])
    tissues[:, :, :lowest][tissues[:, :, :lowest] == 1 + ABBREVIATIONS.index("CSF")] = 0
    return tissues


def cut(tissues: UInt8[np.ndarray, "x y z"], kept: tuple[float, float]) -> np.ndarray:
    """The slices between two fractions of the labelled height; all of them for (0, 1)."""
    if kept == (0.0, 1.0):
        return tissues
    labelled = np.flatnonzero(tissues.any(axis=(0, 1)))
    bottom, height = labelled[0], labelled[-1] + 1 - labelled[0]
    start, stop = (int(bottom + fraction * height) for fraction in kept)
    return tissues[:, :, start:stop]


def losses(
    tissues: UInt8[np.ndarray, "x y z"], spacing_mm: tuple[float, float, float], axis: int
) -> tuple[np.ndarray, float]:
    """The loss of Dice of each tissue (nan where it is not in view) and the seconds taken."""
    slices = np.ascontiguousarray(np.moveaxis(tissues, axis, 0))
    height_mm, width_mm = np.delete(spacing_mm, axis)
    start = time.perf_counter()
    cleaned, _ = clean_labels(slices, (height_mm, width_mm), _MASK_SLICE.value)
    seconds = time.perf_counter() - start
    scores = [dice(slices == t, cleaned == t) for t in range(1, len(ABBREVIATIONS) + 1)]
    return 1 - np.array(scores), seconds


def report(
    title: str, maps: Iterator[TrueLabels], fields: dict[str, tuple[float, float]]
) -> list[str]:
    """Print a row for each field of view and direction; the maps that lose too much."""
    worst = {(field, axis): np.zeros(len(ABBREVIATIONS)) for field in fields for axis in range(3)}
    slowest, too_much = 0.0, []
    for true in maps:
        largest = 0.0
        for field, axis in worst:
            loss, seconds = losses(cut(true.tissues, fields[field]), true.spacing_mm, axis)
            worst[field, axis] = np.fmax(worst[field, axis], loss)
            largest, slowest = max(largest, float(np.nanmax(loss))), max(slowest, seconds)
        if largest >= ALLOWED_LOSS:
            too_much.append(f"{true.name} ({largest:.4f})")
    print(f"\n{title}: largest loss of Dice; slowest volume {slowest:.2f} s")
    print(f"{'field of view':17}{'slices':10}" + "".join(f"{a:>8}" for a in ABBREVIATIONS))
    for (field, axis), loss in worst.items():
        cells = "".join(f"{value:8.4f}" for value in loss)
        print(f"{field:17}{DIRECTIONS[axis]:10}{cells}")
    print(f"lose {ALLOWED_LOSS} or more: {', '.join(too_much) or 'none'}", flush=True)
    return too_much


def main(argv: list[str]) -> int:
    """Clean every map found; 1 when one loses too much."""
    del argv
    adults = Path(_DATA.value) / "oasis_malf" / "val"
    heads = Path(_DATA.value) / "synthseg_labelmaps"
    if not any(adults.glob("*_dseg.nii.gz")) and not any(heads.glob("*.nii.gz")):
        raise app.UsageError(
            f"no label maps in '{adults}' nor in '{heads}'; give their parent folder"
        )
    whole = {"whole": FIELDS_OF_VIEW["whole"]}
    report("whole heads as labelled", whole_head_maps(heads, False), FIELDS_OF_VIEW)
    too_much = [
        *report("oasis_malf/val", skull_stripped_maps(adults), whole),
        *report("whole heads within the head", whole_head_maps(heads, True), FIELDS_OF_VIEW),
    ]
    return int(bool(too_much))


if __name__ == "__main__":
    app.run(main)
