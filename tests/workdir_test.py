"""The folder of a run belongs to one config and is never taken from anything else."""

import dataclasses
from pathlib import Path

import pytest
from tiny_scans import tiny_settings

from brainfcn_jax.errors import OutputError, UsageError
from brainfcn_jax.workdir import Workdir, find_workdir, flat_settings, make_workdir


def test_the_same_config_finds_its_folder_again(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    workdir = find_workdir(tmp_path / "runs" / "a", settings)
    assert not (tmp_path / "runs").exists()
    make_workdir(workdir, settings)
    written = workdir.settings.read_bytes()
    make_workdir(find_workdir(workdir.folder, settings), settings)
    assert workdir.settings.read_bytes() == written


def test_another_config_is_refused_and_every_difference_named(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    make_workdir(find_workdir(tmp_path / "a", settings), settings)
    optimizer = dataclasses.replace(settings.optimizer, learning_rate=0.5)
    other = dataclasses.replace(settings, seed=settings.seed + 1, optimizer=optimizer)
    with pytest.raises(UsageError, match=r"optimizer.learning_rate is .* and 0.5 here; seed is"):
        find_workdir(tmp_path / "a", other)


def test_a_run_may_go_on_on_other_devices(tmp_path: Path) -> None:
    settings = tiny_settings(tmp_path)
    make_workdir(find_workdir(tmp_path / "a", settings), settings)
    find_workdir(tmp_path / "a", tiny_settings(tmp_path, training__launcher="pmap"))


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
    make_workdir(find_workdir(tmp_path, settings), settings)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [".foreign.0123abcd.part", "settings.json"]
    (tmp_path / ".last.h5.0123abcd.part").write_text("")
    make_workdir(find_workdir(tmp_path, settings), settings)
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    workdir = Workdir(tmp_path / "file" / "run")
    with pytest.raises(OutputError, match=r"file/run' cannot be made"):
        make_workdir(workdir, tiny_settings(tmp_path))


def test_settings_by_dotted_key(tmp_path: Path) -> None:
    flat = flat_settings(tiny_settings(tmp_path))
    assert flat["training.launcher"] == "jit"
    assert flat["augmentation.scale_range"] == (0.9, 1.1)
