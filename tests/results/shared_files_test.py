"""What the scans of one folder share, and the official validator's word on all of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from results.writing_test import evaluated
from support.eval_example import intensities, write_image
from support.found_scan import provenance
from support.threshold_model import threshold_model

from brainfcn_jax.errors import OutputError
from brainfcn_jax.network.model_file import save_model
from brainfcn_jax.results.options import Wanted
from brainfcn_jax.results.paths import output_paths
from brainfcn_jax.results.shared_files import shared_files, write_shared_files

SHARED = {
    ".bidsignore",
    "dataset_description.json",
    "desc-tissue_dseg.tsv",
    "desc-tissue_freeview.txt",
    "desc-tissue_fsleyes.lut",
    "desc-tissue_itksnap.txt",
    "desc-tissue_slicer.ctbl",
}


BIDS_KNOWS = {".bidsignore", "dataset_description.json", "desc-tissue_dseg.tsv"}
NO_WORDS = ("_record.", "_volumes.", "_intensities.", "_uncertainty.", "_qc.", "_report.")


def shared(root: Path, flat: bool = True, source: str | None = None) -> dict[Path, str]:
    outputs = output_paths(root, "a", "" if flat else "sub-a/anat")
    return shared_files(outputs, provenance(version="1.2"), source)


def test_shared_files_are_written_once(tmp_path: Path) -> None:
    assert write_shared_files(shared(tmp_path)) == ()
    assert {path.name for path in tmp_path.iterdir()} == SHARED
    written = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert write_shared_files(shared(tmp_path)) == ()
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}


def test_the_users_own_file_is_kept_with_a_note(tmp_path: Path) -> None:
    description = tmp_path / "dataset_description.json"
    description.write_text('{"Name": "mine"}')
    (note,) = write_shared_files(shared(tmp_path))
    assert note.startswith(f"'{description}'")
    assert json.loads(description.read_text()) == {"Name": "mine"}


def test_bidsignore_may_hold_more_lines_and_is_told_what_it_lacks(tmp_path: Path) -> None:
    ignored = tmp_path / ".bidsignore"
    write_shared_files(shared(tmp_path))
    ignored.write_text("notes/\n" + ignored.read_text())
    assert write_shared_files(shared(tmp_path)) == ()
    assert write_shared_files(shared(tmp_path, flat=False)) == ()
    ignored.write_text(ignored.read_text().replace("*_desc-tissue_qc.png\n", ""))
    (note,) = write_shared_files(shared(tmp_path))
    assert note.endswith(": *_desc-tissue_qc.png")


def test_a_shared_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_shared_files(shared(tmp_path / "none"))


def test_the_source_data_set_is_linked_by_a_relative_path(tmp_path: Path) -> None:
    source, root = tmp_path / "study", tmp_path / "study" / "derivatives" / "brainfcn"
    (text,) = (
        text
        for path, text in shared(root, source=str(source)).items()
        if path.name == "dataset_description.json"
    )
    description = json.loads(text)
    assert description["DatasetLinks"] == {"raw": "../.."}
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"] == [{"Name": "brainfcn-jax", "Version": "1.2"}]


@pytest.fixture(params=["", "sub-01/anat", "sub-01/ses-2/anat"], ids=["flat", "bids", "sessions"])
def derivatives(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with all results of one scan."""
    save_model(tmp_path / "w.h5", threshold_model())
    name = "sub-01_ses-2_T1w.nii.gz" if "ses" in request.param else "sub-01_T1w.nii.gz"
    source = str(tmp_path) if request.param else None
    evaluated(
        tmp_path / "w.h5",
        write_image(tmp_path / name, intensities()),
        tmp_path / "out",
        folder=request.param,
        source=f"bids:raw:{request.param}/{name}" if request.param else None,
        wanted=Wanted(probabilities=True, uncertainty=True, csv=True, source_dataset=source),
    )
    return tmp_path / "out"


def validator_errors(folder: Path) -> list[tuple[str, str]]:
    """Codes and places of the errors that the official validator finds."""
    pytest.importorskip("bids_validator_deno")
    command = [str(Path(sys.executable).with_name("bids-validator-deno")), str(folder)]
    done = subprocess.run([*command, "--format=json"], capture_output=True, text=True, timeout=120)
    issues = json.loads(done.stdout)["issues"]["issues"]
    return [(i["code"], i.get("location", "")) for i in issues if i["severity"] == "error"]


def test_the_official_validator_finds_no_error(derivatives: Path) -> None:
    assert validator_errors(derivatives) == []


def test_bidsignore_names_nothing_but_what_bids_has_no_word_for(derivatives: Path) -> None:
    (derivatives / ".bidsignore").write_text("")
    found = {Path(place).name for _, place in validator_errors(derivatives)}
    own = {path.name for path in derivatives.rglob("*.*") if path.is_file()} - SHARED
    if (derivatives / "sub-01").is_dir():
        own = {name for name in own if any(word in name for word in NO_WORDS)}
        assert found == own | (SHARED - BIDS_KNOWS)
    else:
        assert found >= own
