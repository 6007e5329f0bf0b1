"""What people see of a run: a bar on a terminal, a line now and then in a file."""

import os
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from brainfcn_jax.text import Detail
from brainfcn_jax.training.progress import Progress

STEPS = 400
RUN = """
import sys
from brainfcn_jax.training.progress import Progress
with Progress({steps}, seconds_between_lines=float(sys.argv[1])) as progress:
    for step in range(1, {steps} + 1):
        progress.step_done(step, 1 / step, 12.5)
"""


def run_with(stderr: int, seconds: str) -> None:
    """Steps at full speed in another process."""
    command = [sys.executable, "-c", RUN.format(steps=STEPS), seconds]
    root = Path(__file__).parents[2]
    subprocess.run(command, stderr=stderr, check=True, timeout=60, cwd=root)


def lines_of_a_run(file: Path, seconds: str) -> list[str]:
    """What a run leaves in the file that its stderr goes to."""
    with file.open("wb") as stream:
        run_with(stream.fileno(), seconds)
    return file.read_text().splitlines()


def test_in_a_file_there_is_a_line_each_half_minute_and_one_at_the_end(tmp_path: Path) -> None:
    assert lines_of_a_run(tmp_path / "slurm.out", "30") == [
        "step 400 of 400: loss 0.0025, 12.5 images/s"
    ]


def test_each_line_in_a_file_tells_step_loss_speed_and_the_time_left(tmp_path: Path) -> None:
    lines = lines_of_a_run(tmp_path / "slurm.out", "0")
    assert len(lines) == STEPS
    assert lines[0] == "step 1 of 400: loss 1, 12.5 images/s"
    assert all(re.fullmatch(r"step .*, 12.5 images/s, 0 s left", line) for line in lines[1:-1])


def test_on_a_terminal_there_is_a_bar_and_no_line() -> None:
    controller, terminal = os.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    try:
        run_with(terminal, "0")
        shown = os.read(controller, 100_000).decode()
    finally:
        os.close(terminal)
        os.close(controller)
    assert "400/400" in shown
    assert "loss 0.0025" in shown
    assert "of 400" not in shown


def test_a_run_that_is_stopped_tells_where(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(STEPS) as progress:
        progress.step_done(1, 1.0, 2.0)
        progress.step_done(2, 0.5, 2.0)
    assert capsys.readouterr().err.startswith("step 2 of 400: loss 0.5, 2 images/s")


@pytest.mark.parametrize("detail", ["quiet", "normal", "verbose"])
def test_quiet_shows_nothing_and_verbose_every_validation(
    detail: Detail, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress(5, 1, detail) as progress:
        progress.step_done(2, 1.0, 4.0)
        progress.validated(2, {"WM": 0.5, "CB": 0.25}, 0.375)
    said = capsys.readouterr().err
    assert ("going on after step 1 of 5\n" in said) == (detail != "quiet")
    assert ("step 2 of 5: loss 1, 4 images/s\n" in said) == (detail != "quiet")
    assert ("step 2: mean Dice 0.375 (WM 0.500, CB 0.250)\n" in said) == (detail == "verbose")
