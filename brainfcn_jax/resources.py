"""How much of a machine JAX takes: what the scheduler of jobs allots, and no GPU memory in advance.

JAX reads these from variables when it first meets its devices. Processors that Slurm, a container
or `taskset` bind a process to are followed by XLA itself, which counts those it may run on; only an
allotment that nothing enforces has to be told. Source: XLA's `tsl::port::MaxParallelism`, and
docs.jax.dev, "GPU memory allocation".
"""

import os
from collections.abc import Mapping

GPU_MEMORY_IN_ADVANCE = "XLA_PYTHON_CLIENT_PREALLOCATE"
THREADS = "PJRT_NPROC"
THREADS_TOO = "NPROC"
"""What XLA reads when `THREADS` is not set."""

ALLOTTED = "SLURM_CPUS_PER_TASK"


def take_what_is_allotted() -> None:
    """Sets JAX's variables for this process; in time before JAX has met its devices."""
    os.environ.update(jax_variables(os.environ, processors()))


def processors() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def jax_variables(environment: Mapping[str, str], processors: int) -> dict[str, str]:
    """The variables to set so that JAX takes no more than its share; what the user set stays.

    GPU memory is taken as it is needed, where JAX would take three quarters of it at once. Threads
    are as many as `processors`, or as Slurm allots to a task if these are fewer.
    """
    variables = {}
    if GPU_MEMORY_IN_ADVANCE not in environment:
        variables[GPU_MEMORY_IN_ADVANCE] = "false"
    allotted = environment.get(ALLOTTED, "")
    chosen = THREADS in environment or THREADS_TOO in environment
    if not chosen and allotted.isdecimal() and 0 < int(allotted) < processors:
        variables[THREADS] = allotted
    return variables
