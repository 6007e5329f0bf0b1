"""The folder of a run belongs to one config and is never taken from anything else."""

import dataclasses
import errno
import subprocess
import sys
from pathlib import Path

import pytest
from support.children import child
from support.tiny_scans import tiny_settings

from brainfcn_jax.errors import OutputError, UsageError
from brainfcn_jax.training.run_folder import Workdir, find_workdir, flat_settings, occupied
from brainfcn_jax.training.settings import Settings


def make(workdir: Workdir, settings: Settings) -> None:
    """What a run leaves that has only begun."""
    with occupied(workdir, settings):
        pass


def test_the_same_config_finds_its_folder_again(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    workdir = find_workdir(tmp_path / "runs" / "a", settings)
    assert not (tmp_path / "runs").exists()
    make(workdir, settings)
    written = workdir.settings.read_bytes()
    make(find_workdir(workdir.folder, settings), settings)
    assert workdir.settings.read_bytes() == written


def test_another_config_is_refused_and_every_difference_named(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    make(find_workdir(tmp_path / "a", settings), settings)
    optimizer = dataclasses.replace(settings.optimizer, learning_rate=0.5)
    other = dataclasses.replace(settings, seed=settings.seed + 1, optimizer=optimizer)
    with pytest.raises(UsageError, match=r"optimizer.learning_rate is .* and 0.5 here; seed is"):
        find_workdir(tmp_path / "a", other)


def test_a_run_may_go_on_on_other_devices(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    make(find_workdir(tmp_path / "a", settings), settings)
    find_workdir(tmp_path / "a", tiny_settings(tmp_path, training__launcher="pmap"))


def test_two_runs_never_train_in_one_folder_at_once(tmp_path: Path) -> None:
    settings, workdir = tiny_settings(tmp_path), Workdir(tmp_path / "a")
    with occupied(workdir, settings):
        (workdir.folder / ".last.h5.0123abcd.part").write_text("being written")
        with pytest.raises(OutputError, match=r"another process is training in '.*a'"):
            make(workdir, settings)
        assert (workdir.folder / ".last.h5.0123abcd.part").exists()
    make(workdir, settings)


def test_a_process_keeps_others_out_until_it_is_gone(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from support.tiny_scans import tiny_settings\n"
        "from brainfcn_jax.training.run_folder import Workdir, occupied\n"
        "with occupied(Workdir(Path(sys.argv[1]) / 'a'), tiny_settings(Path(sys.argv[1]))):\n"
        "    print('occupied', flush=True); sys.stdin.readline()"
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    settings, workdir = tiny_settings(tmp_path), Workdir(tmp_path / "a")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with child(words, cwd=Path(__file__).parents[1], **pipes) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "occupied\n"
        with pytest.raises(OutputError, match=r"another process is training in '.*a'"):
            make(find_workdir(workdir.folder, settings), settings)
        other.kill()
        other.wait(10)
        make(workdir, settings)


def test_without_locks_a_warning_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("brainfcn_jax.runtime.locks.fcntl.flock", refuse)
    make(Workdir(tmp_path / "a"), tiny_settings(tmp_path))
    assert "cannot be locked (No locks available)" in capsys.readouterr().err


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not of a training run"):
        find_workdir(tmp_path, tiny_settings(tmp_path))


def test_a_file_or_a_damaged_mark_is_refused(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "run").mkdir()
    for mark in ("{ no json", "[]"):
        (tmp_path / "run" / "settings.json").write_text(mark)
        for name in ("file", "run"):
            with pytest.raises(OutputError, match=f"{name}' cannot be used"):
                find_workdir(tmp_path / name, settings)


def test_what_a_killed_start_left_neither_occupies_the_folder_nor_stays(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    for name in ("settings.json", "best.h5", "foreign"):
        (tmp_path / f".{name}.0123abcd.part").write_text('{"se')
    make(find_workdir(tmp_path, settings), settings)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".foreign.0123abcd.part", "settings.json"]
    (tmp_path / ".last.h5.0123abcd.part").write_text("")
    make(find_workdir(tmp_path, settings), settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    workdir = Workdir(tmp_path / "file" / "run")
    with pytest.raises(OutputError, match=r"file/run' cannot be made"):
        make(workdir, tiny_settings(tmp_path))


def test_settings_by_dotted_key(tmp_path: Path) -> None:
    flat = flat_settings(tiny_settings(tmp_path))
    assert flat["training.launcher"] == "jit"
    assert flat["augmentation.scale_range"] == (0.9, 1.1)
