"""Odd scans that are labelled all the same: what was repaired is said in the sidecar's notes."""

import json
import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.eval_example import AFFINE, intensities, read_image, run
from support.threshold_model import threshold_model

from brainfcn_jax.network.model_file import save_model
from brainfcn_jax.results.contents import ScanContents

SCAN = intensities()
NO_FORMS = "the header gives no orientation; x is taken to run from right to left"


def with_values(dtype: str, *values: float) -> np.ndarray:
    """The scan in another type, its first voxels replaced."""
    data = SCAN.astype(dtype)
    data.ravel()[: len(values)] = values
    return data


def image(
    data: np.ndarray = SCAN, qform_mm: float | None = 0.0, sform: np.ndarray | None = AFFINE
) -> nibabel.Nifti1Image:
    """A NIfTI image whose qform lies so far to the right of AFFINE; None for no such form."""
    made = nibabel.Nifti1Image(data, AFFINE, dtype=data.dtype)
    moved = AFFINE.copy()
    moved[0, 3] += qform_mm or 0
    made.set_qform(moved, 0 if qform_mm is None else 1)
    made.set_sform(sform, 0 if sform is None else 1)
    return made


REPAIRED: dict[str, tuple[nibabel.Nifti1Image, tuple[str, ...]]] = {
    "4D of one frame": (
        image(SCAN[..., None]),
        ("the file is 4D (26, 22, 12, 1); frame 0 is used",),
    ),
    "5D of one frame": (
        image(SCAN[..., None, None]),
        ("the file is 5D (26, 22, 12, 1, 1); frame 0 is used",),
    ),
    "some NaN and infinite": (
        image(with_values("f4", np.nan, np.inf, -np.inf)),
        ("3 voxels outside the head's tissue NaN or infinite, taken as empty (0)",),
    ),
    "some beyond float32": (
        image(with_values("f8", 1e300, -1e300)),
        ("2 voxels outside the head's tissue NaN or infinite, taken as empty (0)",),
    ),
    "forms 0.5 mm apart": (
        image(qform_mm=0.5),
        ("the header's sform and qform lie up to 0.5 mm apart; the sform is used",),
    ),
    "forms 80 mm apart": (
        image(qform_mm=80.0),
        ("the header's sform and qform lie up to 80.0 mm apart; the sform is used",),
    ),
    "flat sform": (
        image(sform=np.diag([2.9, 0, 3, 1])),
        ("the header's sform is damaged; its qform is used",),
    ),
    "no sform": (image(sform=None), ()),
    "no form": (image(qform_mm=None, sform=None), (NO_FORMS,)),
    "negative": (
        image(with_values("i2", -5) - np.int16(1000)),
        ("1 voxel below -1000, which fills the surroundings, taken as that",),
    ),
    "int64": (image(with_values("i8") * 2**40), ()),
    "uint8": (image(with_values("u1")), ()),
    "float64": (image(with_values("f8") * 1e-6), ()),
    "large": (image(with_values("f8") * 1e30), ()),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty files for the picture and the page."""
    monkeypatch.setattr(ScanContents, "picture", lambda _: b"")
    monkeypatch.setattr(ScanContents, "page", lambda _: "")


@pytest.fixture
def weights(tmp_path: Path) -> str:
    path = tmp_path / "threshold.h5"
    save_model(path, threshold_model())
    return str(path)


def notes_of(scan: Path, weights: str) -> list[str]:
    """The notes in the sidecar of a scan that is labelled now."""
    out = scan.parent / "out"
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}") == 0
    (label_map,) = out.glob("*_dseg.nii.gz")
    given = read_image(scan)
    assert read_image(label_map).shape == given.shape[:3]
    sidecar = label_map.with_name(label_map.name.replace(".nii.gz", ".json"))
    notes: list[str] = json.loads(sidecar.read_text("utf-8"))["Notes"]
    return notes


@pytest.mark.parametrize("kind", REPAIRED)
def test_what_is_repaired_is_said(kind: str, weights: str, tmp_path: Path) -> None:
    scan, said = REPAIRED[kind]
    path = tmp_path / "scan.nii.gz"
    nibabel.save(scan, path)
    assert notes_of(path, weights) == list(said)


@pytest.mark.parametrize(
    "name",
    [
        "Éloïse 脑 🧠.nii.gz",
        "a b  c.nii",
        "<b>&amp;\"'<script>alert(1)<.nii",
        "$\\frac{x$%s{0}\\.nii",
        "two\nlines\t.nii",
        "\x1b[2Jcleared.nii",
        os.fsdecode(b"latin \xe9\xff.nii"),
        "-" + "n" * 200 + ".nii",
    ],
    ids=ascii,
)
def test_any_name_is_fine(
    name: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = tmp_path / name
    nibabel.save(image(), scan)
    notes_of(scan, weights)
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert "\x1b" not in captured.err
    assert len(captured.err.splitlines()) == captured.err.count(": '")


@pytest.mark.parametrize("shape", [(8, 8, 3), (2, 2, 2), (2000, 2000, 2), (2, 3, 900)])
def test_any_size_is_fine(shape: tuple[int, int, int], weights: str, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 900, shape).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([3, 3, 3, 1.0])), tmp_path / "scan.nii")
    assert notes_of(tmp_path / "scan.nii", weights) == []
