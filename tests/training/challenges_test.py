"""The paper's four experiments, end to end, on small scans in the challenges' own layouts."""

import sys
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.challenge_codes import challenge_codes
from support.eval_example import read_image
from support.narrow import narrow_flags
from support.tiny_scans import tiny_scan

from brainfcn_jax.commands import segment, train
from brainfcn_jax.commands.runner import exit_code
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.schemes import find_scheme

CONFIGS = Path(__file__).parents[2] / "configs"
SPACING_MM = {"mrbrains13": (0.96, 0.96, 3.0), "neobrains12": (0.35, 0.35, 2.0)}
TRAINING = {
    "exp1": [f"axial_40w_{n}" for n in (1, 2)],
    "exp2": [f"coronal_30w_{n}" for n in (1, 2)],
    "exp3": [f"{kind}_{n}" for kind in ("axial_40w", "coronal_30w") for n in (1, 2)],
    "exp4": [f"TrainingData/{n}" for n in range(1, 6)],
}
SMALL = (
    "--config.training.steps=2",
    "--config.training.images_per_step=3",
    "--config.training.images_per_microbatch=2",
    "--config.optimizer.learning_rate=1e-9",
)


def write_subject(folder: Path, scheme: str, scan_name: str, label_names: dict[str, str]) -> None:
    """A tiny scan and its labels in a challenge's codes, under the challenge's file names."""
    folder.mkdir(parents=True)
    scan, tissues = tiny_scan(seed=len(str(folder)))
    affine = np.diag([*SPACING_MM[scheme], 1.0])
    nibabel.save(nibabel.Nifti1Image(scan, affine), folder / scan_name)
    for label_scheme, name in label_names.items():
        codes = challenge_codes(tissues, find_scheme(label_scheme))
        nibabel.save(nibabel.Nifti1Image(codes, affine), folder / name)


@pytest.fixture
def challenge(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the training folders of an experiment and one test subject."""

    def write(experiment: str) -> Path:
        for subject in TRAINING[experiment] + ["TestData/1"]:
            if experiment == "exp4":
                labels = {"mrbrains13": "LabelsForTraining.nii"}
                labels["mrbrains13_testing"] = "LabelsForTesting.nii"
                write_subject(tmp_path / "data" / subject, "mrbrains13", "T1.nii", labels)
            else:
                labels = {"neobrains12": "labels.nii.gz"}
                write_subject(tmp_path / "data" / subject, "neobrains12", "T2.nii.gz", labels)
        return tmp_path / "data"

    return write


def run_command(module: object, *arguments: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command with these arguments, in this process."""
    argv = ["run.py", *map(str, arguments)]
    monkeypatch.setattr(sys, "argv", argv)
    if module is train:
        return exit_code(
            lambda values: train.define_flags(values, argv), train.train_command, "", argv
        )
    return segment.exit_code(argv)


@pytest.mark.parametrize("experiment", ["exp1", "exp2", "exp3", "exp4"])
def test_an_experiment_trains_segments_and_scores(
    experiment: str,
    challenge: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data, workdir, out = challenge(experiment), tmp_path / "run", tmp_path / "out"
    stages = 4 if experiment == "exp4" else 5
    axis = "coronal" if experiment in ("exp2", "exp3") else "axial"
    start = narrow_flags(tmp_path, stages=stages, maps=16, slice_axis=axis, equalise="volume")
    settings = (f"--config={CONFIGS / experiment}.py", f"--config.data.root={data}", *SMALL, *start)
    assert run_command(train, *settings, f"--workdir={workdir}", monkeypatch=monkeypatch) == 0

    description = load_model(workdir / "last.h5").description
    assert description.stages == stages
    assert description.slice_axis == axis

    scan, reference, scheme, structures = (
        ("T1.nii", "LabelsForTesting.nii", "mrbrains13_testing", {"GM", "WM", "CSF"})
        if experiment == "exp4"
        else ("T2.nii.gz", "labels.nii.gz", "neobrains12", {"CoGM", "BGT", "BS", "CB", "CSF"})
    )
    capsys.readouterr()
    code = run_command(
        segment,
        f"--volume={data / 'TestData' / '1' / scan}",
        f"--weights={workdir / 'last.h5'}",
        f"--reference={data / 'TestData' / '1' / reference}",
        f"--scheme={scheme}",
        f"--out_dir={out}",
        monkeypatch=monkeypatch,
    )
    assert code == 0
    assert structures <= set(capsys.readouterr().out.split())
    (labels,) = out.glob("*_dseg.nii.gz")
    expected, found = read_image(data / "TestData" / "1" / scan), read_image(labels)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.affine, expected.affine)
