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

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import harness
import nibabel
import numpy as np
from arguments import Flags, commas
from scipy import ndimage
from scipy.spatial.transform import Rotation

from brainfcn_jax.imaging.nifti import Scan, load_labels, load_scan
from brainfcn_jax.imaging.resampling import Lines, centred_line, interpolated_labels, resample

ALLOWED_LOSS = 0.05
ALLOWED_LOSS_THICK = 0.10
SNR = 10.0
SPLINE = 3
BRIGHTEST_TO_DARKEST = 3.0

Changed = Callable[[harness.Case], harness.Case]


def rotated(degrees: tuple[float, float, float]) -> Changed:
    """Turn head and labels about x, y and z, about the middle of the scan."""
    rotation = Rotation.from_euler("xyz", degrees, degrees=True).as_matrix()

    def turn(volume: np.ndarray, spacing_mm: tuple[float, float, float], order: int) -> np.ndarray:
        matrix = np.diag(1 / np.array(spacing_mm)) @ rotation @ np.diag(spacing_mm)
        middle = (np.array(volume.shape) - 1) / 2
        return ndimage.affine_transform(volume, matrix, middle - matrix @ middle, order=order)

    def variant(case: harness.Case) -> harness.Case:
        data = turn(case.scan.data, case.scan.spacing_mm, SPLINE).clip(case.scan.data.min())
        best, labels = np.zeros(data.shape, np.float32), np.zeros(data.shape, np.uint8)
        for tissue in (0, *harness.LABELS.values()):
            share = turn((case.labels == tissue).astype(np.float32), case.scan.spacing_mm, 1)
            labels[share > best] = tissue
            best = np.maximum(best, share)
        return replace(case, scan=replace(case.scan, data=data), labels=labels)

    return variant


def oriented(codes: str) -> Changed:
    """Put the same voxels into a file whose axes run as `codes` say, such as LPS."""

    def variant(case: harness.Case) -> harness.Case:
        start, end = (nibabel.orientations.axcodes2ornt(axes) for axes in ("RAS", codes))
        change = nibabel.orientations.ornt_transform(start, end)
        affine = np.diag([*case.scan.spacing_mm, 1.0])
        with TemporaryDirectory() as folder:
            paths = [Path(folder) / name for name in ("scan.nii", "labels.nii")]
            for path, data in zip(paths, (case.scan.data, case.labels), strict=True):
                nibabel.save(nibabel.Nifti1Image(data, affine).as_reoriented(change), path)
            scan = load_scan(paths[0])
            return replace(case, scan=scan, labels=load_labels(paths[1], scan))

    return variant


def coarser(*spacing_mm: float) -> Changed:
    """Take voxels of another size: means over larger ones, splines to smaller ones."""

    def variant(case: harness.Case) -> harness.Case:
        source = _grid(case.scan)
        x, y, z = (line.resampled(mm) for line, mm in zip(source, spacing_mm, strict=True))
        target = (x, y, z)
        one_hot = np.moveaxis(np.eye(1 + len(harness.LABELS), dtype=np.float16)[case.labels], -1, 0)
        scan = replace(
            case.scan,
            data=_sharply_resampled(case.scan.data, source, target),
            spacing_mm=(x.spacing_mm, y.spacing_mm, z.spacing_mm),
        )
        labels = interpolated_labels(one_hot, source, target)
        return replace(case, scan=scan, labels=labels)

    return variant


def noisy(case: harness.Case) -> harness.Case:
    """Add Rician noise."""
    data = case.scan.data
    deviation = data[case.labels == harness.LABELS["WM"]].mean() / SNR
    random = np.random.default_rng(0)
    real, imaginary = (random.normal(0, deviation, data.shape) for _ in range(2))
    noise = np.hypot(data + real, imaginary).astype(np.float32)
    return _with_data(case, np.where(data > data.min(), noise, data))


def shaded(case: harness.Case) -> harness.Case:
    """Multiply by a smooth bias field of second order, the same for every scan."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in case.scan.data.shape), indexing="ij")
    field = 0.6 * x - 0.8 * y + 0.5 * z + 0.7 * x * y - 0.6 * z**2 + 0.4 * y * z
    inside = field[case.labels > 0]
    share = (field - inside.min()) / (inside.max() - inside.min())
    factor = np.exp(np.log(BRIGHTEST_TO_DARKEST) * share).astype(np.float32)
    return _with_data(case, case.scan.data * factor)


VARIANTS: dict[str, tuple[Changed, float]] = {
    "plain": (lambda case: case, ALLOWED_LOSS),
    "15 deg about x": (rotated((15, 0, 0)), ALLOWED_LOSS),
    "15 deg about y": (rotated((0, 15, 0)), ALLOWED_LOSS),
    "20 deg about z": (rotated((0, 0, 20)), ALLOWED_LOSS),
    "LPS": (oriented("LPS"), ALLOWED_LOSS),
    "ASR": (oriented("ASR"), ALLOWED_LOSS),
    "ILP": (oriented("ILP"), ALLOWED_LOSS),
    "1x1x3 mm": (coarser(1.0, 1.0, 3.0), ALLOWED_LOSS_THICK),
    "0.9x0.9x5 mm": (coarser(0.9, 0.9, 5.0), ALLOWED_LOSS_THICK),
    f"SNR {SNR:g}": (noisy, ALLOWED_LOSS),
    "bias field": (shaded, ALLOWED_LOSS),
}


def main(arguments: Sequence[str]) -> int:
    """Print a row for each variant; return 1 when one loses too much."""
    flags = Flags(__doc__)
    flags.model()
    flags.pairs()
    flags.add_argument("--variants", type=commas, default=(), help="Only these; else all.")
    asked = flags.parse_args(arguments)
    model, plain = harness.open_model(asked.model, asked.weights), list(harness.cases(asked))
    table = harness.Table(f"{len(plain)} scans", [*harness.SIX, "mean", "loss"])
    best, missed = None, []
    for name, (variant, allowed) in VARIANTS.items():
        if asked.variants and name not in ("plain", *asked.variants):
            continue
        scores = harness.scored(model, map(variant, plain), asked.views)
        six = harness.mean(scores[tissue] for tissue in harness.SIX)
        best = six if best is None else best
        table.row(name, [*(scores[tissue] for tissue in harness.SIX), six, best - six])
        if best - six >= allowed:
            missed.append(name)
    return harness.exit_code(missed)


def _grid(scan: Scan) -> Lines:
    x, y, z = map(centred_line, scan.data.shape, scan.spacing_mm)
    return x, y, z


def _sharply_resampled(data: harness.Volume, source: Lines, target: Lines) -> harness.Volume:
    """Resample as a scanner would: linear interpolation to finer axes would blur the image."""
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


def _with_data(case: harness.Case, data: harness.Volume) -> harness.Case:
    return replace(case, scan=replace(case.scan, data=data))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
