"""What JAX takes of a machine: the processors allotted, GPU memory as needed, a cache folder.

JAX reads these from variables when it first meets its devices. Processors that Slurm, a container
or `taskset` bind a process to are followed by XLA itself, which counts those it may run on; only an
allotment that nothing enforces has to be told. Source: XLA's `tsl::port::MaxParallelism`, and
docs.jax.dev, "GPU memory allocation".
"""

import os
from collections.abc import Mapping
from pathlib import Path

from brainfcn_jax.allocator import keep_freed_memory
from brainfcn_jax.program_cache import program_folder

GPU_MEMORY_IN_ADVANCE = "XLA_PYTHON_CLIENT_PREALLOCATE"
THREADS = "PJRT_NPROC"
THREADS_TOO = "NPROC"
"""What XLA reads when `THREADS` is not set."""

ALLOTTED = "SLURM_CPUS_PER_TASK"
PROGRAM_FOLDER = "JAX_COMPILATION_CACHE_DIR"
SHORTEST_COMPILATION = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"

_OUT_OF_MEMORY = ("resource_exhausted", "out of memory", "out_of_memory", "alloc_failed")
"""What XLA, CUDA, cuDNN and cuBLAS say, in lower case, when a device's memory does not suffice."""


def take_what_is_allotted() -> None:
    """Sets JAX's variables for this process; in time before JAX is imported.

    Memory is kept for the next array when it is freed.
    """
    programs = None if PROGRAM_FOLDER in os.environ else program_folder()
    os.environ.update(jax_variables(os.environ, processors(), programs))
    keep_freed_memory(os.environ)


def processors() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def jax_variables(
    environment: Mapping[str, str], processors: int, programs: Path | None
) -> dict[str, str]:
    """The variables to set so that JAX takes no more than its share; what the user set stays.

    GPU memory is taken as it is needed, where JAX would take three quarters of it at once. Threads
    are as many as `processors`, or as Slurm allots to a task if these are fewer. Compiled programs
    are kept in the folder `programs` if there is one.
    """
    variables = {}
    if GPU_MEMORY_IN_ADVANCE not in environment:
        variables[GPU_MEMORY_IN_ADVANCE] = "false"
    allotted = environment.get(ALLOTTED, "")
    chosen = THREADS in environment or THREADS_TOO in environment
    if not chosen and allotted.isdecimal() and 0 < int(allotted) < processors:
        variables[THREADS] = allotted
    if programs is not None:
        variables[PROGRAM_FOLDER] = str(programs)
    if SHORTEST_COMPILATION not in environment:
        variables[SHORTEST_COMPILATION] = "0.1"
    return variables


def is_out_of_memory(error: Exception) -> bool:
    """Whether JAX says that the memory of a device does not suffice."""
    said = str(error).lower()
    return any(sign in said for sign in _OUT_OF_MEMORY)
