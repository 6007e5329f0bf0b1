"""The manifest of a folder of results."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from brainfcn_jax.errors import InputError, OutputError
from brainfcn_jax.measures.quality import Flag
from brainfcn_jax.results.record import (
    MANIFEST,
    FileState,
    Manifest,
    Record,
    Summary,
    file_state,
    output_states,
)
from brainfcn_jax.runtime.locks import claimed

SCAN = FileState("bids:raw:sub-01/anat/sub-01_T1w.nii.gz", 3, 12.5, "ab" * 32)
FULL = Record(
    status="done",
    inputs={"scan": SCAN},
    request={"version": "1", "settings": {"frame": None, "save_prob": True}},
    outputs=(FileState("sub-01/anat/x.nii.gz", 9, 13.25, "cd" * 32),),
    writing=("a", "b"),
    seconds={"network": 1.5},
    summary=Summary("CHECK", (Flag("entropy", "too high"),), 0.25, {"WM": 3.0}),
    failure=None,
)


@pytest.fixture
def manifest(tmp_path: Path) -> Iterator[Manifest]:
    with claimed(tmp_path, []) as claims:
        yield Manifest(tmp_path, claims)


def test_a_record_comes_back_as_it_was(manifest: Manifest) -> None:
    assert manifest.read() == {}
    manifest.record({"sub-01": FULL})
    assert manifest.read() == {"sub-01": FULL}


def test_records_of_others_are_kept_and_names_sorted(manifest: Manifest) -> None:
    failed = Record("failed", {}, {}, failure="why")
    manifest.record({"b": failed})
    manifest.record({"a": FULL, "\udcff": failed})
    manifest.record({"b": FULL})
    assert manifest.read() == {"a": FULL, "b": FULL, "\udcff": failed}
    assert list(json.loads(manifest.path.read_text())["scans"]) == ["a", "b", "\udcff"]


def test_threads_lose_no_record(manifest: Manifest) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: manifest.record({str(n): FULL}), range(40)))
    assert len(manifest.read()) == 40


def test_a_manifest_that_cannot_be_written_stays_as_it_was(
    manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest.record({"a": FULL})

    def disk_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", disk_full)
        with pytest.raises(OutputError, match="No space left on device"):
            manifest.record({"b": FULL})
    assert manifest.read() == {"a": FULL}
    assert {path.name for path in manifest.folder.iterdir()} == {
        MANIFEST,
        ".brainfcn_jax.lock",
    }


def edited(**changes: object) -> str:
    """A manifest's text with its only record changed."""
    state = {"file": "f", "bytes": 1, "modified": 1.0, "sha256": "x"}
    record = {
        "status": "done",
        "inputs": {"scan": state},
        "request": {},
        "outputs": [state],
        "writing": [],
        "seconds": {},
        "summary": None,
        "failure": None,
    }
    whole: dict[str, object] = {
        "format": "brainfcn_jax.manifest",
        "version": 1,
        "scans": {"a": record | changes},
        "group": ["g.tsv"],
    }
    return json.dumps(whole)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{" * 100_000,
        '{"format": "brainfcn_jax.manifest", "version": 2, "scans": {}, "group": []}',
        '{"format": "brainfcn_jax.manifest", "version": 1, "scans": [], "group": []}',
        '{"format": "brainfcn_jax.manifest", "version": 1, "scans": {}, "group": "g"}',
        edited().replace('"a"', '"../a"'),
        edited().replace('"a"', '"/a"'),
        edited(status="sure"),
        edited(inputs=[1]),
        edited(request="all"),
        edited(outputs=[{"file": "f"}]),
        edited(outputs=3),
        edited(writing=[1]),
        edited(seconds={"network": "long"}),
        edited(summary={}),
        edited(summary={"verdict": "PASS", "flags": [1], "mean_entropy": 0, "volumes_mm3": {}}),
        edited(failure=3),
    ],
)
def test_anything_else_is_refused(text: str, manifest: Manifest) -> None:
    manifest.path.write_text(text)
    with pytest.raises(InputError, match=r"brainfcn_manifest.json' is damaged or no manifest"):
        manifest.read()
    with pytest.raises(InputError):
        manifest.record({"b": FULL})
    assert manifest.path.read_text() == text


def test_the_edited_text_is_right_when_nothing_is_changed(manifest: Manifest) -> None:
    manifest.path.write_text(edited())
    assert manifest.read()["a"].status == "done"


def test_a_file_is_known_by_its_size_time_and_contents(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "x.bin"
    path.parent.mkdir()
    path.write_bytes(b"abc")
    (state,) = output_states(tmp_path, [path])
    digest = hashlib.sha256(b"abc").hexdigest()
    assert state == FileState("sub/x.bin", 3, path.stat().st_mtime, digest)
    with pytest.raises(InputError, match="missing' cannot be read"):
        file_state(tmp_path / "missing", "missing")
