"""Which scans --volume and --reference mean."""

import shlex
from pathlib import Path

import pytest

from brainfcn_jax.cohort.scan_lists import expand_references, expand_volumes, matching_name
from brainfcn_jax.errors import InputError, UsageError


def make(folder: Path, *names: str) -> None:
    """Empty files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def names_of(paths: list[str]) -> list[str]:
    return [Path(path).name for path in paths]


def test_files_stay_as_they_are_given(tmp_path: Path) -> None:
    given = ["b.nii", "demo", str(tmp_path / "missing.nii.gz"), "a.mgz"]
    assert expand_volumes(given, ("T1w",)) == (given, ())


def test_a_folder_gives_its_scans_in_natural_order(tmp_path: Path) -> None:
    make(tmp_path, "s10.nii", "s2.nii.gz", "s1.MGZ", "notes.txt", ".s3.nii", "x.json")
    (tmp_path / "s4.nii").mkdir()
    scans, notes = expand_volumes([str(tmp_path)], ("T1w",))
    assert names_of(scans) == ["s1.MGZ", "s2.nii.gz", "s10.nii"]
    assert notes == ()


def test_an_analyze_pair_is_one_scan(tmp_path: Path) -> None:
    make(tmp_path, "a.hdr", "a.img", "b.img")
    assert names_of(expand_volumes([str(tmp_path)], ("T1w",))[0]) == ["a.hdr", "b.img"]


@pytest.mark.parametrize(
    ("modality", "kept"),
    [("T1w", ["odd.nii", "sub-1_T1w.nii"]), ("T2w", ["odd.nii", "sub-1_T2w.nii"])],
)
def test_other_contrasts_and_results_in_a_folder_are_left_out_and_named(
    modality: str, kept: list[str], tmp_path: Path
) -> None:
    make(
        tmp_path,
        "odd.nii",
        *(f"sub-1_{word}.nii" for word in ("T1w", "T2w", "FLAIR", "dseg", "desc-brain_mask")),
    )
    scans, (note,) = expand_volumes([str(tmp_path)], (modality,))
    assert names_of(scans) == kept
    assert f"not of {modality} scans: sub-1_FLAIR.nii, " in note


def test_a_pattern_gives_the_scans_that_it_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("s10", "s2"):
        make(tmp_path / folder, "a_T1w.nii", "a_dseg.nii", "readme.txt")
    make(tmp_path, "odd[1].nii")
    scans, (note,) = expand_volumes(["*/*"], ("T1w",))
    assert scans == ["s2/a_T1w.nii", "s10/a_T1w.nii"]
    assert "left out, since their names are not of T1w scans: a_dseg.nii, a_dseg.nii" in note
    assert expand_volumes(["**/*T1w.nii"], ("T1w",)) == (scans, ())
    assert expand_volumes(["odd[1].nii"], ("T1w",)) == (["odd[1].nii"], ())
    with pytest.raises(InputError, match=r"'\*/\*T2w\*' fits no T1w scan, no image; give files"):
        expand_volumes(["*/*T2w*"], ("T1w",))


def test_scans_in_subfolders_only_are_asked_for_as_a_pattern(tmp_path: Path) -> None:
    make(tmp_path / "sub-1" / "anat", "sub-1_T1w.nii.gz")
    with pytest.raises(InputError) as found:
        expand_volumes([str(tmp_path)], ("T1w",))
    assert "images lie in its folders ('sub-1/anat/sub-1_T1w.nii.gz')" in str(found.value)
    pattern = str(found.value).split("--volume='")[1].split("'")[0]
    scans, _ = expand_volumes([pattern], ("T1w",))
    assert scans == [str(tmp_path / "sub-1" / "anat" / "sub-1_T1w.nii.gz")]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mgz", ".hdr"])
def test_the_pattern_that_is_named_fits_what_lies_there(ending: str, tmp_path: Path) -> None:
    """Also where a folder is called like its file, as some programs unpack them."""
    study = tmp_path / "it's [1]"
    for name in ("a", "b"):
        make(study / f"{name}{ending}", f"{name}{ending}")
    with pytest.raises(InputError) as found:
        expand_volumes([str(study)], ("T1w",))
    (given,) = shlex.split(str(found.value).rpartition("--volume=")[2])
    scans, _ = expand_volumes([given], ("T1w",))
    assert names_of(scans) == [f"a{ending}", f"b{ending}"]


def test_no_pattern_is_named_where_none_would_fit_a_scan(tmp_path: Path) -> None:
    make(tmp_path / "sub-1" / "anat", "sub-1_dseg.nii.gz", "sub-1_bold.nii.gz")
    with pytest.raises(InputError, match=r"sub-1_bold.nii.gz, .*sub-1_dseg.nii.gz\); give files"):
        expand_volumes([str(tmp_path)], ("T1w",))


@pytest.mark.parametrize("given", ["scans", "scans/*", "scans/*.nii.gz", "**/*_T1w.nii*", "s*/a_*"])
def test_links_without_content_are_scans_that_can_be_told(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "scans", "notes.txt")
    for name in ("a_T1w.nii.gz", "a_dseg.nii.gz", "notes.json"):
        (tmp_path / "scans" / name).symlink_to(f"../.git/annex/objects/MD5E--{name}")
    (tmp_path / "scans" / "loop.mgz").symlink_to("loop.mgz")
    scans, _ = expand_volumes([given], ("T1w",))
    assert scans[0] == "scans/a_T1w.nii.gz"
    assert scans[1:] == (["scans/loop.mgz"] if given in ("scans", "scans/*") else [])


def test_parts_of_a_signal_that_show_no_anatomy_are_left_out_and_named(tmp_path: Path) -> None:
    parts = [f"s_part-{part}_T1w.nii" for part in ("imag", "mag", "phase", "real")]
    make(tmp_path, *parts, "x_ph.nii", "x.nii")
    scans, (note,) = expand_volumes([str(tmp_path)], ("T1w",))
    assert names_of(scans) == ["s_part-mag_T1w.nii", "x.nii"]
    assert "since they show no anatomy (part-imag): s_part-imag_T1w.nii, s_part-phase_T1w.nii" in (
        note
    )
    scans, _ = expand_volumes([f"{tmp_path}/*_T1w.nii"], ("T1w",))
    assert names_of(scans) == ["s_part-mag_T1w.nii"]


def test_a_scan_given_twice_is_taken_once(tmp_path: Path) -> None:
    make(tmp_path, "a.nii", "b.nii")
    scans, notes = expand_volumes([f"{tmp_path}/./b.nii", str(tmp_path), "demo", "demo"], "T1w")
    assert scans == [f"{tmp_path}/./b.nii", f"{tmp_path}/a.nii", "demo"]
    assert notes == (
        f"'{tmp_path}/b.nii' is given more than once; it is segmented once",
        "'demo' is given more than once; it is segmented once",
    )


def test_a_list_is_read_line_by_line(tmp_path: Path) -> None:
    scans = tmp_path / "scans.txt"
    scans.write_text("\ufeff# two\n/data/ä b.nii.gz\r\n\n  c.mgz  \n", "utf-8")
    assert expand_volumes([str(scans), "d.nii"], "T1w")[0] == ["/data/ä b.nii.gz", "c.mgz", "d.nii"]


def test_a_folder_or_list_without_scans_is_refused(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(InputError) as found:
            expand_volumes([str(path)], ("T1w",))
        return str(found.value)

    make(tmp_path / "dicom", "IM0001", "IM0002.dcm")
    assert "dcm2niix" in refused(tmp_path / "dicom")
    make(tmp_path / "bids", "dataset_description.json")
    assert f"--bids_dir={tmp_path / 'bids'}" in refused(tmp_path / "bids")
    make(tmp_path / "labels", "a_dseg.nii")
    assert "it holds a_dseg.nii" in refused(tmp_path / "labels")
    (tmp_path / "empty.txt").write_text("# nothing\n")
    assert "names no scan" in refused(tmp_path / "empty.txt")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    assert "no UTF-8 text" in refused(tmp_path / "binary.txt")
    assert "No such file" in refused(tmp_path / "missing.txt")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("data/sub-01_T1w.nii.gz", "sub-01"),
        ("sub-01_ses-2_dseg.nii", "sub-01_ses-2"),
        ("sub-01_T1w_seg.mgz", "sub-01"),
        ("sub-01_desc-tissue_dseg.nii.gz", "sub-01"),
        ("sub-01_acq-FLAIR_desc-tissue_dseg.nii.gz", "sub-01"),
        ("sub-01_acq-highresFLAIR_desc-tissue_dseg.nii.gz", "sub-01_acq-highres"),
        ("1006.nii.gz", "1006"),
        ("dseg.nii.gz", "dseg"),
        ("a.b_c.img", "a.b_c"),
    ],
)
def test_scan_and_labels_share_a_name(file: str, name: str) -> None:
    assert matching_name(file) == name


def test_references_in_a_folder_are_found_by_name(tmp_path: Path) -> None:
    make(tmp_path, "a_T1w.nii.gz", "a_dseg.nii.gz", "b_T1w.nii.gz", "b_seg.nii", "c_dseg.nii")
    scans = [str(tmp_path / "b_T1w.nii.gz"), str(tmp_path / "a_T1w.nii.gz")]
    found = expand_references([str(tmp_path)], scans)
    assert names_of(found) == ["b_seg.nii", "a_dseg.nii.gz"]


def test_references_may_be_a_pattern(tmp_path: Path) -> None:
    make(tmp_path / "a", "a_dseg.nii")
    make(tmp_path / "b", "b_dseg.nii")
    found = expand_references([f"{tmp_path}/*/*_dseg.nii"], ["b_T1w.nii", "a_T1w.nii"])
    assert names_of(found) == ["b_dseg.nii", "a_dseg.nii"]


def test_a_missing_or_doubtful_reference_is_named(tmp_path: Path) -> None:
    make(tmp_path, "a_dseg.nii", "b_dseg.nii", "b_seg.nii")
    with pytest.raises(InputError, match=r"has no labels of z_T1w\.nii;"):
        expand_references([str(tmp_path)], ["a_T1w.nii", "z_T1w.nii"])
    with pytest.raises(InputError, match="both belong to 'b'"):
        expand_references([str(tmp_path)], ["b_T1w.nii"])


def test_references_are_as_many_as_scans(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a_dseg.nii\nb_dseg.nii\n")
    given = [str(tmp_path / "labels.txt")]
    assert expand_references(given, ["a.nii", "b.nii"]) == ["a_dseg.nii", "b_dseg.nii"]
    assert expand_references([], ["a.nii"]) == []
    with pytest.raises(UsageError, match="3 scans and 2 references"):
        expand_references(given, ["a.nii", "b.nii", "c.nii"])


def test_a_scan_cut_to_the_brain_is_no_further_scan(tmp_path: Path) -> None:
    for name in ("sub-01_T1w.nii.gz", "sub-01_desc-brain_image.nii.gz", "x_image.nii.gz"):
        (tmp_path / name).touch()
    volumes, _ = expand_volumes([str(tmp_path)], ("T1w",))
    assert [Path(volume).name for volume in volumes] == ["sub-01_T1w.nii.gz", "x_image.nii.gz"]


def test_of_several_contrasts_in_a_folder_the_first_is_taken(tmp_path: Path) -> None:
    make(tmp_path, *(f"{n}_{word}.nii" for n in (1, 2) for word in ("FLAIR", "T2w", "bold")))
    scans, (note,) = expand_volumes([str(tmp_path)], ("T1w", "T2w", "FLAIR"))
    assert names_of(scans) == ["1_T2w.nii", "2_T2w.nii"]
    assert "not of T2w scans: 1_FLAIR.nii" in note
    make(tmp_path, "T1.nii")
    assert names_of(expand_volumes([str(tmp_path)], ("T1w", "T2w"))[0]) == ["T1.nii"]
    (tmp_path / "T1.nii").unlink()
    with pytest.raises(InputError, match="holds no PDw or T2starw scan"):
        expand_volumes([str(tmp_path)], ("PDw", "T2starw"))


def test_words_in_any_form_say_a_contrast(tmp_path: Path) -> None:
    make(tmp_path, "a_t1.nii", "b_flair.nii", "c_T1w_brain.nii", "d_FLAIR_brain.nii", "e.nii")
    scans, _ = expand_volumes([str(tmp_path)], ("T1w", "FLAIR"))
    assert names_of(scans) == ["a_t1.nii", "c_T1w_brain.nii", "e.nii"]
    scans, _ = expand_volumes([str(tmp_path)], ("FLAIR",))
    assert names_of(scans) == ["b_flair.nii", "d_FLAIR_brain.nii", "e.nii"]


def test_a_name_that_says_a_contrast_goes_before_those_that_say_none(tmp_path: Path) -> None:
    make(tmp_path, "loc.nii", "1_FLAIR.nii")
    scans, notes = expand_volumes([str(tmp_path)], ("T1w", "FLAIR"))
    assert (names_of(scans), notes) == (["1_FLAIR.nii", "loc.nii"], ())


def test_results_beside_their_scans_are_no_further_scans(tmp_path: Path) -> None:
    words = ("desc-tissue_dseg", "desc-brain_mask", "label-WM_probseg", "desc-brain_image")
    made = [f"{name}_{word}.nii.gz" for word in words for name in ("p_FLAIR", "sub-1_T1w")]
    make(tmp_path, "p_FLAIR.nii.gz", "sub-1_T1w.nii.gz", *made)
    for contrast, scan in (("T1w", "sub-1_T1w.nii.gz"), ("FLAIR", "p_FLAIR.nii.gz")):
        assert names_of(expand_volumes([str(tmp_path)], (contrast,))[0]) == [scan]
