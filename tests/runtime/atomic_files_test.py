"""Files appear whole or not at all, and never in the place of another unless asked."""

import os
from pathlib import Path

import pytest

from brainfcn_jax.errors import OutputError
from brainfcn_jax.runtime.atomic_files import new_file, remove_unfinished, unfinished


def no_links(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def write_while_another_does(path: Path) -> None:
    with new_file(path) as temporary:
        temporary.write_text("ours")
        path.write_text("theirs")


@pytest.fixture(params=["with links", "without links"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system that has hard links, and one that has none."""
    if request.param == "without links":
        monkeypatch.setattr(os, "link", no_links)
    return str(request.param)


@pytest.mark.usefixtures("links")
def test_a_file_appears_when_it_is_finished(tmp_path: Path) -> None:
    with new_file(tmp_path / "a") as temporary:
        temporary.write_text("whole")
        assert unfinished(tmp_path) == {temporary}
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_text() == "whole"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.usefixtures("links")
def test_a_file_made_meanwhile_stays(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="a' exists already"):
        write_while_another_does(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_link_that_leads_nowhere_stays(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(OutputError, match="exists already"), new_file(tmp_path / "a"):
        pytest.fail("it was written")
    with new_file(tmp_path / "a", overwrite=True) as temporary:
        temporary.write_text("ours")
    assert not (tmp_path / "a").is_symlink()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_parent_that_is_a_file_is_one_clear_error(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot be written: Not a directory"),
        new_file(tmp_path / "file" / "a", overwrite) as temporary,
    ):
        temporary.write_text("text")


@pytest.mark.usefixtures("links")
def test_nothing_stays_when_nothing_was_written(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputError, match="cannot be written: No such file"),
        new_file(tmp_path / "a"),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_killed_programs_left_goes_and_what_is_foreign_stays(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    names = [".a.0123abcd.part", ".a.b.0123abcd.part", ".a.part", "a", "sub/.a.0123abcd.part"]
    for name in names:
        (tmp_path / name).write_text("half")
    remove_unfinished([tmp_path / "a", tmp_path / "c", tmp_path / "nowhere" / "a"])
    assert not (tmp_path / names[0]).exists()
    assert all((tmp_path / name).exists() for name in names[1:])
