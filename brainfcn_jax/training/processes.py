"""The processes that train one network together, on one machine or many (jax.distributed)."""

import atexit
import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jaxtyping import UInt8

from brainfcn_jax.errors import BrainfcnError, ProcessError, UsageError
from brainfcn_jax.runtime.messages import say
from brainfcn_jax.text import Detail
from brainfcn_jax.training.devices import connect

HEARTBEAT_SECONDS = 60
"""A process that was silent for so long is taken for dead, and the others end."""

START_SECONDS = 300
"""How long the processes wait for each other at the start."""

_END_SECONDS = 7 * 24 * 3600
"""How long they may wait for each other at the end: as long as all of them are alive."""

_MESSAGE_BYTES = 2000
_INTERRUPTED = 130

Tree = TypeVar("Tree")


@dataclass(frozen=True)
class ProcessGroup:
    """How the processes find each other; what is None is found out by JAX (Slurm, MPI, ...).

    Attributes:
        coordinator_address: HOST:PORT of the first process.
        num_processes: how many processes there are.
        process_id: number of this one, from 0.
        cluster: JAX's name of what to find the others with, such as "slurm" or "mpi4py".
    """

    coordinator_address: str | None = None
    num_processes: int | None = None
    process_id: int | None = None
    cluster: str | None = None


@contextlib.contextmanager
def joined(group: ProcessGroup | None, detail: Detail = "normal") -> Iterator[None]:
    """Make this process one of several inside the context; one of its own when None.

    Unless `detail` is "quiet" it says that it waits for the others.

    Nothing may have been computed before. Leaving the context waits for the others, except for
    an error that they do not know of: the process then ends as soon as the program does, and the
    others when they miss it. A process that dies without a word ends the others after
    `HEARTBEAT_SECONDS`; the first, which the others talk to, at once.

    Raises:
        UsageError: how the processes find each other is not said and cannot be detected, or they
            have different numbers of devices.
    """
    if group is None:
        yield
        return
    if detail != "quiet":
        say("waiting for the other processes of the run")
    _join(group)
    try:
        _require_equal_devices()
        multihost_utils.sync_global_devices("joined")
        connect()
        yield
    except BaseException as error:
        if jax.distributed.is_initialized():
            atexit.register(_end_at_once, _exit_code(error))
        raise
    jax.distributed.shutdown()


def is_first() -> bool:
    """Return whether this is the process that writes and reports; true when there is only one."""
    return jax.process_index() == 0


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Do work that either all processes finish or none goes on from.

    Every process must come here, and waits at the end of the block for the others.

    Raises:
        ProcessError: the work failed in another process, whose message and exit code it has.
    """
    try:
        yield
    except Exception as error:
        _failures(error)
        raise
    if failures := _failures(None):
        raise failures[0]


def agree(what: str, value: object) -> None:
    """Check that all processes have the same value, which must have a complete `repr`.

    Raises:
        UsageError: they have not; raised in all of them, naming those that differ from the first.
    """
    if jax.process_count() == 1:
        return
    digest = np.frombuffer(hashlib.sha256(repr(value).encode()).digest(), np.uint8)
    digests = multihost_utils.process_allgather(digest)  # (process, 32)
    differing = np.flatnonzero(np.any(digests != digests[0], axis=1)).tolist()
    if differing:
        jax.distributed.shutdown()
        raise UsageError(
            f"processes {', '.join(map(str, differing))} have other {what} than process 0; start "
            "all of them with the same command, on machines with the same files"
        )


def from_first(tree: Tree) -> Tree:
    """Return the first process's arrays, bit for bit, in all processes.

    Args:
        tree: arrays or numbers; of the same structure, shapes and dtypes in every process.
    """
    if jax.process_count() == 1:
        return tree
    leaves, structure = jax.tree.flatten(tree)
    arrays = [np.asarray(leaf) for leaf in leaves]
    own = np.concatenate([np.frombuffer(array.tobytes(), np.uint8) for array in arrays])
    received = np.asarray(multihost_utils.broadcast_one_to_all(own))
    ends = np.cumsum([array.nbytes for array in arrays])[:-1]
    parts = zip(np.split(received, ends), arrays, strict=True)
    return jax.tree.unflatten(
        structure, [part.view(array.dtype).reshape(array.shape) for part, array in parts]
    )


def _join(group: ProcessGroup) -> None:
    # JAX would catch SIGTERM and go on; a run that is told to end has its checkpoints.
    jax.config.update("jax_enable_preemption_service", False)
    try:
        jax.distributed.initialize(
            group.coordinator_address,
            group.num_processes,
            group.process_id,
            cluster_detection_method=group.cluster,
            initialization_timeout=START_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=_END_SECONDS,
        )
    except (ValueError, TypeError, LookupError, ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"the processes of the run cannot find each other ({reason}); say how with "
            "--coordinator_address=HOST:PORT, --num_processes=N and --process_id=0..N-1"
        ) from error


def _require_equal_devices() -> None:
    """Raise unless the processes have equally many devices; each sees all, so all raise it."""
    owners = [device.process_index for device in jax.devices()]
    counts = [owners.count(process) for process in range(jax.process_count())]
    if len(set(counts)) > 1:
        jax.distributed.shutdown()
        raise UsageError(
            f"the processes have {', '.join(map(str, counts))} devices; give each the same number"
        )


def _failures(error: Exception | None) -> list[ProcessError]:
    """Return the errors of all processes that come here with one, in the processes' order.

    When there are any the processes part: all of them know, and none need be missed.
    """
    if jax.process_count() == 1:
        return []
    code, message = 0, ""
    if error is not None:
        code = _exit_code(error)
        message = str(error) if isinstance(error, BrainfcnError) else repr(error)
    padded = np.frombuffer(message.encode()[:_MESSAGE_BYTES].ljust(_MESSAGE_BYTES, b"\0"), np.uint8)
    codes, messages = multihost_utils.process_allgather((np.int32(code), padded))
    if codes.any():
        jax.distributed.shutdown()
    return [
        ProcessError(f"process {process}: {_text(messages[process])}", int(codes[process]))
        for process in np.flatnonzero(codes).tolist()
    ]


def _text(padded: UInt8[np.ndarray, " byte"]) -> str:
    return padded.tobytes().rstrip(b"\0").decode(errors="ignore")


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return _INTERRUPTED
    return error.exit_code if isinstance(error, BrainfcnError) else BrainfcnError.exit_code


def _end_at_once(exit_code: int) -> None:
    """End the program without waiting for the other processes, as JAX would at its exit."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)
