"""run_train.py: flags in, one clear line and the right exit code out."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from absl import flags
from support.tiny_scans import CONFIGS, write_pairs

from brainfcn_jax.commands import runner, train
from brainfcn_jax.errors import InputError, OutputError, TrainingError, UsageError, WeightsError
from brainfcn_jax.training import loop, processes
from brainfcn_jax.training.processes import ProcessGroup
from brainfcn_jax.training.run_folder import Workdir
from brainfcn_jax.training.settings import Settings

ROOT = Path(__file__).parents[2]
TESTING = f"--config={CONFIGS / 'testing.py'}"
SCANS = "--config.data.root=scans"
SPREAD = [TESTING, SCANS, "--config.training.launcher=pmap", "--distributed"]


def run(*arguments: str) -> int:
    """The command's exit code, run here."""
    argv = ["run_train.py", *arguments]
    return runner.exit_code(
        lambda values: train.define_flags(values, argv), train.train_command, "What it does.", argv
    )


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, Path]]:
    """What the command asks `train` for, which does nothing."""
    requests: list[tuple[Settings, Path]] = []

    def note(settings: Settings, folder: Path, _: str) -> Workdir:
        requests.append((settings, folder))
        return Workdir(folder)

    monkeypatch.setattr(loop, "train", note)
    return requests


def test_the_folder_is_named_after_the_config(asked: list[tuple[Settings, Path]]) -> None:
    assert run(TESTING, "--config.data.root=scans") == 0
    assert asked[0][1] == Path("runs/testing")


