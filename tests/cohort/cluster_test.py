"""Labelling with real scheduler and worker processes on this machine."""

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
from support.children import child
from support.eval_example import intensities, records, run, write_image
from support.threshold_model import threshold_model

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.one_scan import open_model
from brainfcn_jax.cohort.plan import plan_files
from brainfcn_jax.errors import ClusterError
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.network.model_file import save_model
from brainfcn_jax.results.options import Analysis, Replacing, Wanted

distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
cluster = importlib.import_module("brainfcn_jax.cohort.cluster")
LoadedModel = cluster.LoadedModel

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own threads and sockets

QUIET = {"DASK_LOGGING__DISTRIBUTED": "critical", "JAX_PLATFORMS": "cpu"}
START_SECONDS = 600


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six scans and a file that is none."""
    folder = tmp_path_factory.mktemp("scans")
    for number in range(1, 7):
        write_image(folder / f"s{number}_T1w.nii.gz", intensities() + number)
    (folder / "s9_T1w.nii.gz").write_bytes(b"no scan")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The threshold model in a network of full width, since workers are other processes."""
    path = tmp_path_factory.mktemp("weights") / "threshold.h5"
    save_model(path, threshold_model())
    return str(path)


@pytest.fixture(scope="module")
def here(scans: Path, weights: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run in this process writes."""
    out = tmp_path_factory.mktemp("here")
    assert run(f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}") == 1
    return contents(out)


def contents(out: Path) -> dict[str, bytes]:
    """The bytes of every result, of sidecars those that are no times."""
    found = {}
    for path in sorted(out.rglob("*")):
        if path.suffix in (".gz", ".tsv", ".png"):
            found[path.name] = path.read_bytes()
        elif path.name.startswith("s") and path.suffix == ".json":
            sidecar = json.loads(path.read_text())
            if path.name.endswith("_record.json"):
                continue
            sidecar.pop("Seconds", None)
            found[path.name] = json.dumps(sidecar).encode()
    return found


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Machines:
    """A scheduler and two workers, each a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        environment = {**os.environ, **QUIET}
        self._folder, self._environment = folder, environment
        scheduler = ["scheduler", "--host", self.address, "--no-dashboard"]
        self.processes = [self._start(scheduler)]
        self.workers = [self.add_worker(), self.add_worker()]

    def add_worker(self) -> "subprocess.Popen[bytes]":
        """Starts a worker without a nanny, so that what is killed stays dead."""
        options = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        worker = self._start(["worker", self.address, *options])
        self.processes.append(worker)
        return worker

    def _start(self, words: list[str]) -> "subprocess.Popen[bytes]":
        program = [sys.executable, "-m", f"distributed.cli.dask_{words[0]}"]
        return subprocess.Popen([*program, *words[1:]], cwd=self._folder, env=self._environment)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    machines = Machines(tmp_path)
    try:
        yield machines
    finally:
        for process in reversed(machines.processes):
            process.kill()
            process.wait()


def test_workers_give_the_bytes_of_a_run_here_even_when_one_is_killed(
    machines: Machines, scans: Path, weights: str, here: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={out}"]
    command = [sys.executable, "-m", "run_eval", *arguments, f"--scheduler={machines.address}"]
    with child(
        command,
        cwd=Path(__file__).parents[2],
        env={**os.environ, **QUIET},
        stderr=subprocess.PIPE,
    ) as running:
        wait_for(lambda: any(out.glob("s*_dseg.nii.gz")))
        machines.workers[0].send_signal(signal.SIGKILL)
        _, said = running.communicate(timeout=START_SECONDS)
    assert running.returncode == 1, said
    assert f"1 of 7 scans failed: '{scans / 's9_T1w.nii.gz'}'" in said
    assert "whoever can reach it" in said
    assert contents(out) == here
    assert [record["status"] for record in records(out).values()] == ["done"] * 6 + ["failed"]


class Reached(Exception):
    """How far a run was let go."""


def reach(*_: object, **__: object) -> None:
    raise Reached


def test_a_scan_that_waits_for_a_worker_is_not_said_to_be_half_written(
    scans: Path, weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = Analysis(weights=weights)
    loaded, provenance = open_model(analysis)
    books = Bookkeeping(provenance, Wanted(), Replacing())
    paths = [str(scans / f"s{number}_T1w.nii.gz") for number in (1, 2)]
    planned = plan_files(paths, [], str(tmp_path))
    client = create_autospec(distributed.Client, instance=True)
    client.submit.side_effect = Reached
    with pytest.raises(Reached):
        next(cluster.segment_on(client, planned, books))
    assert records(tmp_path) == {}
    model = LoadedModel(analysis, {}, None)
    model.segmenter = Segmenter(loaded)
    worker = SimpleNamespace(plugins={model.name: model})
    monkeypatch.setattr(cluster, "get_worker", lambda: worker)
    monkeypatch.setattr("brainfcn_jax.cohort.one_scan.write_results", reach)
    with pytest.raises(Reached):
        cluster.segment_job(planned[0], books, books.todo(planned[0]))
    assert {name: record["status"] for name, record in records(tmp_path).items()} == {
        "s1": "writing"
    }


def test_processes_of_this_machine_give_the_same_bytes(
    scans: Path, weights: str, here: dict[str, bytes], tmp_path: Path
) -> None:
    arguments = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={tmp_path}"]
    assert run(*arguments, "--local_workers=2") == 1
    assert contents(tmp_path) == here
    assert run(*arguments, "--local_workers=1", "--resume") == 1
    assert contents(tmp_path) == here


def test_a_tls_scheduler_asks_for_certificates(
    scans: Path, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = distributed.Security.temporary()
    flags = [f"--volume={scans / 's1_T1w.nii.gz'}", f"--weights={weights}"]
    certificates = []
    for flag, content in (
        ("tls_ca_file", made.tls_ca_file),
        ("tls_cert", made.tls_client_cert),
        ("tls_key", made.tls_client_key),
    ):
        (tmp_path / flag).write_text(content)
        certificates.append(f"--{flag}={tmp_path / flag}")
    options = {"n_workers": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(
        host="127.0.0.1", protocol="tls://", security=made, **options
    ) as scheduler:
        flags.append(f"--scheduler={scheduler.scheduler_address}")
        assert run(*flags, f"--out_dir={tmp_path / 'none'}") == 1
        assert "cannot be used" in capsys.readouterr().err
        assert run(*flags, f"--out_dir={tmp_path / 'out'}", *certificates) == 0
    assert "whoever can reach it" not in capsys.readouterr().err
    assert (tmp_path / "out" / "s1_desc-tissue_dseg.nii.gz").is_file()


def test_only_the_run_itself_can_reach_its_local_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: dict[str, Any] = {}

    class NoCluster:
        def __init__(self, **options: Any) -> None:
            made.update(options)
            raise InterruptedError

    monkeypatch.setattr("brainfcn_jax.cohort.cluster.LocalCluster", NoCluster)
    with pytest.raises(InterruptedError), cluster._local_cluster(2):
        pass
    assert made["host"] == "127.0.0.1"
    assert made["protocol"] == "tls://"
    assert made["security"].require_encryption


def test_a_worker_with_other_weights_is_refused(weights: str) -> None:
    analysis = Analysis(weights=weights)
    asked_for = cluster.identity(open_model(analysis)[1])
    LoadedModel(analysis, asked_for, None).setup(None)
    other = {**asked_for, "Weights": {"File": "threshold.h5", "SHA256": "0" * 64}}
    with pytest.raises(ClusterError, match="install the same software and weights"):
        LoadedModel(analysis, other, None).setup(None)


def test_an_unreachable_scheduler_is_named(
    scans: Path,
    weights: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("brainfcn_jax.cohort.cluster.CONNECT_SECONDS", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    flags = [f"--volume={scans}", f"--weights={weights}", f"--out_dir={tmp_path}"]
    assert run(*flags, f"--scheduler={address}") == 1
    said = capsys.readouterr().err
    tried, failed = (
        said.index(f"trying the scheduler '{address}' for up to 1 s"),
        said.index(f"the scheduler '{address}' cannot be used"),
    )
    assert tried < failed


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--scheduler=tls://h:1", "--local_workers=2"], "give one of them"),
        (["--scheduler=tcp://h:1", "--tls_cert=c.pem"], "go with --scheduler=tls://"),
        (["--local_workers=0"], "local_workers"),
    ],
)
def test_contradictions_are_wrong_usage(
    flags: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--volume=a.nii", *flags) == 2
    assert said in capsys.readouterr().err


def test_workers_of_one_machine_share_its_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    shares: list[list[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5, 7, 8})
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, share: shares.append(share))
    for number in range(2):
        cluster.use_share_of_processors(number, 2)
    cluster.use_share_of_processors(6, 7)
    assert shares == [[2, 5, 8], [3, 7], [3]]


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until something is the case."""
    end = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
