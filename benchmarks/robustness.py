"""What a model loses on scans that are rotated, turned, coarser, noisy or shaded.

    python benchmarks/robustness.py --data=FOLDER [--model=NAME | --weights=FILE]

FOLDER holds pairs ID_T1w.nii.gz and ID_dseg.nii.gz, tissues 0-7. Each scan is labelled as it is and
in each variant, on the variant's own grid. Prints the Dice of the six tissues (all but the fluid),
their mean over the scans, and what a variant loses against the plain scan. Ends with 1 when a
variant loses 0.05 or more, a thick-sliced one 0.10 or more.

The reference follows a rotation or another grid as the scores do: a linear interpolation of each
tissue, then the largest. Noise is Rician, with SNR as the white matter's mean over the deviation,
and leaves empty voxels empty (skull-stripped scans). The bias field is the exponential of a smooth
field and makes the brightest part of the head 3 times as bright as the darkest.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
from absl import app, flags
from jaxtyping import Float32, UInt8
from scipy import ndimage
from scipy.spatial.transform import Rotation

from brainfcn_jax.imaging.nifti import Scan, load_labels, load_scan
from brainfcn_jax.imaging.resampling import Lines, centred_line, interpolated_labels, resample
from brainfcn_jax.inference.brain import finder_for
from brainfcn_jax.inference.segmentation import segment_scan
from brainfcn_jax.labels import CLASSES, CSF, TISSUES, WM
from brainfcn_jax.measures.metrics import dice
from brainfcn_jax.network.model_file import Model, load_tissue_model
from brainfcn_jax.network.shipped_models import DEFAULT_MODEL, SHIPPED_MODELS, find_model
from brainfcn_jax.training.subjects import find_subjects, load_subject

_DATA = flags.DEFINE_string("data", None, "Folder with the pairs.", required=True)
_MODEL = flags.DEFINE_enum("model", DEFAULT_MODEL, list(SHIPPED_MODELS), "Shipped model.")
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file, instead of --model.")
_VIEWS = flags.DEFINE_integer("views", 1, "Slice directions that a scan is seen from, 1 or 3.")
_VARIANTS = flags.DEFINE_list("variants", [], "Only these; all when empty.")

SCORED = [tissue for tissue in TISSUES if tissue.index != CSF]
ALLOWED_LOSS = 0.05
ALLOWED_LOSS_THICK = 0.10
SNR = 10.0
SPLINE = 3
BRIGHTEST_TO_DARKEST = 3.0


@dataclass(frozen=True)
class Pair:
    """A scan and its labels on one canonical grid."""

    scan: Scan
    labels: UInt8[np.ndarray, "x y z"]


def rotated(degrees: tuple[float, float, float]) -> Callable[[Pair], Pair]:
    """Head and labels turned about x, y and z, about the middle of the scan."""
    rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()

    def turn(volume: np.ndarray, spacing_mm: tuple[float, float, float], order: int) -> np.ndarray:
        matrix = np.diag(1 / np.array(spacing_mm)) @ rotation @ np.diag(spacing_mm)
        middle = (np.array(volume.shape) - 1) / 2
        return ndimage.affine_transform(volume, matrix, middle - matrix @ middle, order=order)

    def variant(pair: Pair) -> Pair:
        data = turn(pair.scan.data, pair.scan.spacing_mm, SPLINE).clip(pair.scan.data.min())
        best, labels = np.zeros(data.shape, np.float32), np.zeros(data.shape, np.uint8)
        for tissue in range(CLASSES):
            share = turn((pair.labels == tissue).astype(np.float32), pair.scan.spacing_mm, 1)
            labels[share > best] = tissue
            best = np.maximum(best, share)
        return Pair(replace(pair.scan, data=data), labels)

    return variant


def oriented(codes: str) -> Callable[[Pair], Pair]:
    """The same voxels in a file whose axes run as `codes` say, such as LPS."""

    def variant(pair: Pair) -> Pair:
        with TemporaryDirectory() as folder:
            paths = [str(Path(folder) / name) for name in ("scan.nii", "labels.nii")]
            for path, data in zip(paths, (pair.scan.data, pair.labels), strict=True):
                image = nibabel.Nifti1Image(data, np.diag([*pair.scan.spacing_mm, 1.0]))
                start = nibabel.orientations.axcodes2ornt("RAS")
                end = nibabel.orientations.axcodes2ornt(codes)
                turned = image.as_reoriented(nibabel.orientations.ornt_transform(start, end))
                nibabel.save(turned, path)
            scan = load_scan(paths[0])
            return Pair(scan, load_labels(paths[1], scan))

    return variant


def coarser(*spacing_mm: float) -> Callable[[Pair], Pair]:
    """Voxels of another size: means over larger ones, splines to smaller ones."""

    def variant(pair: Pair) -> Pair:
        source = _grid(pair.scan)
        x, y, z = (line.resampled(mm) for line, mm in zip(source, spacing_mm, strict=True))
        target = (x, y, z)
        one_hot = np.moveaxis(np.eye(CLASSES, dtype=np.float16)[pair.labels], -1, 0)
        scan = replace(
            pair.scan,
            data=_sharply_resampled(pair.scan.data, source, target),
            spacing_mm=(x.spacing_mm, y.spacing_mm, z.spacing_mm),
        )
        return Pair(scan, interpolated_labels(one_hot, source, target))

    return variant


def noisy(pair: Pair) -> Pair:
    """Rician noise."""
    data = pair.scan.data
    deviation = data[pair.labels == WM].mean() / SNR
    random = np.random.default_rng(0)
    real, imaginary = (random.normal(0, deviation, data.shape) for _ in range(2))
    noise = np.hypot(data + real, imaginary).astype(np.float32)
    return _with_data(pair, np.where(data > data.min(), noise, data))


def shaded(pair: Pair) -> Pair:
    """A smooth bias field of second order, the same for every scan."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in pair.scan.data.shape), indexing="ij")
    field = 0.6 * x - 0.8 * y + 0.5 * z + 0.7 * x * y - 0.6 * z**2 + 0.4 * y * z
    inside = field[pair.labels > 0]
    share = (field - inside.min()) / (inside.max() - inside.min())
    factor = np.exp(np.log(BRIGHTEST_TO_DARKEST) * share).astype(np.float32)
    return _with_data(pair, pair.scan.data * factor)


