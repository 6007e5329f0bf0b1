"""`run_eval.py` with a model of labels of its own: they are what every result shows."""

import csv
import dataclasses
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.eval_example import intensities, one_line, read_image, run, write_image
from support.threshold_model import BRIGHT, DARK, DESCRIPTION, passing_intensity, threshold_labels

from brainfcn_jax.labels import COGM, TISSUES, WM, LabelTable, parsed_table, table_text
from brainfcn_jax.network.model_file import Model, save_model

TABLE = """\
index\tname\tabbreviation\tcolor
1\tleft hippocampus\tLHip\t#10a0f0
2\tright hippocampus\tRHip\t#f0a010
3\tlesion\tLes\t#ff0080
"""
LABELS = parsed_table(TABLE)
LHIP, _, LES = (label.index for label in LABELS)


def own_model(labels: LabelTable = LABELS) -> Model:
    """What `threshold_model` calls white matter is a lesion, its cortex the left hippocampus."""
    description = dataclasses.replace(DESCRIPTION, labels=labels, find_brain=False)
    params = passing_intensity(description)
    params["fusion"]["kernel"][0, 0, 0, [LHIP, LES]] = (1, 2)
    params["fusion"]["bias"][:] = -1000
    params["fusion"]["bias"][[0, LHIP, LES]] = (DARK, 0, -BRIGHT)
    return Model(params, description)


def own_labels(scan: np.ndarray) -> np.ndarray:
    """The labels of `own_model`."""
    tissues = threshold_labels(scan)
    return np.select([tissues == WM, tissues == COGM], [LES, LHIP]).astype(np.uint8)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "mine.h5"
    save_model(path, own_model())
    return path


@pytest.fixture(scope="module")
def out(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that can be written of two scans, the first with a reference that is right."""
    folder = tmp_path_factory.mktemp("scans")
    flags = [f"--weights={weights}", f"--out_dir={folder / 'out'}", "--csv"]
    flags += ["--save_prob", "--save_uncertainty"]
    for name, scan in (("a", intensities()), ("b", intensities()[::-1])):
        flags.append(f"--volume={write_image(folder / f'{name}_T1w.nii.gz', scan)}")
        reference = write_image(folder / f"{name}_dseg.nii.gz", own_labels(scan))
        flags.append(f"--reference={reference}")
    assert run(*flags) == 0
    return folder / "out"


def rows(path: Path) -> list[dict[str, str]]:
    """The lines of a table."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def test_labels_and_probabilities_are_the_models_own(out: Path) -> None:
    labels = np.asarray(read_image(out / "a_desc-tissue_dseg.nii.gz").dataobj)
    np.testing.assert_array_equal(labels, own_labels(intensities()))
    assert {path.name for path in out.glob("a_label-*.nii.gz")} == {
        f"a_label-{label.abbreviation}_probseg.nii.gz" for label in LABELS
    }
    lesion = np.asarray(read_image(out / "a_label-Les_probseg.nii.gz").dataobj)
    assert lesion[labels == LES].min() > 0.499 and lesion[labels == LHIP].max() < 0.501


def test_tables_and_sidecars_name_them_and_no_brain_that_they_do_not_make_up(out: Path) -> None:
    assert (out / "desc-tissue_dseg.tsv").read_text() == table_text(LABELS, kinds=False)
    for name in ("freeview.txt", "slicer.ctbl", "itksnap.txt", "fsleyes.lut"):
        text = (out / f"desc-tissue_{name}").read_text().replace("_", " ")
        assert all(label.name in text for label in LABELS), name
    volumes = rows(out / "a_desc-tissue_volumes.tsv")
    assert [row["abbreviation"] for row in volumes] == ["BG", "LHip", "RHip", "Les"]
    assert {row["percent_of_icv"] for row in volumes} == {"n/a"}
    sidecar = json.loads((out / "a_desc-tissue_dseg.json").read_text())
    assert sidecar["LabelMap"] == {"background": 0} | {row.name: row.index for row in LABELS}
    assert sidecar["Settings"]["scheme"] == "labels"
    uncertainty = json.loads((out / "a_desc-tissue_uncertainty.json").read_text())
    assert "label probabilities" in uncertainty["Description"] and "ln 4" in str(uncertainty)
    assert not list(out.glob("*desc-brain*"))


def test_scores_are_of_them(out: Path) -> None:
    scores = {row["structure"]: row["dice"] for row in rows(out / "a_desc-tissue_scores.tsv")}
    assert scores == {"LHip": "1.0", "RHip": "n/a", "Les": "1.0"}
    assert len(rows(out / "group_scores.tsv")) == 6


def test_pages_and_picture_show_their_names_and_colours(out: Path) -> None:
    pixels = np.asarray(Image.open(out / "a_desc-tissue_qc.png").convert("RGB"))
    for label in LABELS:
        assert (pixels[-34:] == label.colour).all(axis=-1).sum() == 14 * 14
    page = (out / "a_desc-tissue_report.html").read_text("utf-8")
    group = (out / "group_report.html").read_text("utf-8")
    for label in LABELS:
        assert f'<span class="swatch t{label.index}"></span>{label.name}' in page
        assert f'<span class="swatch t{label.index}"></span>{label.abbreviation}' in group
        rule = f".t{label.index} {{ background: rgb({', '.join(map(str, label.colour))}); }}"
        assert rule in page and rule in group
    assert "LHip (ml)" in group
    assert "Outlines of the labels" in page


def test_no_result_names_a_tissue(out: Path) -> None:
    words = [*TISSUES.names, "seven", "Brain tissues"]
    for path in out.rglob("*"):
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode("latin-1")
        assert not [word for word in words if word in text and path.suffix != ".png"], path
        assert not [label for label in TISSUES if f"label-{label.abbreviation}_" in path.name]


def test_the_message_tells_the_volumes_that_there_are(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_image(tmp_path / "a_T1w.nii.gz", intensities())
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={tmp_path / 'out'}") == 0
    said = capsys.readouterr().err
    assert "RHip 0 ml, Les " in said and "brain " not in said


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--brain_image", "--brain_image cuts a scan to its brain, and the model's labels (left"),
        ("--scheme=mrbrains13", "the label scheme 'mrbrains13' is about cortical grey matter"),
    ],
)
def test_what_is_about_tissues_is_refused(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flag: str, said: str
) -> None:
    scan = write_image(tmp_path / "a_T1w.nii.gz", intensities())
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={tmp_path}", flag) == 2
    assert said in one_line(capsys.readouterr().err)


def test_as_many_labels_as_there_can_be_have_their_colours_in_the_picture(tmp_path: Path) -> None:
    colour = "#{:02x}{:02x}{:02x}"
    lines = [f"{n}\tstructure {n}\tS{n}\t{colour.format(n, 255 - n, 99)}\n" for n in range(1, 129)]
    many = parsed_table("".join([TABLE.splitlines(keepends=True)[0], *lines]))
    save_model(tmp_path / "many.h5", own_model(many))
    scan = write_image(tmp_path / "a_T1w.nii.gz", intensities())
    flags = [f"--weights={tmp_path / 'many.h5'}", f"--out_dir={tmp_path / 'out'}"]
    assert run(f"--volume={scan}", *flags) == 0
    picture = (tmp_path / "out" / "a_desc-tissue_qc.png").read_bytes()
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    for label in many:
        assert (pixels == label.colour).all(axis=-1).sum() >= 14 * 14
    assert pixels.shape[1] < 2500
