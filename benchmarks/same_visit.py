"""Labels of T2w and FLAIR scans beside those of the same visit's T1w scan, on real whole heads.

    python benchmarks/same_visit.py --heads=FOLDER [--weights=FILE] [SCAN ...]

FOLDER holds `VISIT_T1w.nii.gz` and `VISIT_T2w.nii.gz` or `VISIT_FLAIR.nii.gz`, in one frame of
coordinates, and `VISIT_brainmask.nii.gz` on the T1w's grid where there is one; SCAN is one of the
latter without its extension, p12s1_T2w; all of them unless given. The T1w scan is labelled by the
model that ships for it, the other by `adult_any` or the weight file; the T1w's labels are brought
to the other's grid (nearest voxel) and compared where the T1w's field of view reaches. Prints the
Dice of each tissue and the mean of the six without the fluid; tissue and any label more than 4 mm
outside the mask, as shares of it; and the verdict with its flags. Ends with 1 where the six are
below .75. With --picture the scans and their labels are drawn.
"""

from pathlib import Path

import nibabel
import numpy as np
from absl import app, flags
from jaxtyping import UInt8
from nibabel.processing import resample_from_to
from outside_brain import outside_brain

from brainfcn_jax.api import SegmentedScan, load_model, segment
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.labels import ABBREVIATIONS, CSF, TISSUES
from brainfcn_jax.measures.metrics import dice
from brainfcn_jax.network.shipped_models import ANY_MODEL, DEFAULT_MODEL
from brainfcn_jax.synthesis.examples import save_sheet

_HEADS = flags.DEFINE_string("heads", None, "Folder of the scans.", required=True)
_WEIGHTS = flags.DEFINE_string("weights", None, f"Weight file, instead of {ANY_MODEL}.")
_PICTURE = flags.DEFINE_string("picture", None, "PNG file to draw the scans in.")

ASKED, UNSEEN = 0.75, 255
CONTRASTS, ENDING = ("T2w", "FLAIR"), ".nii.gz"


def resampled(labels: nibabel.Nifti1Image, like: nibabel.Nifti1Image) -> np.ndarray:
    """The nearest voxel's value, `UNSEEN` beyond the field of view."""
    shape = like.shape[:3]
    return np.asarray(resample_from_to(labels, (shape, like.affine), 0, cval=UNSEEN).dataobj)


def dice_of_each(found: UInt8[np.ndarray, "i j k"], reference: np.ndarray) -> list[float]:
    """Dice of the tissues where the reference is known."""
    seen = reference != UNSEEN
    return [dice((found == t.index) & seen, reference == t.index) for t in TISSUES]


def outside(path: Path, labels: np.ndarray, like: nibabel.Nifti1Image) -> str:
    """Shares of tissue and of any label far outside the mask, where there is one."""
    if not path.is_file():
        return f"{'no mask':>16}"
    mask = resampled(nibabel.load(path), like) == 1
    spacing_mm = nibabel.affines.voxel_sizes(like.affine)
    found = outside_brain(labels, mask, tuple(map(float, spacing_mm)))
    return f"{found.tissue:8.2%}{found.labelled:8.2%}"


def main(argv: list[str]) -> int:
    """Prints a row for each scan; 1 where one is below what is asked."""
    folder = Path(_HEADS.value)
    t1w = load_model(DEFAULT_MODEL)
    model = load_model(weights=_WEIGHTS.value) if _WEIGHTS.value else load_model(ANY_MODEL)
    paths = [path for c in CONTRASTS for path in sorted(folder.rglob(f"*_{c}{ENDING}"))]
    if argv[1:]:
        paths = [path for path in paths if path.name.removesuffix(ENDING) in argv[1:]]
    print(f"{'scan':14}" + "".join(f"{a:>7}" for a in (*ABBREVIATIONS, "six")) + "  tissue   label")
    means, drawn = [], []
    for path in sorted(paths):
        visit = path.name.rpartition("_")[0]
        found: SegmentedScan = segment(path, model)
        image = found.label_image
        labels = np.asarray(image.dataobj)
        of_t1w = segment(path.with_name(f"{visit}_T1w{ENDING}"), t1w).label_image
        scores = dice_of_each(labels, resampled(of_t1w, image))
        means.append(
            float(np.mean([s for t, s in zip(TISSUES, scores, strict=True) if t.index != CSF]))
        )
        print(
            f"{path.name.removesuffix(ENDING):14}"
            + "".join(f"{score:7.3f}" for score in (*scores, means[-1]))
            + outside(path.with_name(f"{visit}_brainmask{ENDING}"), labels, image)
            + f"  {found.quality.verdict} {', '.join(flag.name for flag in found.quality.flags)}",
            flush=True,
        )
        canonical = nibabel.as_closest_canonical(nibabel.load(path)).get_fdata(dtype=np.float32)
        shown = np.asarray(nibabel.as_closest_canonical(image).dataobj)
        volumes = (np.moveaxis(volume, 2, 0) for volume in (canonical, shown))
        equalised = equalise_volume(next(volumes), "head")
        drawn.append((equalised, next(volumes), path.name.removesuffix(ENDING)))
    if _PICTURE.value:
        save_sheet(Path(_PICTURE.value), drawn)
    return int(min(means, default=0.0) < ASKED)


if __name__ == "__main__":
    app.run(main)
