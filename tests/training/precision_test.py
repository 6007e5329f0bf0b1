"""The precision of a run: chosen once, recorded, and told where it ruins the run."""

from pathlib import Path

import pytest
from support.tiny_scans import tiny_settings

from brainfcn_jax.network import kernels
from brainfcn_jax.training.precision import with_precision
from brainfcn_jax.training.run_folder import Workdir, occupied

SLOW = "network.precision is bfloat16, which this processor emulates"


def chosen(folder: Path, asked: str) -> str:
    """The precision of a run that asks for one, in a folder below."""
    settings = tiny_settings(folder, network__precision=asked)
    return with_precision(settings, folder / "run").network.precision


@pytest.fixture(params=[True, False])
def fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether this machine is one with fast products in bfloat16."""
    monkeypatch.setattr(kernels, "bfloat16_is_fast", lambda: request.param)
    return bool(request.param)


def test_auto_is_bfloat16_where_that_is_fast_and_float32_elsewhere(
    tmp_path: Path, fast: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chosen(tmp_path, "auto") == ("bfloat16" if fast else "float32")
    assert not capsys.readouterr().err


def test_what_is_asked_for_is_taken_with_one_line_where_it_is_slow(
    tmp_path: Path, fast: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert chosen(tmp_path, "float32") == "float32"
    assert not capsys.readouterr().err
    assert chosen(tmp_path, "bfloat16") == "bfloat16"
    said = capsys.readouterr().err
    assert said.count(SLOW) == (0 if fast else 1)
    assert fast or "--config.network.precision=float32" in said


@pytest.mark.parametrize("began", ["float32", "bfloat16"])
def test_a_run_goes_on_as_it_began_also_on_another_machine(
    tmp_path: Path, fast: bool, capsys: pytest.CaptureFixture[str], began: str
) -> None:
    with occupied(Workdir(tmp_path / "run"), tiny_settings(tmp_path, network__precision=began)):
        pass
    assert chosen(tmp_path, "auto") == began
    assert (SLOW in capsys.readouterr().err) == (began == "bfloat16" and not fast)


def test_a_folder_that_holds_no_settings_says_nothing(tmp_path: Path, fast: bool) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "settings.json").write_text("{ no json")
    assert chosen(tmp_path, "auto") == ("bfloat16" if fast else "float32")


def test_this_machine_knows_whether_bfloat16_is_fast() -> None:
    assert kernels.bfloat16_is_fast() == kernels.tiles_usable()
