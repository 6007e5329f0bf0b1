"""A disk that is full from one file on: one clear line, no half file, and then on as if never.

fill_disk.py does the same with a real disk. Checkpoints, which orbax writes, are tried in
checkpoints_test.py, and metrics.jsonl in progress_test.py.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.eval_example import intensities, run, write_image
from support.narrow import narrow_start
from support.threshold_model import threshold_model
from support.tiny_scans import tiny_settings, write_pairs
from training.cheap_step import launch_cheaply

from brainfcn_jax.errors import OutputError
from brainfcn_jax.network.model_file import load_model, save_model
from brainfcn_jax.results.record import read_record
from brainfcn_jax.runtime import atomic_files
from brainfcn_jax.runtime.locks import LOCK_FILE
from brainfcn_jax.training.loop import train

FULL = Path("/dev/full")
EMPTY = "metrics.jsonl"
"""What a run begins with no byte in, for which there is room on a full disk."""

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


class Disk:
    """Counts the files that are begun, and is full from one of them on; 0: it never is."""

    def __init__(self, beside: Callable[[Path], Path]) -> None:
        self._beside = beside
        self.full_from = 0
        self.begun = 0

    def beside(self, path: Path) -> Path:
        """A name to write to, where every writing fails once the disk is full."""
        self.begun += 1
        temporary = self._beside(path)
        if 0 < self.full_from <= self.begun and path.name != EMPTY:
            temporary.symlink_to(FULL)
        return temporary

    def fill(self, full_from: int) -> None:
        """Begins to count anew."""
        self.full_from, self.begun = full_from, 0


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(atomic_files._beside)
    monkeypatch.setattr("brainfcn_jax.runtime.atomic_files._beside", disk.beside)
    return disk


def results(out: Path) -> dict[str, bytes]:
    """What holds no times, of all that lies in a folder."""
    return {
        path.name: b"" if path.suffix == ".json" else path.read_bytes()
        for path in sorted(out.iterdir())
    }


def test_labelling(disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(tmp_path / "threshold.h5", threshold_model())
    scan = write_image(tmp_path / "s1_T1w.nii.gz", intensities())
    command = [f"--volume={scan}", f"--weights={tmp_path / 'threshold.h5'}", "--save_uncertainty"]
    disk.fill(0)
    assert run(*command, f"--out_dir={tmp_path / 'whole'}") == 0
    whole, writings = results(tmp_path / "whole"), disk.begun
    assert writings > 15
    for number in range(1, writings + 1):
        out = tmp_path / f"out{number}"
        disk.fill(number)
        capsys.readouterr()
        assert run(*command, f"--out_dir={out}") == 1
        said = capsys.readouterr().err
        assert said.endswith("cannot be written: No space left on device\n"), number
        assert "Traceback" not in said
        record = out / "s1_desc-tissue_record.json"
        read_record(record)
        left = results(out)
        assert left.items() - {(record.name, b""), (LOCK_FILE, b"")} <= whole.items()
        assert all(json.loads(path.read_text()) for path in out.glob("*.json"))
        disk.fill(0)
        assert run(*command, f"--out_dir={out}", "--resume") == 0
        assert results(out) == whole


def test_the_tables_of_all_scans(
    disk: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_model(tmp_path / "threshold.h5", threshold_model())
    scans = [write_image(tmp_path / f"s{n}_T1w.nii.gz", intensities() + n) for n in (1, 2)]
    out = tmp_path / "out"
    volumes = [f"--volume={scan}" for scan in scans]
    assert run(*volumes, f"--weights={tmp_path / 'threshold.h5'}", f"--out_dir={out}") == 0
    whole = results(out)
    disk.fill(0)
    assert run("bids", out, "group") == 0
    writings = disk.begun
    assert writings == 2
    for number in range(1, writings + 1):
        disk.fill(number)
        capsys.readouterr()
        assert run("bids", out, "group") == 1
        assert "cannot be written: No space left on device" in capsys.readouterr().err
        assert results(out) == whole
    disk.fill(0)
    assert run("bids", out, "group") == 0
    assert results(out) == whole


def weights(run_folder: Path) -> dict[str, bytes]:
    """The bits of the weights that a run ends with."""
    return {
        f"{name} {layer} {kind}": array.tobytes()
        for name in ("last.h5", "best.h5")
        for layer, part in load_model(run_folder / name).params.items()
        for kind, array in part.items()
    }


def test_training(disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("brainfcn_jax.training.run.launch", launch_cheaply)
    settings = tiny_settings(
        write_pairs(tmp_path / "scans", ("sub-01", "sub-02", "sub-03")),
        training__validate_every=4,
        training__checkpoint_every=4,
        **narrow_start(tmp_path / "model"),
    )
    disk.fill(0)
    whole, writings = weights(train(settings, tmp_path / "whole").folder), disk.begun
    assert writings == 5
    for number in range(1, writings + 1):
        folder = tmp_path / f"run{number}"
        disk.fill(number)
        with pytest.raises(OutputError, match=r"cannot be written: No space left on device"):
            train(settings, folder)
        assert not atomic_files.unfinished(folder)
        for name in ("last.h5", "best.h5"):
            if (folder / name).exists():
                load_model(folder / name)
        disk.fill(0)
        assert weights(train(settings, folder).folder) == whole
