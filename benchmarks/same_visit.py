"""Labels of T2w and FLAIR scans beside those of the same visit's T1w scan, on real whole heads.

    python benchmarks/same_visit.py --heads=FOLDER [--weights=FILE] [SCAN ...]

FOLDER holds `VISIT_T1w.nii.gz` and `VISIT_T2w.nii.gz` or `VISIT_FLAIR.nii.gz`, in one frame of
coordinates, and `VISIT_brainmask.nii.gz` on the T1w's grid where there is one; SCAN is one of the
latter without its extension, p12s1_T2w; all of them unless given. The T1w scan is labelled by
--t1w_model, the other by --model (`adult_any`) or the weight file; the T1w's labels are brought
to the other's grid (nearest voxel) and compared where the T1w's field of view reaches. Prints the
Dice of each tissue and the mean of the six without the fluid; tissue and any label more than 4 mm
outside the mask, as shares of it; and the verdict with its flags. Ends with 1 where the six are
below .75. With --picture the scans and their labels are drawn.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import harness
import nibabel
import numpy as np
from arguments import Flags
from nibabel.processing import resample_from_to

from brainfcn_jax.imaging.nifti import Image, load_scan

ASKED, UNSEEN = 0.75, 255
CONTRASTS, ENDING = ("T2w", "FLAIR"), ".nii.gz"


def main(arguments: Sequence[str]) -> int:
    """Print a row for each scan; return 1 where one is below what is asked."""
    flags = Flags(__doc__)
    flags.model("adult_any")
    flags.picture()
    flags.add_argument("--heads", required=True, help="Folder of the scans.")
    flags.add_argument("--t1w_model", default="adult_t1w", help="Shipped model of the T1w scans.")
    flags.add_argument("scans", nargs="*")
    asked = flags.parse_args(arguments)
    t1w, model = harness.open_model(asked.t1w_model), harness.open_model(asked.model, asked.weights)
    paths = [path for c in CONTRASTS for path in Path(asked.heads).rglob(f"*_{c}{ENDING}")]
    named = {path.name.removesuffix(ENDING): path for path in sorted(paths)}
    table = harness.Table("scan", [*harness.LABELS, "six", "tissue", "label"], "verdict")
    missed, sheet = [], harness.Sheet(asked.picture)
    for name in asked.scans or named:
        path, visit = named[name], name.rpartition("_")[0]
        found = harness.segmented(model, load_scan(path), asked.views)
        of_t1w = harness.segmented(t1w, load_scan(path.with_name(f"{visit}_T1w{ENDING}")))
        image = found.label_image
        scores = seen_dice(found.labels, resampled(of_t1w.label_image, image))
        six = harness.mean(scores[tissue] for tissue in harness.SIX)
        shares = far_shares(path.with_name(f"{visit}_brainmask{ENDING}"), found.labels, image)
        table.row(name, [*scores.values(), six, *shares], harness.verdict(found))
        if not six >= ASKED:
            missed.append(name)
        sheet.add(found.scan.data, found.canonical_labels, name)
    sheet.save()
    return harness.exit_code(missed)


def resampled(labels: Image, like: Image) -> np.ndarray:
    """Return the nearest voxel's value, `UNSEEN` beyond the field of view."""
    shape = like.shape[:3]
    return np.asarray(resample_from_to(labels, (shape, like.affine), 0, cval=UNSEEN).dataobj)


def seen_dice(found: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return the Dice of the tissues where the reference is known."""
    seen = reference != UNSEEN
    return harness.tissue_dice(np.where(seen, found, 0), np.where(seen, reference, 0))


def far_shares(path: Path, labels: np.ndarray, like: Image) -> tuple[str, str]:
    """Return the shares of tissue and of any label far outside the mask, where there is one."""
    if not path.is_file():
        return "no", "mask"
    mask = resampled(load_scan(path).image, like) == 1
    x, y, z = map(float, nibabel.affines.voxel_sizes(like.affine))
    found = harness.outside_brain(labels, mask, (x, y, z))
    return f"{found.tissue:.2%}", f"{found.labelled:.2%}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
