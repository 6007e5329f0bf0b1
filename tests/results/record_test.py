"""The records beside the results of a folder's scans."""

import hashlib
import json
from pathlib import Path

import pytest

from brainfcn_jax.errors import InputError, OutputError
from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.results.record import (
    EARLIER_MANIFEST,
    FileState,
    Record,
    Summary,
    file_state,
    find_records,
    output_states,
    read_record,
    refuse_earlier_manifest,
    write_record,
)

SCAN = FileState("bids:raw:sub-01/anat/sub-01_T1w.nii.gz", 3, 12.5, "ab" * 32)
FULL = Record(
    status="done",
    inputs={"scan": SCAN},
    request={"version": "1", "settings": {"frame": None, "probabilities": True}},
    outputs=(FileState("sub-01/anat/x.nii.gz", 9, 13.25, "cd" * 32),),
    writing=("a", "b"),
    seconds={"network": 1.5},
    summary=Summary(
        "CHECK", (Flag("entropy", "too high"),), 0.25, {"WM": 3.0}, {"WM": (1, 2, 3)}, "m"
    ),
    failure=None,
)
FAILED = Record("failed", {}, {}, failure="why")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a_desc-tissue_record.json"


def test_a_record_comes_back_as_it_was(path: Path) -> None:
    assert read_record(path) is None
    write_record(path, FULL)
    assert read_record(path) == FULL
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_records_are_found_flat_and_in_subjects_folders_in_natural_order(tmp_path: Path) -> None:
    names = ("s2", "s10", "\udcff", "sub-01/anat/sub-01", "sub-02/ses-a/anat/sub-02_ses-a")
    for name in names:
        write_record(tmp_path / f"{name}_desc-tissue_record.json", FAILED)
    write_record(tmp_path / "s2_desc-tissue_record.json", FULL)
    write_record(tmp_path / "code" / "mine_desc-tissue_record.json", FAILED)
    found = find_records(tmp_path)
    assert found == {name: FULL if name == "s2" else FAILED for name in names}
    assert list(found)[:2] == ["s2", "s10"]


def test_a_record_that_cannot_be_written_stays_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(path, FULL)

    def disk_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", disk_full)
        with pytest.raises(OutputError, match="No space left on device"):
            write_record(path, FAILED)
    assert read_record(path) == FULL
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def edited(**changes: object) -> str:
    """A record's text with changes."""
    state = {"file": "f", "bytes": 1, "modified": 1.0, "sha256": "x"}
    record = {
        "format": "brainfcn_jax.record",
        "version": 2,
        "status": "done",
        "inputs": {"scan": state},
        "request": {},
        "outputs": [state],
        "writing": [],
        "seconds": {},
        "summary": None,
        "failure": None,
    }
    return json.dumps(record | changes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{" * 100_000,
        edited(version=1),
        edited(format="brainfcn_jax.manifest"),
        edited(status="sure"),
        edited(inputs=[1]),
        edited(request="all"),
        edited(outputs=[{"file": "f"}]),
        edited(outputs=3),
        edited(outputs=[{"file": "../f", "bytes": 1, "modified": 1.0, "sha256": "x"}]),
        edited(outputs=[{"file": "/f", "bytes": 1, "modified": 1.0, "sha256": "x"}]),
        edited(writing=[1]),
        edited(writing=["../a"]),
        edited(writing=["/a"]),
        edited(seconds={"network": "long"}),
        edited(summary={}),
        edited(summary={"verdict": "PASS", "flags": [1], "mean_entropy": 0, "volumes_mm3": {}}),
        edited(failure=3),
    ],
)
def test_anything_else_is_refused(text: str, path: Path) -> None:
    path.write_text(text)
    with pytest.raises(InputError, match=r"_record.json' is damaged or no record"):
        read_record(path)
    with pytest.raises(InputError):
        find_records(path.parent)
    assert path.read_text() == text


def test_the_edited_text_is_right_when_nothing_is_changed(path: Path) -> None:
    path.write_text(edited())
    found = read_record(path)
    assert found is not None and found.status == "done"


def test_a_folder_of_an_earlier_version_is_told_in_one_line_what_to_do(tmp_path: Path) -> None:
    refuse_earlier_manifest(tmp_path)
    (tmp_path / EARLIER_MANIFEST).write_text("{}")
    with pytest.raises(InputError, match=r"choose another --out_dir, or delete that file and"):
        refuse_earlier_manifest(tmp_path)


def test_a_file_is_known_by_its_size_time_and_contents(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "x.bin"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    (state,) = output_states(tmp_path, [path])
    digest = hashlib.sha256(b"abc").hexdigest()
    assert state == FileState("sub/x.bin", 3, path.stat().st_mtime, digest)
    with pytest.raises(InputError, match="missing' cannot be read"):
        file_state(tmp_path / "missing", "missing")
