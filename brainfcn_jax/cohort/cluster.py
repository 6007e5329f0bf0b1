"""Scans segmented by several processes, here or on other machines, through Dask.

Every worker process loads the model once. Files are read and written by the workers, so all
machines must see them under the same paths. Needs the extra "cluster"; imported only where asked
for. Whoever can reach a scheduler can have programs run by its workers: it must stand in a network
that is trusted, or speak TLS.
"""

import contextlib
import dataclasses
import logging
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster, Security, WorkerPlugin, as_completed, get_worker

from brainfcn_jax.cohort.bookkeeping import Bookkeeping
from brainfcn_jax.cohort.many_scans import Executor, skipped
from brainfcn_jax.cohort.one_scan import open_model, read_inputs, segmented_contents, written
from brainfcn_jax.cohort.outcome import Outcome
from brainfcn_jax.cohort.resume import Todo
from brainfcn_jax.errors import ClusterError
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.results.options import Analysis
from brainfcn_jax.results.paths import refuse_existing
from brainfcn_jax.results.planned_scan import PlannedScan
from brainfcn_jax.results.provenance import Provenance
from brainfcn_jax.runtime.background import Done
from brainfcn_jax.runtime.jax_environment import prepare_jax

CONNECT_SECONDS = 30
_CLOSE_SECONDS = 2
_PLUGIN = "brainfcn_jax"


@dataclass(frozen=True)
class Tls:
    """Files (PEM) that prove who is who to a tls:// scheduler; None: as Dask's own config says."""

    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None


class LoadedModel(WorkerPlugin):
    """The model in a worker process, loaded when the process joins.

    Attributes:
        segmenter: segments with the model; only on the worker.
    """

    name = _PLUGIN

    def __init__(
        self, analysis: Analysis, expected: dict[str, Any], local_workers: int | None
    ) -> None:
        self._analysis = analysis
        self._expected = expected
        self._local_workers = local_workers
        self.segmenter: Segmenter | None = None

    def setup(self, worker: Any) -> None:
        """Load the model; raise ClusterError when it, or the software, is another one."""
        if self._local_workers is not None:
            use_share_of_processors(int(worker.name), self._local_workers)
        prepare_jax()
        model, provenance = open_model(self._analysis)
        found = identity(provenance)
        if found != self._expected:
            raise ClusterError(
                f"a worker would not give the same results: it has {found}, asked for is "
                f"{self._expected}; install the same software and weights on all machines"
            )
        self.segmenter = Segmenter(model)


@contextlib.contextmanager
def cluster_executor(
    provenance: Provenance,
    *,
    scheduler: str | None = None,
    tls: Tls | None = None,
    local_workers: int | None = None,
) -> Iterator[Executor]:
    """Return an executor for `segment_all`: on the cluster of a scheduler, or of processes here.

    Args:
        provenance: of the run, as this process has it; the workers must have the same.
        scheduler: the address of a scheduler; None: the cluster is made here.
        tls: for a tls:// scheduler.
        local_workers: the number of processes of a cluster made here.

    Raises:
        ClusterError: the scheduler cannot be reached, or a worker has other software or weights.
        WeightsError: a worker cannot load the model.
    """
    with contextlib.ExitStack() as stack:
        if scheduler is None:
            cluster = stack.enter_context(_local_cluster(local_workers or 1))
            client = stack.enter_context(_client(cluster.scheduler_address, cluster.security))
        else:
            client = stack.enter_context(_client(scheduler, _security(tls)))
        analysis = _absolute_analysis(provenance.analysis)
        plugin = LoadedModel(analysis, identity(provenance), local_workers)
        client.register_plugin(plugin)

        def execute(
            scans: Sequence[PlannedScan], books: Bookkeeping
        ) -> Generator[Done[PlannedScan], None, None]:
            return segment_on(client, scans, books)

        yield execute


