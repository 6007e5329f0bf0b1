"""The flags that all commands have."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.eval_example import intensities, one_line, run, write_image

import brainfcn_jax
from brainfcn_jax.commands import runner, segment, train
from brainfcn_jax.network.shipped_models import SHIPPED_MODELS
from brainfcn_jax.runtime.jax_environment import PLATFORMS, THREADS

ROOT = Path(__file__).parents[2]


def run_train(*arguments: str) -> int:
    """The exit code of `run_train.py` with these arguments."""
    argv = ["run_train.py", *arguments]
    return runner.exit_code(
        lambda values: train.define_flags(values, argv), train.train_command, "It trains.", argv
    )


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that a test may change."""
    monkeypatch.setenv(THREADS, "2")
    monkeypatch.setenv(PLATFORMS, "cpu")


def test_both_commands_and_the_package_say_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == run_train("--version") == 0
    assert capsys.readouterr().out == 2 * f"brainfcn_jax {brainfcn_jax.__version__}\n"
    assert brainfcn_jax.__version__[0].isdigit() or brainfcn_jax.__version__ == "not installed"


def test_models_and_configs_are_listed_with_a_line_each(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--list_models") == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in listed] == list(SHIPPED_MODELS)
    assert run_train("--list_configs") == 0
    folder, *configs = capsys.readouterr().out.splitlines()
    assert folder == f"in '{ROOT / 'configs'}':"
    names = [line.partition(": ")[0] for line in configs]
    assert names == sorted(path.name for path in (ROOT / "configs").glob("*.py"))
    assert all(len(line.partition(": ")[2]) > 20 for line in configs)


@pytest.mark.usefixtures("environment")
def test_threads_and_device_are_handed_to_jax() -> None:
    assert run("--threads=3", "--device=cpu", "--list_models") == 0
    assert os.environ[THREADS] == "3"
    assert os.environ[PLATFORMS] == "cpu"
    assert run("--threads=0", "--list_models") == 2
    assert run("--device=abacus", "--list_models") == 2


@pytest.mark.usefixtures("environment")
def test_a_gpu_that_is_not_there_is_told(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_image(tmp_path / "s1_T1w.nii.gz", intensities())
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={tmp_path / 'out'}"]
    assert run(*arguments, "--device=gpu") == 2
    assert "JAX finds no GPU, only cpu" in one_line(capsys.readouterr().err)


def test_a_tilde_in_a_flag_is_the_home_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run("--volume=a.nii", "--weights=~/none.h5") == 3
    assert str(tmp_path / "none.h5") in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("program", ["run_eval.py", "run_train.py"])
def test_an_unknown_flag_is_wrong_usage(program: str) -> None:
    found = subprocess.run(
        [sys.executable, str(ROOT / program), "--vlume=a"], capture_output=True, text=True
    )
    assert found.returncode == 2
    assert "--help shows the flags" in one_line(found.stderr)


@pytest.mark.parametrize("module", [segment, train])
def test_help_and_version_need_no_slow_imports(module: object) -> None:
    name = module.__name__  # type: ignore[attr-defined]
    check = f"import sys, {name}, brainfcn_jax; brainfcn_jax.__version__; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"jax", "nibabel", "scipy", "flax", "pandas", "matplotlib"} & set(modules)
