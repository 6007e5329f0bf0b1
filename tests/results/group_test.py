"""What all scans have in common: which pictures their page has room for."""

from pathlib import Path

import pytest

from brainfcn_jax.results import group
from brainfcn_jax.results.paths import PICTURE
from brainfcn_jax.results.record import Record, Summary


def test_pictures_of_scans_that_did_not_pass_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "THUMBNAIL_BYTES", 25)
    monkeypatch.setattr(group, "thumbnail", lambda picture: picture)
    for name in "acde":
        group.paths_of(tmp_path, name).file(PICTURE).write_bytes(name.encode() * 10)
    verdicts = {"a": "PASS", "b": "PASS", "c": "CHECK", "d": "PASS"}
    records = {
        name: Record("done", {}, {}, summary=Summary(verdict, (), None, {}, {}, "m"))
        for name, verdict in verdicts.items()
    }
    records["e"] = Record("failed", {}, {}, failure="damaged")
    shown, omitted = group.thumbnails(tmp_path, records)
    assert shown == {"a": b"a" * 10, "c": b"c" * 10}
    assert omitted == 1