def segment_on(
    client: Client, scans: Sequence[PlannedScan], books: Bookkeeping
) -> Generator[Done[PlannedScan], None, None]:
    """Segment the scans on a cluster, and return what became of them in their order.

    What is finished has its record at once. A lost worker's scans go to others; a scan that
    several workers died of fails.
    """
    ready: dict[int, Done[PlannedScan]] = {}
    todos: dict[int, Todo] = {}
    for index, planned in enumerate(scans):
        try:
            todo = books.todo(planned)
            if todo.needed:
                refuse_existing(books.files(planned), todo.replace)
                todos[index] = todo
            else:
                ready[index] = Done(planned, skipped(planned, todo))
        except Exception as error:  # told to whoever takes the scan
            ready[index] = Done(planned, error=error)
    indices = {
        client.submit(
            segment_job,
            _absolute(scans[index]),
            _absolute_books(books),
            dataclasses.replace(todo, replace=True),
            key=f"{scans[index].name}-{os.urandom(8).hex()}",
            pure=False,
        ): index
        for index, todo in todos.items()
    }
    try:
        waited_for = 0
        finished = as_completed(list(indices))
        while waited_for < len(scans):
            if waited_for in ready:
                yield ready.pop(waited_for)
                waited_for += 1
                continue
            future = next(finished)
            index = indices[future]
            ready[index] = _done(scans[index], todos[index], future, books)
            future.release()
    finally:
        client.cancel(list(indices))


def segment_job(planned: PlannedScan, books: Bookkeeping, todo: Todo) -> Outcome:
    """Read, segment and write one scan, maybe a second time: what a worker does.

    Its record says when its files are being written. They were not there before, or may be
    replaced (`todo.replace`); what is there now was left by a worker that was lost.
    """
    plugin = get_worker().plugins[_PLUGIN]
    assert isinstance(plugin, LoadedModel) and plugin.segmenter is not None
    inputs = read_inputs(planned, books, todo)
    return written(segmented_contents(planned, inputs, plugin.segmenter, books), books, todo)


def identity(provenance: Provenance) -> dict[str, Any]:
    """Return the software and the weights that results come from."""
    found = provenance.as_sidecar()
    return {name: found.get(name) for name in ("GeneratedBy", "Weights", "Finder")}


def use_share_of_processors(number: int, count: int) -> None:
    """Keep this process to its share of the processors, so that `count` of them do not crowd."""
    if hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        share = processors[number % len(processors) :: count]
        os.sched_setaffinity(0, share)


def _done(planned: PlannedScan, todo: Todo, future: Any, books: Bookkeeping) -> Done[PlannedScan]:
    try:
        outcome = future.result()
        root = planned.outputs.root
        files = tuple(root / path.relative_to(root.absolute()) for path in outcome.files)
        outcome = dataclasses.replace(outcome, planned=planned, files=files)
        books.finish(planned, todo, outcome)
    except Exception as error:  # told to whoever takes the scan
        return Done(planned, error=error)
    return Done(planned, outcome)


def _absolute(planned: PlannedScan) -> PlannedScan:
    """Return the plan with paths that hold wherever a worker runs."""
    outputs = dataclasses.replace(
        planned.outputs,
        root=planned.outputs.root.absolute(),
        folder=planned.outputs.folder.absolute(),
    )
    return dataclasses.replace(
        planned,
        path=str(Path(planned.path).absolute()),
        reference=_absolute_path(planned.reference),
        outputs=outputs,
    )


def _absolute_analysis(analysis: Analysis) -> Analysis:
    return dataclasses.replace(analysis, weights=_absolute_path(analysis.weights))


def _absolute_books(books: Bookkeeping) -> Bookkeeping:
    source = _absolute_path(books.wanted.source_dataset)
    wanted = dataclasses.replace(books.wanted, source_dataset=source)
    return Bookkeeping(books.provenance, wanted, books.replacing)


def _absolute_path(path: str | None) -> str | None:
    return None if path is None else str(Path(path).absolute())


@contextlib.contextmanager
def _local_cluster(workers: int) -> Iterator[LocalCluster]:
    """Make a cluster of processes on this machine, for which others here have no certificate."""
    cluster = LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        host="127.0.0.1",
        protocol="tls://",
        security=Security.temporary(),
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    )
    try:
        yield cluster
    finally:
        with contextlib.suppress(TimeoutError):  # the processes end with this one
            cluster.close(timeout=_CLOSE_SECONDS)


def _security(tls: Tls | None) -> Security | None:
    """Return what a client shows the scheduler; None: what Dask's own config says."""
    if tls is None:
        return None
    return Security(
        require_encryption=True,
        tls_ca_file=tls.ca_file,
        tls_client_cert=tls.cert,
        tls_client_key=tls.key,
    )


@contextlib.contextmanager
def _client(address: str, security: Security | None) -> Iterator[Client]:
    try:
        client = Client(address, security=security, timeout=CONNECT_SECONDS)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ClusterError(f"the scheduler '{address}' cannot be used: {reason}") from error
    try:
        yield client
    finally:
        with contextlib.suppress(TimeoutError):
            client.close(timeout=_CLOSE_SECONDS)
