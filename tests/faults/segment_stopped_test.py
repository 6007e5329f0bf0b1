"""`run_eval.py` stopped by a signal, or beside another run into the same folder."""

import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.children import child
from support.eval_example import intensities, records, run, write_image
from support.threshold_model import threshold_model

from brainfcn_jax.network.model_file import save_model

START_SECONDS = 240
END_SECONDS = 5
KILLS = int(os.environ.get("BRAINFCN_KILLS", "2"))
"""How often a run is killed; more than the default are for a test by hand."""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Flags of a run on four scans, for a folder "out"."""
    (tmp_path / "scans").mkdir()
    for number in range(4):
        write_image(tmp_path / "scans" / f"s{number}_T1w.nii.gz", intensities() + number)
    save_model(tmp_path / "threshold.h5", threshold_model())
    return [
        f"--volume={tmp_path / 'scans'}",
        f"--weights={tmp_path / 'threshold.h5'}",
        f"--out_dir={tmp_path / 'out'}",
    ]


def started(
    seconds: float, arguments: list[str]
) -> contextlib.AbstractContextManager["subprocess.Popen[str]"]:
    """A run whose scans but the first take so long; it ends with the block."""
    program = [sys.executable, str(Path(__file__).with_name("slow_segment.py")), str(seconds)]
    return child([*program, *arguments], stderr=subprocess.PIPE)


def statuses(out: Path) -> dict[str, str]:
    """What the records say of the scans."""
    return {name: record["status"] for name, record in records(out).items()}


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something is the case."""
    end = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def moved_on(running: "subprocess.Popen[str]", out: Path, before: dict[str, str]) -> bool:
    """Whether the records say something else by now, or the run is over."""
    return statuses(out) != before or running.poll() is not None


def images_and_tables(out: Path) -> dict[str, bytes]:
    """The results that hold no times."""
    return {
        path.name: path.read_bytes()
        for path in sorted(out.iterdir())
        if path.suffix in (".gz", ".tsv", ".png")
    }


def undisturbed(arguments: list[str], folder: Path) -> dict[str, bytes]:
    """What a run writes that nobody stops."""
    assert run(*arguments[:2], f"--out_dir={folder}") == 0
    return images_and_tables(folder)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_soon_and_can_be_gone_on_with(
    how: signal.Signals,
    arguments: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    with started(600, arguments) as running:
        wait_for(lambda: statuses(out).get("s0") == "done" or running.poll() is not None)

        assert run(*arguments, "--resume") == 1  # while the other run has the scans in hand
        assert "another run is at work in" in capsys.readouterr().err

        sent = time.monotonic()
        running.send_signal(how)
        _, said = running.communicate(timeout=START_SECONDS)
    assert time.monotonic() - sent < END_SECONDS
    assert running.returncode == 130, said
    assert "1 of 4 scans are done; the same command with --resume goes on" in said
    assert "Traceback" not in said
    assert not list(out.glob(".*.part"))
    assert statuses(out) == {"s0": "done"}

    assert run(*arguments, "--resume") == 0
    assert "1 of 4 scans were finished already" in capsys.readouterr().err
    assert images_and_tables(out) == undisturbed(arguments, tmp_path / "undisturbed")


def test_a_run_killed_at_any_moment_leaves_no_half_file_and_can_be_gone_on_with(
    arguments: list[str], tmp_path: Path
) -> None:
    out, expected = tmp_path / "out", undisturbed(arguments, tmp_path / "undisturbed")
    chance = random.Random(0)
    for _ in range(KILLS):
        with started(0.2, [*arguments, "--resume"]) as running:
            wait_for(functools.partial(moved_on, running, out, statuses(out)))
            time.sleep(chance.uniform(0, 0.6))
            running.kill()
        found = images_and_tables(out)
        assert all(found[name] == expected[name] for name in found if name[0] == "s")
    assert run(*arguments, "--resume") == 0
    assert images_and_tables(out) == expected
    assert not list(out.glob(".*.part"))


def test_two_runs_on_other_scans_of_one_folder_give_what_one_run_gives(
    arguments: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    halves = [
        [f"--volume={tmp_path / 'scans' / f's{number}_T1w.nii.gz'}" for number in numbers]
        for numbers in ((0, 1), (2, 3))
    ]
    with (
        started(0.2, [*halves[0], *arguments[1:]]) as first,
        started(0.2, [*halves[1], *arguments[1:]]) as second,
    ):
        said = [running.communicate(timeout=START_SECONDS)[1] for running in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert statuses(out) == {f"s{number}": "done" for number in range(4)}
    assert images_and_tables(out) == undisturbed(arguments, tmp_path / "undisturbed")
