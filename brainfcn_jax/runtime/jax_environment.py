"""What JAX takes of a machine: the CPUs allotted, GPU memory as needed, a cache folder.

JAX reads these from variables when it first meets its devices. CPUs that Slurm, a container
or `taskset` bind a process to are followed by XLA itself, which counts those it may run on; only an
allotment that nothing enforces has to be told. Source: XLA's `tsl::port::MaxParallelism`, and
docs.jax.dev, "GPU memory allocation".
"""

import contextlib
import ctypes
import hashlib
import os
import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Literal

from platformdirs import user_cache_path

GPU_MEMORY_IN_ADVANCE = "XLA_PYTHON_CLIENT_PREALLOCATE"
THREADS = "PJRT_NPROC"
THREADS_TOO = "NPROC"
"""What XLA reads when `THREADS` is not set."""

PLATFORMS = "JAX_PLATFORMS"
ALLOTTED = "SLURM_CPUS_PER_TASK"
PROGRAM_FOLDER = "JAX_COMPILATION_CACHE_DIR"
SHORTEST_COMPILATION = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"

_OUT_OF_MEMORY = ("resource_exhausted", "out of memory", "out_of_memory", "alloc_failed")
"""What XLA, CUDA, cuDNN and cuBLAS say, in lower case, when a device's memory does not suffice."""

KEPT_BYTES = 2**31 - 1
LARGEST_KEPT = 2**30
"""Larger arrays go back to the system at once."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""glibc's numbers, from malloc.h."""

CHOSEN_BY_USER = ("MALLOC_", "GLIBC_TUNABLES")

LARGEST_BYTES = 512 * 2**20
"""The oldest programs are deleted when all take more than this; one takes about 100 kB."""

_CPU_FEATURES = ("flags", "Features")
"""How /proc/cpuinfo calls a CPU's instruction sets, on x86 and on Arm."""


def prepare_jax() -> None:
    """Set JAX's variables for this process; in time before JAX is imported.

    Memory is kept for the next array when it is freed.
    """
    programs = None if PROGRAM_FOLDER in os.environ else program_folder()
    os.environ.update(jax_variables(os.environ, allowed_cpus(), programs))
    keep_freed_memory(os.environ)


def allowed_cpus() -> int:
    """Count the CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def jax_variables(
    environment: Mapping[str, str], cpus: int, programs: Path | None
) -> dict[str, str]:
    """Return the variables by which JAX takes what it is allotted; what the user set stays.

    GPU memory is taken as it is needed, where JAX would take three quarters of it at once. Threads
    are as many as `cpus`, or as Slurm allots to a task if these are fewer. Compiled programs
    are kept in the folder `programs` if there is one.
    """
    variables = {}
    if GPU_MEMORY_IN_ADVANCE not in environment:
        variables[GPU_MEMORY_IN_ADVANCE] = "false"
    allotted = environment.get(ALLOTTED, "")
    chosen = THREADS in environment or THREADS_TOO in environment
    if not chosen and allotted.isdecimal() and 0 < int(allotted) < cpus:
        variables[THREADS] = allotted
    if programs is not None:
        variables[PROGRAM_FOLDER] = str(programs)
    if SHORTEST_COMPILATION not in environment:
        variables[SHORTEST_COMPILATION] = "0.1"
    return variables


def choose_threads(threads: int) -> None:
    """Have this process compute with so many threads; in time before JAX meets its devices."""
    os.environ[THREADS] = str(threads)


def choose_device(device: Literal["cpu", "gpu"]) -> None:
    """Have JAX take the CPU, or whatever it finds, GPUs first; in time before JAX is imported."""
    if device == "cpu":
        os.environ[PLATFORMS] = "cpu"
    else:
        os.environ.pop(PLATFORMS, None)


def is_out_of_memory(error: Exception) -> bool:
    """Return whether JAX says that the memory of a device does not suffice."""
    said = str(error).lower()
    return any(sign in said for sign in _OUT_OF_MEMORY)


def keep_freed_memory(environment: Mapping[str, str]) -> bool:
    """Have this process keep freed memory for its next arrays; return whether it could.

    Otherwise glibc maps every large array anew, and the system clears each of its pages when it
    is first touched: a tenth of a network's time, since its images are written and read only a
    few times. All threads then share one arena, since others cannot grow that far. Only with a
    recent glibc, and not where the user has chosen for the allocator.
    """
    if sys.platform != "linux" or any(name.startswith(CHOSEN_BY_USER) for name in environment):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Older versions refuse the first, and then the others would only do harm.
    choices = {
        _M_MMAP_THRESHOLD: LARGEST_KEPT,
        _M_TRIM_THRESHOLD: KEPT_BYTES,
        _M_ARENA_MAX: 1,
    }
    return all(mallopt(option, value) == 1 for option, value in choices.items())


def program_folder() -> Path | None:
    """Return the folder for compiled programs, made if need be; None where there can be none.

    Only its owner may enter: what lies in it is run. Programs of other CPUs or versions of
    JAX count in its size as well.
    """
    try:
        programs = user_cache_path("brainfcn_jax") / "programs"
        folder = programs / f"jax-{metadata.version('jax')}-{cpu_digest()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        programs.chmod(0o700)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return None
    with contextlib.suppress(OSError):  # another run may delete the same
        delete_oldest(programs, LARGEST_BYTES)
    return folder


def cpu_digest() -> str:
    """Return twelve digits that tell CPUs with different instruction sets apart."""
    kind = [platform.system(), platform.machine(), platform.processor()]
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        kind += [next((line for line in lines if line.startswith(_CPU_FEATURES)), "")]
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:12]


def delete_oldest(folder: Path, largest_bytes: int) -> None:
    """Delete the files that were written first, until all take `largest_bytes` or fewer."""
    files = [(path, path.stat()) for path in folder.rglob("*") if path.is_file()]
    total = sum(status.st_size for _, status in files)
    for path, status in sorted(files, key=lambda file: file[1].st_mtime):
        if total <= largest_bytes:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size
