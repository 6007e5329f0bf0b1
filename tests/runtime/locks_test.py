"""Claims of real processes on results in one folder."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.children import child

from brainfcn_jax.errors import OutputError
from brainfcn_jax.runtime.locks import LOCK_FILE, Claims, claimed

HOLDER = """
import sys
from pathlib import Path
from brainfcn_jax.runtime.locks import claimed
with claimed(Path(sys.argv[1]), sys.argv[2:]) as claims:
    print("claimed", flush=True)
    sys.stdin.readline()
"""

Hold = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Hold]:
    """Starts a process that claims names until it gets a line, or is killed."""
    started = []

    def start(*names: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path), *names],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        return process

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()


def test_a_name_that_another_run_claims_is_refused_and_told(tmp_path: Path, hold: Hold) -> None:
    hold("sub-01", "sub-02")
    with (
        pytest.raises(OutputError, match=r"another run is at work in '.*' on sub-02;"),
        claimed(tmp_path, ["sub-02", "sub-03"]),
    ):
        pass


def test_other_names_in_the_same_folder_are_free(tmp_path: Path, hold: Hold) -> None:
    hold("sub-01")
    with claimed(tmp_path, ["sub-02"]) as claims:
        assert claims.supported
        hold("sub-03")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_run_claims_nothing(tmp_path: Path, hold: Hold, how: signal.Signals) -> None:
    process = hold("sub-01")
    process.send_signal(how)
    process.wait(10)
    with claimed(tmp_path, ["sub-01"]):
        pass


def test_names_are_free_again_after_the_run(tmp_path: Path, hold: Hold) -> None:
    with claimed(tmp_path, ["sub-01"]):
        pass
    hold("sub-01")


def test_the_lock_file_stays_empty_and_is_nobodys_to_lose(tmp_path: Path) -> None:
    with claimed(tmp_path / "new" / "out", ["sub-01"]) as claims, claims.turn():
        pass
    (left,) = (tmp_path / "new" / "out").iterdir()
    assert (left.name, left.stat().st_size) == (LOCK_FILE, 0)


def test_runs_take_turns(tmp_path: Path) -> None:
    add_one = """
import sys
from pathlib import Path
from brainfcn_jax.runtime.locks import claimed
counter = Path(sys.argv[1]) / "counter"
with claimed(Path(sys.argv[1]), [sys.argv[2]]) as claims:
    for _ in range(200):
        with claims.turn():
            counter.write_text(str(int(counter.read_text()) + 1))
"""
    (tmp_path / "counter").write_text("0")
    command = [sys.executable, "-c", add_one, str(tmp_path)]
    with child([*command, "a"]) as first, child([*command, "b"]) as second:
        assert [run.wait(300) for run in (first, second)] == [0, 0]
    assert (tmp_path / "counter").read_text() == "400"


def test_a_run_knows_whether_it_is_alone(tmp_path: Path, hold: Hold) -> None:
    with claimed(tmp_path, ["sub-01"]) as claims:
        with claims.alone() as alone:
            assert alone
        other = hold("sub-02")
        with claims.alone() as alone:
            assert not alone
        other.kill()
        other.wait(10)
        with claims.alone() as alone:
            assert alone


def test_nobody_comes_in_while_a_run_makes_use_of_being_alone(tmp_path: Path) -> None:
    program = f"print('here', flush=True)\n{HOLDER}"
    words = [sys.executable, "-c", program, str(tmp_path), "sub-02"]
    with (
        claimed(tmp_path, ["sub-01"]) as claims,
        child(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other,
    ):
        assert other.stdout is not None
        with claims.alone() as alone:
            assert other.stdout.readline() == "here\n"
            coming_in, _, _ = select.select([other.stdout], [], [], 1)
        assert alone
        assert not coming_in
        assert other.stdout.readline() == "claimed\n"


def test_a_file_system_without_locks_is_told_and_used_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.lockf", no_locks)
    reading, writing = os.pipe()
    try:
        claims = Claims(writing)
        assert claims.take(["sub-01"]) == []
        assert not claims.supported
        with claims.turn(), claims.alone() as alone:
            assert not alone
    finally:
        os.close(reading)
        os.close(writing)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputError, match=r"file' cannot be a folder of results: "),
        claimed(tmp_path / "file", []),
    ):
        pass
