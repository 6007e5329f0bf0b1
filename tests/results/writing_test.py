"""The files of one scan: opened by independent readers, and numbers that agree."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from support.eval_example import AFFINE, SHAPE, intensities, read_image, write_image
from support.threshold_model import threshold_labels, threshold_model

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.one_scan import open_model, read_inputs, segmented_contents, written
from brainfcn_jax.cohort.resume import Todo
from brainfcn_jax.errors import OutputError
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.labels import TISSUES, WM
from brainfcn_jax.network.model_file import save_model
from brainfcn_jax.results.options import Analysis, Replacing, Wanted
from brainfcn_jax.results.paths import output_paths, scan_name
from brainfcn_jax.results.planned_scan import PlannedScan

FINE = np.diag([1.5, 1.5, 6.0, 1.0])
START = "sub-01_desc-tissue_"


Everything = tuple[SegmentedScan, set[Path]]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save_model(tmp_path / "threshold.h5", threshold_model())
    return tmp_path / "threshold.h5"


def evaluated(
    weights: Path,
    scan: str,
    out: Path,
    folder: str = "",
    source: str | None = None,
    wanted: Wanted = Wanted(),  # noqa: B008
) -> Everything:
    """What the three steps of one scan give, and the files that they wrote for it."""
    planned = PlannedScan(scan, None, output_paths(out, scan_name(scan), folder), source)
    model, provenance = open_model(Analysis(weights=str(weights)))
    books, todo = Bookkeeping(provenance, wanted, Replacing()), Todo(needed=True)
    inputs = read_inputs(planned, books, todo)
    contents = segmented_contents(planned, inputs, Segmenter(model), books)
    return contents.segmented, set(written(contents, books, todo).files)


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


@pytest.fixture(params=[AFFINE, FINE], ids=["the model's voxels", "resampled"])
def everything(request: pytest.FixtureRequest, tmp_path: Path, weights: Path) -> Everything:
    """All that can be written of one scan, in tmp_path/out."""
    scan = write_image(tmp_path / "sub-01_T1w.nii.gz", intensities(), request.param)
    wanted = Wanted(probabilities=True, uncertainty=True)
    return evaluated(weights, scan, tmp_path / "out", wanted=wanted)


def test_every_file_opens_in_independent_readers(everything: Everything, tmp_path: Path) -> None:
    out = tmp_path / "out"
    scan = read_image(tmp_path / "sub-01_T1w.nii.gz")
    assert everything[1] <= set(out.iterdir())
    images = sorted(out.glob("*.nii.gz"))
    assert len(images) == 2 + len(TISSUES) + 1
    for path in images:
        image, other = read_image(path), sitk.ReadImage(str(path))
        assert image.shape == SHAPE == other.GetSize()
        np.testing.assert_array_equal(image.affine, scan.affine)
        values = np.asarray(image.dataobj)
        np.testing.assert_array_equal(sitk.GetArrayFromImage(other).T, values)
        whole = path.name.endswith(("dseg.nii.gz", "mask.nii.gz"))
        assert values.dtype == (np.uint8 if whole else np.float32)
        assert values.min() >= 0
        assert values.max() <= (7 if "dseg" in path.name else 1)
    for path in out.glob("*.json"):
        json.loads(path.read_text("utf-8"))
    for path in out.glob("*.tsv"):
        assert all(None not in row and None not in row.values() for row in rows_of(path))


def test_volumes_are_voxels_times_the_voxels_volume(everything: Everything, tmp_path: Path) -> None:
    labels = np.asarray(read_image(tmp_path / "out" / f"{START}dseg.nii.gz").dataobj)
    rows = rows_of(tmp_path / "out" / f"{START}volumes.tsv")
    described = json.loads((tmp_path / "out" / f"{START}volumes.json").read_text())
    voxel_mm3 = described["VoxelVolume"]
    affine = read_image(tmp_path / "sub-01_T1w.nii.gz").affine
    assert voxel_mm3 == pytest.approx(abs(np.linalg.det(affine[:3, :3])), rel=1e-12)
    for row in rows[:8]:
        assert int(row["voxels"]) == np.count_nonzero(labels == int(row["index"]))
    for row in rows:
        assert float(row["volume_mm3"]) == int(row["voxels"]) * voxel_mm3
    assert {row["abbreviation"]: int(row["voxels"]) for row in rows[8:]} == {
        "Brain": np.count_nonzero(np.isin(labels, [1, 2, 3, 4, 5])),
        "ICV": np.count_nonzero(labels),
    }
    assert set(rows[0]) <= set(described)  # each column is described
    assert [row["voxels"] for row in rows] == [str(row.voxels) for row in everything[0].volumes]


def test_volumes_are_also_given_as_shares_of_the_intracranial_one(
    everything: Everything, tmp_path: Path
) -> None:
    rows = rows_of(tmp_path / "out" / f"{START}volumes.tsv")
    percent = {row["abbreviation"]: row["percent_of_icv"] for row in rows}
    assert (percent.pop("BG"), percent.pop("ICV")) == ("n/a", "n/a")
    brain = float(percent.pop("Brain"))
    of_tissues = {name: float(share) for name, share in percent.items()}
    assert sum(of_tissues.values()) == pytest.approx(100)
    assert brain == pytest.approx(100 - of_tissues["Vent"] - of_tissues["CSF"])
    mm3 = {row["abbreviation"]: float(row["volume_mm3"]) for row in rows}
    assert of_tissues["WM"] == 100 * mm3["WM"] / mm3["ICV"] > 0


def test_soft_volumes_fill_the_grid_and_are_sums_of_probabilities(
    everything: Everything, tmp_path: Path
) -> None:
    rows = rows_of(tmp_path / "out" / f"{START}volumes.tsv")
    voxel_mm3 = json.loads((tmp_path / "out" / f"{START}volumes.json").read_text())["VoxelVolume"]
    soft_mm3 = {row["abbreviation"]: float(row["soft_volume_mm3"]) for row in rows}
    grid_mm3 = np.prod(SHAPE) * voxel_mm3
    assert sum(list(soft_mm3.values())[:8]) == pytest.approx(grid_mm3, rel=1e-4)
    for tissue in TISSUES:
        path = tmp_path / "out" / f"sub-01_label-{tissue.abbreviation}_probseg.nii.gz"
        total = np.asarray(read_image(path).dataobj).sum(dtype=np.float64) * voxel_mm3
        assert soft_mm3[tissue.abbreviation] == pytest.approx(total, rel=1e-3, abs=1e-3)
    assert soft_mm3["WM"] != float(rows[WM]["volume_mm3"])


def test_the_mask_and_the_uncertainty_belong_to_the_labels(
    everything: Everything, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    labels = np.asarray(read_image(out / f"{START}dseg.nii.gz").dataobj)
    mask = np.asarray(read_image(out / "sub-01_desc-brain_mask.nii.gz").dataobj)
    np.testing.assert_array_equal(mask, labels > 0)
    entropy = np.asarray(read_image(out / f"{START}uncertainty.nii.gz").dataobj)
    shares = np.stack(
        [np.asarray(read_image(path).dataobj) for path in sorted(out.glob("*_probseg.nii.gz"))]
    ).astype(np.float64)
    shares = np.concatenate([shares, 1 - shares.sum(0, keepdims=True)]).clip(1e-30, 1)
    np.testing.assert_allclose(entropy, -(shares * np.log(shares)).sum(0) / np.log(8), atol=0.01)


def test_the_sidecars_say_where_each_map_comes_from(
    everything: Everything, tmp_path: Path, weights: Path
) -> None:
    out = tmp_path / "out"
    described = [*out.glob("*.nii.gz"), out / f"{START}volumes.tsv"]
    for path in described:
        stem = path.name.removesuffix(".nii.gz").removesuffix(".tsv")
        text = (out / f"{stem}.json").read_text("utf-8")
        sidecar = json.loads(text)
        assert sidecar["Sources"] == ["sub-01_T1w.nii.gz"]
        assert sidecar["SpatialReference"] == "orig"
        assert sidecar["SkullStripped"] is True
        assert sidecar["Weights"]["SHA256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
        assert sidecar["GeneratedBy"][0]["Version"]
        assert {"Description", "Model", "Settings", "Notes"} <= set(sidecar)
        assert str(tmp_path) not in text
    sidecar = json.loads((out / f"{START}dseg.json").read_text())
    assert sidecar["Quality"]["Verdict"] in ("PASS", "CHECK")
    assert set(sidecar["Seconds"]) == {
        "brain",
        "preprocessing",
        "network",
        "postprocessing",
        "interpolation",
    }


def test_maps_are_written_only_when_asked_for(tmp_path: Path, weights: Path) -> None:
    scan = write_image(tmp_path / "sub-01_T1w.nii.gz", intensities())
    _, files = evaluated(weights, scan, tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert not [name for name in names if "probseg" in name or "uncertainty" in name]
    assert {path.name for path in files} <= names
    labels = np.asarray(read_image(tmp_path / "out" / f"{START}dseg.nii.gz").dataobj)
    np.testing.assert_array_equal(labels, threshold_labels(intensities()))


def test_no_result_is_replaced_unless_asked(tmp_path: Path, weights: Path) -> None:
    scan = write_image(tmp_path / "sub-01_T1w.nii.gz", intensities())
    _, provenance = open_model(Analysis(weights=str(weights)))
    books = Bookkeeping(provenance, Wanted(), Replacing())
    planned = PlannedScan(scan, None, output_paths(tmp_path / "out", "sub-01"))
    for path in books.files(planned):
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
        with pytest.raises(OutputError, match=f"'{path}' exists already"):
            read_inputs(planned, books, Todo(needed=True))
        read_inputs(planned, books, Todo(needed=True, replace=True))
        path.unlink()