VARIANTS: dict[str, tuple[Callable[[Pair], Pair], float]] = {
    "plain": (lambda pair: pair, ALLOWED_LOSS),
    "15 deg about x": (rotated((15, 0, 0)), ALLOWED_LOSS),
    "15 deg about y": (rotated((0, 15, 0)), ALLOWED_LOSS),
    "20 deg about z": (rotated((0, 0, 20)), ALLOWED_LOSS),
    "LPS": (oriented("LPS"), ALLOWED_LOSS),
    "ASR": (oriented("ASR"), ALLOWED_LOSS),
    "ILP": (oriented("ILP"), ALLOWED_LOSS),
    "1x1x3 mm": (coarser(1, 1, 3), ALLOWED_LOSS_THICK),
    "0.9x0.9x5 mm": (coarser(0.9, 0.9, 5), ALLOWED_LOSS_THICK),
    f"SNR {SNR:g}": (noisy, ALLOWED_LOSS),
    "bias field": (shaded, ALLOWED_LOSS),
}


def tissue_dice(model: Model, pair: Pair) -> Float32[np.ndarray, " tissues"]:
    """Dice of the scored tissues of one pair, on its own grid."""
    finder = finder_for(model.description)
    found = segment_scan(model, pair.scan, finder=finder, views=_VIEWS.value).labels
    scores = [dice(found == tissue.index, pair.labels == tissue.index) for tissue in SCORED]
    return np.array(scores, np.float32)


def main(argv: list[str]) -> int:
    """Prints a row for each variant; 1 when one loses too much."""
    del argv
    model = load_tissue_model(_WEIGHTS.value or str(find_model(_MODEL.value)))
    subjects = find_subjects(_DATA.value, "{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz")
    pairs = [Pair(*load_subject(subject, "tissues")) for subject in subjects]
    header = "".join(f"{tissue.abbreviation:>8}" for tissue in SCORED)
    print(f"{len(pairs)} scans{'':10}{header}    mean    loss")
    plain, too_much = None, []
    for name, (variant, allowed) in VARIANTS.items():
        if _VARIANTS.value and name not in ("plain", *_VARIANTS.value):
            continue
        scores = np.nanmean([tissue_dice(model, variant(pair)) for pair in pairs], axis=0)
        plain = scores.mean() if plain is None else plain
        loss = plain - scores.mean()
        cells = "".join(f"{score:8.3f}" for score in scores)
        print(f"{name:17}{cells}{scores.mean():8.3f}{loss:8.3f}", flush=True)
        if loss >= allowed:
            too_much.append(name)
    print(f"lose too much: {', '.join(too_much) or 'none'}")
    return int(bool(too_much))


def _grid(scan: Scan) -> Lines:
    x, y, z = map(centred_line, scan.data.shape, scan.spacing_mm)
    return x, y, z


def _sharply_resampled(
    data: Float32[np.ndarray, "x y z"], source: Lines, target: Lines
) -> Float32[np.ndarray, "x2 y2 z2"]:
    """As a scanner would: linear interpolation, for the finer axes, would blur the image."""
    finer = [t.spacing_mm < s.spacing_mm for s, t in zip(source, target, strict=True)]
    x, y, z = (t if fine else s for s, t, fine in zip(source, target, finer, strict=True))
    if any(finer):
        steps = [t.spacing_mm / s.spacing_mm for s, t in zip(source, (x, y, z), strict=True)]
        starts = [
            (t.first_mm - s.first_mm) / s.spacing_mm for s, t in zip(source, (x, y, z), strict=True)
        ]
        shape, lowest = (x.size, y.size, z.size), data.min()
        data = ndimage.affine_transform(data, steps, starts, shape, order=SPLINE, mode="nearest")
        data = data.clip(lowest)
    return resample(data, (x, y, z), target)


def _with_data(pair: Pair, data: Float32[np.ndarray, "x y z"]) -> Pair:
    return Pair(replace(pair.scan, data=data), pair.labels)


if __name__ == "__main__":
    app.run(main)
