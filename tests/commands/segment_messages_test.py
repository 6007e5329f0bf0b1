"""What `run_eval.py` says on the screen."""

import io
import re
import sys
from pathlib import Path

import pytest
from support.eval_example import intensities, run, write_image


class Terminal(io.StringIO):
    """A screen that remembers everything that was shown on it."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture
def arguments(weights: str, tmp_path: Path) -> list[str]:
    """Flags for two scans, the second of which fails."""
    scan = write_image(tmp_path / "s1_T1w.nii.gz", intensities())
    (tmp_path / "s2_T1w.nii.gz").write_bytes(b"no scan")
    volumes = [f"--volume={scan}", f"--volume={tmp_path / 's2_T1w.nii.gz'}"]
    return [*volumes, f"--weights={weights}", f"--out_dir={tmp_path / 'out'}"]


def test_a_scan_ends_with_its_verdict_volumes_and_page(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments[0], *arguments[2:]) == 0
    said = capsys.readouterr().err
    page = tmp_path / "out" / "s1_desc-tissue_report.html"
    assert re.search(
        rf"s1_T1w.nii.gz': CHECK, brain \d+ ml, intracranial \d+ ml; look at '{page}'\n", said
    )
    assert "s1_T1w.nii.gz': CHECK, since for adults, " in said
    assert "skipped" not in said
    assert "%|" not in said


def test_many_scans_end_with_how_many_are_good(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 1
    assert "2 scans: 0 PASS, 1 CHECK, 1 failed, 0 skipped\n" in capsys.readouterr().err
    assert run(*arguments, "--resume") == 1
    assert "2 scans: 0 PASS, 0 CHECK, 1 failed, 1 skipped\n" in capsys.readouterr().err


def test_on_a_terminal_a_bar_shows_the_step_and_the_time_left(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run(arguments[0], *arguments[2:]) == 0
    shown = [line.strip() for line in re.split(r"[\r\n]", terminal.getvalue())]
    assert any(line.startswith("s1: reading:") for line in shown)
    assert any(re.match(r"s1: network, slice 0 of \d+: +\d+%\|.*left$", line) for line in shown)
    assert any(line.startswith("s1: writing:") for line in shown)


def test_quiet_says_only_what_fails(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments, "--quiet") == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert "s2_T1w.nii.gz' " in said[0]
    assert "1 of 2 scans failed" in said[1]


def test_verbose_says_what_computes_and_how_long_steps_take(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments[0], *arguments[2:], "--verbose") == 0
    said = capsys.readouterr().err
    assert re.search(r"JAX \S+ on cpu, model 'threshold.h5' \(SHA-256 [0-9a-f]{12}", said)
    assert re.search(
        r"s1_T1w.nii.gz': seconds: brain \d+\.\d, preprocessing \d+\.\d, network ", said
    )
    assert run(*arguments, "--verbose", "--quiet") == 2
