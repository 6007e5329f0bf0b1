"""What all scans have in common: which pictures their page has room for."""

from pathlib import Path

import pytest

from brainfcn_jax.results import group
from brainfcn_jax.results.pages.group_page import GroupRow


def test_pictures_of_scans_that_did_not_pass_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "THUMBNAIL_BYTES", 25)
    monkeypatch.setattr(group, "thumbnail", lambda picture: picture)
    for name in "acde":
        group.paths_of(tmp_path, name).picture.write_bytes(name.encode() * 10)
    verdicts = {"a": "PASS", "b": "PASS", "c": "CHECK", "d": "PASS", "e": "FAILED"}
    rows = [GroupRow(name, verdict) for name, verdict in verdicts.items()]
    shown, omitted = group.with_thumbnails(tmp_path, rows)
    assert [row.thumbnail for row in shown] == [b"a" * 10, None, b"c" * 10, None, None]
    assert omitted == 1
