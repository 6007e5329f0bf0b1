"""Result files: their names, their tables, and that none is replaced or left half-written."""

import math
from pathlib import Path

import pytest

from brainfcn_jax.errors import OutputError
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.measures.metrics import Score
from brainfcn_jax.measures.volumes import LabelVolume
from brainfcn_jax.results.options import Wanted
from brainfcn_jax.results.paths import (
    LABEL_MAP,
    distinct_names,
    output_paths,
    refuse_existing,
    scan_name,
    sidecar_path,
)
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.result_files import planned_files
from brainfcn_jax.results.tables import (
    dataclass_lines,
    screen_table,
    volume_lines,
    write_json,
    write_table,
    write_text,
)

SCORES = [
    Score("WM", 0.123456789, 2.0, 0.25, math.inf, 0.5),
    Score("BS", math.nan, math.nan, math.nan, math.nan, math.nan),
]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data/sub-01_ses-1_T1w.nii.gz", "sub-01_ses-1"),
        ("sub-01_T2w.nii", "sub-01_acq-T2w"),
        ("sub-01_ses-2_acq-hr_run-1_FLAIR.nii.gz", "sub-01_ses-2_acq-hrFLAIR_run-1"),
        ("ms26_FLAIR.nii.gz", "ms26_FLAIR"),
        ("FLAIR.nii", "FLAIR"),
        ("T1.nii", "T1"),
        ("subject.1.mgz", "subject.1"),
        ("brain.IMG", "brain"),
        ("scan", "scan"),
    ],
)
def test_results_are_named_after_the_scan(path: str, name: str) -> None:
    assert scan_name(path) == name


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x_T1w.nii", "b/y.nii"], ["x", "y"]),
        (["a/T1.nii", "b/T1.nii", "b/z.nii"], ["a_T1", "b_T1", "z"]),
        (["in/1/anat/T1.nii", "in/2/anat/T1.nii"], ["1_T1", "2_T1"]),
        (["s1/v1/T1.nii", "s1/v2/T1.nii", "s2/v1/T1.nii"], ["s1_v1_T1", "s1_v2_T1", "s2_v1_T1"]),
        (["/T1.nii", "/a/T1.nii"], ["T1", "a_T1"]),
        (["a/T1.nii", "a/../a/T1.nii.gz"], ["T1", "T1"]),
        (["a/m.nii", "a/m_T1w.nii", "b/m_T1w.nii"], ["a_m", "m_T1w", "b_m"]),
        (["a/s_T1w.nii", "a/s_T2w.nii", "b/s_T1w.nii"], ["a_s", "s_T2w", "b_s"]),
    ],
)
def test_names_that_are_shared_get_the_folders_that_differ(
    paths: list[str], names: list[str]
) -> None:
    assert distinct_names(paths) == names


def test_a_link_that_leads_nowhere_is_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists already"):
        refuse_existing([tmp_path / "link"], overwrite=False)


def test_result_names_follow_bids_derivatives() -> None:
    outputs = output_paths("out", "sub-01", "sub-01/anat")
    label_map = outputs.file(LABEL_MAP)
    assert label_map == Path("out/sub-01/anat/sub-01_desc-tissue_dseg.nii.gz")
    assert sidecar_path(label_map) == label_map.with_name("sub-01_desc-tissue_dseg.json")
    assert outputs.root == Path("out")


def test_the_files_of_a_scan_depend_on_what_is_asked() -> None:
    always = [
        "desc-brain_mask.json",
        "desc-brain_mask.nii.gz",
        "desc-tissue_dseg.json",
        "desc-tissue_dseg.nii.gz",
        "desc-tissue_intensities.tsv",
        "desc-tissue_qc.png",
        "desc-tissue_report.html",
        "desc-tissue_volumes.json",
        "desc-tissue_volumes.tsv",
    ]
    maps = [
        f"label-{t.abbreviation}_probseg.{kind}" for t in TISSUES for kind in ("json", "nii.gz")
    ]

    def names(reference: str | None = None, **wanted: bool) -> list[str]:
        planned = PlannedScan("a.b.nii", reference, output_paths("out", "a.b"))
        found = planned_files(planned, Wanted(**wanted), TISSUES)  # type: ignore[arg-type]
        return sorted(path.name.removeprefix("a.b_") for path in found)

    assert names() == always
    assert names("labels.nii") == sorted([*always, "desc-tissue_scores.tsv"])
    assert names(probabilities=True) == sorted([*always, *maps])
    uncertainty = ["desc-tissue_uncertainty.json", "desc-tissue_uncertainty.nii.gz"]
    assert names(uncertainty=True) == sorted([*always, *uncertainty])


def test_volumes_are_written_in_full_precision(tmp_path: Path) -> None:
    rows = [LabelVolume(3, "white matter", "WM", 7, 7 * 0.1, 0.7000000001)]
    rows += [LabelVolume(None, "intracranial", "ICV", 14, 1.4, 0.5)]
    write_table(tmp_path / "volumes.tsv", volume_lines(rows))
    assert (tmp_path / "volumes.tsv").read_text().splitlines() == [
        "index\tname\tabbreviation\tvoxels\tvolume_mm3\tsoft_volume_mm3\tpercent_of_icv",
        f"3\twhite matter\tWM\t7\t{7 * 0.1!r}\t0.7000000001\t{100 * (7 * 0.1) / 1.4!r}",
        "n/a\tintracranial\tICV\t14\t1.4\t0.5\tn/a",
    ]


def test_scores_are_written_in_full_precision(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    write_table(path, dataclass_lines(Score, SCORES))
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    assert rows[0] == [
        "structure",
        "dice",
        "hausdorff_95_mm",
        "mean_surface_distance_mm",
        "absolute_volume_difference_percent",
        "volumetric_similarity",
    ]
    assert rows[1] == ["WM", "0.123456789", "2.0", "0.25", "inf", "0.5"]
    assert rows[2] == ["BS", *["n/a"] * 5]


def test_the_screen_shows_aligned_columns() -> None:
    lines = screen_table({"a.nii": SCORES[:1], "longer.nii": SCORES[1:]}).splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["scan", "structure", "dice"],
        ["a.nii", "WM", "0.123"],
        ["longer.nii", "BS", "n/a"],
    ]
    assert (
        len({line.index(word) for line, word in zip(lines, ("str", "WM", "BS"), strict=True)}) == 1
    )


def test_a_file_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "text"
    write_text(path, "first")
    with pytest.raises(OutputError, match="exists already"):
        write_text(path, "second")
    assert path.read_text() == "first"
    write_text(path, "second", overwrite=True)
    assert path.read_text() == "second"


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "text", {"no": {"json"}})
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "no_folder" / "text", "text")
    assert list(tmp_path.iterdir()) == []