def test_a_process_of_several_says_where_it_belongs(
    asked: list[tuple[Settings, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[ProcessGroup | None] = []

    @contextlib.contextmanager
    def note(group: ProcessGroup | None, _: str) -> Iterator[None]:
        groups.append(group)
        yield

    monkeypatch.setattr(processes, "joined", note)
    second = ["--coordinator_address=[::1]:9876", "--num_processes=2", "--process_id=1"]
    assert run(*SPREAD, *second) == 0
    assert run(*SPREAD, "--cluster=mpi4py") == 0
    assert run(TESTING, SCANS) == 0
    assert groups == [ProcessGroup("[::1]:9876", 2, 1), ProcessGroup(cluster="mpi4py"), None]
    assert len(asked) == 3


def test_the_page_on_many_machines_gives_flags_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "training_on_many_machines.md").read_text("utf-8")
    blocks = re.findall(r"```(?:bash|yaml)\n(.*?)```", page, flags=re.DOTALL)
    after = [part for block in blocks for part in block.split("run_train.py")[1:]]
    assert len(after) == 8
    for part in after:
        argv = ["run_train.py", *re.findall(r"--[a-z][^\s,\]\"]*", part)]
        values = flags.FlagValues()
        train.define_flags(values, argv)
        assert values(argv) == ["run_train.py"]
        assert values.config.data.root in ("$SCANS", "/scans")


def test_overrides_reach_the_settings(asked: list[tuple[Settings, Path]]) -> None:
    rate = "--config.optimizer.learning_rate=0.25"
    assert run(TESTING, "--config.data.root=scans", rate, "--workdir=here") == 0
    settings, folder = asked[0]
    assert settings.optimizer.learning_rate == 0.25
    assert settings.data.root == "scans"
    assert folder == Path("here")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--config must be given"),
        (["--nonsense"], "Unknown command line flag 'nonsense'"),
        ([TESTING, "extra"], "unexpected arguments: extra"),
        (["--config=nowhere.py"], "'nowhere.py' is not a file"),
        (["--config=nowhere.py", "--config.seed=1"], "--config names is not there"),
        ([TESTING, "--config.data.rot=scans"], "no key 'rot'"),
        ([TESTING, "--config.training.steps=many"], "training.steps=many"),
        ([TESTING], "data.root is empty"),
        (
            [TESTING, "--config.data.root=a", "--config.seed=-1"],
            "'seed' must be a whole number",
        ),
        ([TESTING, SCANS, "--distributed"], "--distributed needs --config.training.launcher=pmap"),
        (
            [TESTING, SCANS, "--process_id=1"],
            "--process_id is for several processes; add --distributed",
        ),
        ([*SPREAD, "--coordinator_address=node1"], "give HOST:PORT, as in node1:9876"),
        ([*SPREAD, "--num_processes=0"], "--num_processes=0"),
        ([*SPREAD, "--cluster=pbs"], "--cluster=pbs"),
    ],
)
def test_wrong_usage_is_one_line_and_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(*arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.startswith("run_train.py: ")
    assert words in printed.err


@pytest.mark.parametrize("text", ["1 / 0", "def get_config(:", "x = 1"])
def test_a_config_file_that_does_not_run_is_one_line_and_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    monkeypatch.delitem(sys.modules, "config_config", raising=False)  # the config read before
    (tmp_path / "broken.py").write_text(text)
    assert run(f"--config={tmp_path / 'broken.py'}") == 2
    assert "the config cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("'a' is no scan"), 1),
        (OutputError("full"), 1),
        (TrainingError("step 3: loss nan"), 1),
        (UsageError("other config"), 2),
        (WeightsError("missing"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_give_their_line_and_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int
) -> None:
    def fail(values: flags.FlagValues) -> None:
        raise error

    assert runner.exit_code(lambda values: None, fail, "", ["prog"]) == code
    assert capsys.readouterr().err == f"prog: {str(error) or 'interrupted'}\n"


def test_a_bug_shows_itself() -> None:
    def fail(values: flags.FlagValues) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        runner.exit_code(lambda values: None, fail, "", ["prog"])


def test_a_commands_own_code_is_passed_on() -> None:
    assert runner.exit_code(lambda values: None, lambda values: 1, "", ["prog"]) == 1
    assert runner.exit_code(lambda values: None, lambda values: None, "", ["prog"]) == 0


@pytest.mark.parametrize("flag", ["--help", "-h", "--helpfull"])
def test_help_is_0_and_names_the_flags(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    assert run(flag, "--nonsense") == 0
    printed = capsys.readouterr().out
    assert "What it does." in printed
    assert "--workdir" in printed


def test_help_needs_no_jax() -> None:
    program = (
        "import sys; sys.argv = ['run_train.py', '--help']\n"
        "from brainfcn_jax.commands.train import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code, 'jax' in sys.modules)"
    )
    start = time.perf_counter()
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.endswith("0 False\n")
    assert time.perf_counter() - start < 10  # a second when nothing else runs


def test_the_program_itself(tmp_path: Path) -> None:
    root = write_pairs(tmp_path / "scans", ("sub-01",))
    command = [sys.executable, str(ROOT / "run_train.py"), TESTING, f"--config.data.root={root}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert result.returncode == 1
    assert "sub-03" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "runs").exists()


def spoil(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Writes a changed copy of an image in its place."""
    image = nibabel.nifti1.load(path)
    nibabel.save(nibabel.Nifti1Image(change(np.asarray(image.dataobj)), image.affine), path)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("sub-01_dseg", lambda labels: labels[:-1], "on another grid"),
        ("sub-01_dseg", lambda labels: labels * np.uint8(3), "holds label values 9, 12, 15"),
        ("sub-03_dseg", lambda labels: np.stack([labels] * 2, -1), "with a single label map"),
        ("sub-01_T1w", lambda scan: np.full(scan.shape, np.nan, np.float32), "no finite value"),
    ],
)
def test_wrong_scans_and_labels_are_one_line_and_1(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    change: Callable[[np.ndarray], np.ndarray],
    words: str,
) -> None:
    root = write_pairs(tmp_path / "scans", ("sub-01", "sub-02", "sub-03"))
    spoil(root / f"{name}.nii.gz", change)
    workdir = tmp_path / "run"
    assert run(TESTING, f"--config.data.root={root}", f"--workdir={workdir}") == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"run_train.py: '{root / name}.nii.gz' ")
    assert complaint.count("\n") == 1
    assert words in complaint
    assert not workdir.exists()


def test_an_unknown_key_in_a_config_file_is_one_line_and_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "config_config", raising=False)  # the config read before
    text = (CONFIGS / "testing.py").read_text()
    with_more = text.replace("experiment(", "experiment(colour=1, ")
    (tmp_path / "more.py").write_text(with_more)
    assert run(f"--config={tmp_path / 'more.py'}", "--config.data.root=scans") == 2
    complaint = capsys.readouterr().err
    assert "unknown key 'colour'" in complaint
    assert complaint.count("\n") == 1
