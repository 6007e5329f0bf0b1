"""Compiled programs are kept for the next run, in a folder of the user's own."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from faults.no_pickle_test import looks_like_a_pickle
from support.children import users_environment

from brainfcn_jax.runtime.jax_environment import cpu_digest, delete_oldest, program_folder

COMPILE = """
from brainfcn_jax.runtime.jax_environment import prepare_jax
prepare_jax()
import sys
import jax, jax.monitoring
from brainfcn_jax.network.fcn import SegmentationNetwork
events = []
sys.addaudithook(lambda event, _: events.append(event))
jax.monitoring.register_event_listener(lambda event, **_: events.append(event))
network = SegmentationNetwork(stages=2)
images = jax.numpy.ones((1, 16, 16, 3))
variables = jax.jit(network.init)(jax.random.key(0), images)
print(jax.jit(lambda x: network.apply(variables, x)[0].sum())(images))
print(events.count("/jax/compilation_cache/cache_hits"))
assert "pickle.find_class" not in events
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of a user's that is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    return tmp_path


def run_once() -> list[str]:
    command = [sys.executable, "-c", COMPILE]
    run = subprocess.run(
        command, env=users_environment(), capture_output=True, text=True, check=True
    )
    return run.stdout.split()


def programs_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*-cache") if path.is_file()]


def test_the_next_run_compiles_only_what_is_damaged_and_gives_the_same(home: Path) -> None:
    result, hits = run_once()
    again, hits_again = run_once()
    assert result == again
    assert int(hits) == 0
    assert int(hits_again) >= 2
    programs = programs_in(home)
    assert programs
    assert not any(looks_like_a_pickle(path.read_bytes()) for path in programs)
    for path in programs:
        path.write_bytes(path.read_bytes()[:100])
    again, hits = run_once()
    assert (result, int(hits)) == (again, 0)


def test_only_the_owner_may_enter(home: Path) -> None:
    folder = program_folder()
    assert folder is not None
    assert folder.is_relative_to(home)
    assert cpu_digest() in folder.name
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700


def test_without_a_place_for_it_nothing_is_kept(home: Path) -> None:
    (home / "brainfcn_jax").write_text("a file where the folder would be")
    assert program_folder() is None


def test_the_oldest_go_first(tmp_path: Path) -> None:
    for age, name in enumerate(["new", "old", "older"]):
        (tmp_path / name).write_bytes(bytes(10))
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    delete_oldest(tmp_path, 25)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]
