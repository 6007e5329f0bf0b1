"""Labels of one's own, from a table and label maps through training to labels of another scan."""

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.eval_example import read_image, run
from support.narrow import narrow_start
from support.tiny_scans import SPACING_MM, tiny_scan, tiny_settings

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.labels import LabelTable, parsed_table
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.training.label_choice import labels_of
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.validation import load_validation_cases

TABLE = """\
index\tname\tabbreviation\tcolor
1\tleft hippocampus\tLHip\t#10a0f0
2\tright hippocampus\tRHip\t#f0a010
3\tlesion\tLes\t#ff0080
"""
OF_TISSUES = np.array([0, 1, 1, 2, 2, 3, 3, 3], np.uint8)
"""The label that stands for each tissue of the tiny scans."""


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Three tiny scans with label maps of the table's values, and the table."""
    folder = tmp_path / "scans"
    folder.mkdir()
    affine = np.diag([*SPACING_MM, 1.0])
    for number in range(3):
        scan, tissues = tiny_scan(number)
        for ending, data in (("T1w", scan), ("dseg", OF_TISSUES[tissues])):
            path = folder / f"sub-0{number + 1}_{ending}.nii.gz"
            nibabel.save(nibabel.Nifti1Image(data, affine), path)
    (folder / "mine.tsv").write_text(TABLE)
    return folder


def own_start(folder: Path, labels: LabelTable) -> dict[str, str]:
    """Settings of a training of these labels that starts from a narrow network."""
    start = narrow_start(folder / "start", labels=labels)
    return {**start, "data__label_table": str(folder / "scans" / "mine.tsv")}


def test_they_are_trained_and_found(scans: Path, tmp_path: Path) -> None:
    table = parsed_table(TABLE)
    workdir = train(tiny_settings(scans, **own_start(tmp_path, table)), tmp_path / "run", "quiet")
    lines = map(json.loads, workdir.metrics.read_text().splitlines())
    (*_, dice) = (line["dice"] for line in lines if "dice" in line)
    assert list(dice) == ["LHip", "RHip", "Les"]
    trained = load_model(workdir.last)
    assert trained.description.labels == table
    assert str(scans) not in trained.description.training
    volume = f"--volume={scans / 'sub-03_T1w.nii.gz'}"
    assert run(volume, f"--weights={workdir.last}", f"--out_dir={tmp_path / 'out'}") == 0
    found = read_image(tmp_path / "out" / "sub-03_desc-tissue_dseg.nii.gz")
    assert set(np.unique(np.asarray(found.dataobj))) <= {0, 1, 2, 3}
    rows = (tmp_path / "out" / "sub-03_desc-tissue_volumes.tsv").read_text().splitlines()
    assert [row.split("\t")[2] for row in rows[1:]] == ["BG", "LHip", "RHip", "Les"]


def test_a_value_that_the_table_lacks_is_refused(scans: Path) -> None:
    path = scans / "sub-03_dseg.nii.gz"
    codes = np.asarray(read_image(path).dataobj).copy()
    codes[16, 15, 3] = 4
    nibabel.save(nibabel.Nifti1Image(codes, np.diag([*SPACING_MM, 1.0])), path)
    settings = tiny_settings(scans, data__label_table=str(scans / "mine.tsv"))
    with pytest.raises(InputError) as told:
        load_validation_cases(settings.data)
    assert str(told.value) == (
        f"'{path}' holds label values 4, which 'labels' labels do not have; allowed are 0, 1, 2, 3"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no table", "is no label table: it lacks the columns index, name"),
        (TABLE.replace("color", "colour"), "is no label table: it lacks the columns color"),
        (TABLE.replace("#ff0080", "red"), "a color is as #ff8000"),
        (TABLE.replace("3\tlesion", "4\tlesion"), "must count from 1"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_its_name(scans: Path, text: str, said: str) -> None:
    path = scans / "mine.tsv"
    path.write_text(text)
    with pytest.raises(InputError) as told:
        labels_of(tiny_settings(scans, data__label_table=str(path)))
    assert str(told.value).startswith(f"'{path}' ")
    assert said in str(told.value)


def test_a_table_that_is_not_there_is_named(scans: Path) -> None:
    with pytest.raises(InputError, match=r"none\.tsv' cannot be read as a label table"):
        labels_of(tiny_settings(scans, data__label_table=str(scans / "none.tsv")))


def test_a_scheme_of_the_tissues_does_not_go_with_them(scans: Path) -> None:
    settings = tiny_settings(
        scans, data__label_table=str(scans / "mine.tsv"), data__scheme="mrbrains13"
    )
    with pytest.raises(UsageError, match="'mrbrains13' is about cortical grey matter"):
        load_validation_cases(settings.data)
