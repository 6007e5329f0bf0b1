"""What the speed benchmarks share: fair timing, processes measured from outside, results on disk.

Imports neither jax nor PyTorch, so that a program that starts others stays small: on Linux the peak
memory of a new process is never reported below that of the one which started it.
"""

import json
import os
import platform
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("jax", "jaxlib", "flax", "numpy", "scipy", "torch", "onnxruntime", "openvino")
INSTRUCTION_SETS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_tile")
PAUSE_SECONDS = 0.05
"""Between two runs: threads of one library that still wait for work would slow down the next."""

DROP_CACHES = Path("/proc/sys/vm/drop_caches")
KIBIBYTE, MEBIBYTE = 2**10, 2**20


@dataclass(frozen=True)
class Usage:
    """What one process took: wall time, the most memory it held, and how it ended."""

    seconds: float
    peak_mib: float
    exit_code: int


def machine() -> dict[str, Any]:
    """Return processor, cores that this process may use, memory, GPUs, versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    fields = dict(line.split("\t:", 1) for line in lines if "\t:" in line)
    names = {name.strip(): value.strip() for name, value in fields.items()}
    flags = set(names.get("flags", "").split())
    return {
        "processor": names.get("model name", platform.processor()),
        "cores": len(os.sched_getaffinity(0)),
        "instruction_sets": [name for name in INSTRUCTION_SETS if name in flags],
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "gpus": gpus(),
        "python": platform.python_version(),
        "versions": versions(),
        "load_before": os.getloadavg()[0],
    }


def gpus() -> list[str]:
    """Return names of NVIDIA's GPUs, as the driver's own program tells them; empty without one."""
    try:
        command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        found = subprocess.run(command, capture_output=True, text=True, check=True)
        return found.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return []


def versions() -> dict[str, str]:
    """Return versions of the packages that matter, of those installed."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def use_threads(count: int) -> None:
    """Bind this process, and those it starts, to the first `count` of its processors.

    In time before any library has started its threads. Where a GPU does the work, nothing is bound.
    """
    if gpus() and os.environ.get("JAX_PLATFORMS") != "cpu":
        return
    processors = sorted(os.sched_getaffinity(0))
    if count > len(processors):
        raise SystemExit(f"{count} threads are asked for and there are {len(processors)} cores")
    os.sched_setaffinity(0, processors[:count])


def limit_instruction_sets(widest: str | None) -> None:
    """Hold this process, and those it starts, to "avx2" or "avx512"; None: to nothing.

    In time before any library has computed anything. ONNX Runtime cannot be held to one.
    """
    if widest is None:
        return
    xla = {"avx2": "AVX2", "avx512": "AVX512"}[widest]
    onednn = {"avx2": "AVX2", "avx512": "AVX512_CORE"}[widest]
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_max_isa={xla}"
    os.environ["BRAINFCN_MAX_ISA"] = widest
    os.environ["DNNL_MAX_CPU_ISA"] = os.environ["ONEDNN_MAX_CPU_ISA"] = onednn
    os.environ["ATEN_CPU_CAPABILITY"] = widest


def seconds(run: Callable[[], object]) -> float:
    """Return the time of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleaved_medians(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each run: all take turns, after one round that warms up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            time.sleep(PAUSE_SECONDS)
            took = seconds(run)
            if repeat:
                times[name].append(took)
    return {name: statistics.median(values) for name, values in times.items()}


def run_process(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command to its end; what it prints is dropped, its errors are shown."""
    start, variables = time.perf_counter(), {**os.environ, **(environment or {})}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=variables) as process:
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    return Usage(took, usage.ru_maxrss * KIBIBYTE / MEBIBYTE, process.returncode)


def checked(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Usage:
    """Run a command as `run_process` does; end this program when it fails."""
    usage = run_process(command, environment)
    if usage.exit_code:
        raise SystemExit(f"{' '.join(command)} ended with {usage.exit_code}")
    return usage


def own_peak_mib() -> float:
    """Return the most memory that this process held; no process that it starts shows less."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE / MEBIBYTE


def forget_files() -> bool:
    """Have the system drop the files that it keeps in memory; False where it is not allowed."""
    os.sync()
    try:
        DROP_CACHES.write_text("3\n")
    except OSError:
        return False
    return True


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows of the same keys as a Markdown table; numbers with three significant digits."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    lines += ["| " + " | ".join(_cell(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.1e}" if 0 < abs(value) < 0.001 else f"{value:.4g}"
    return "" if value is None else str(value)


def write_results(path: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Print each table under its title and writes all, with the machine, as JSON.

    An older file is replaced.
    """
    described = machine()
    print(json.dumps(described))
    for title, rows in tables.items():
        print(f"\n{title}\n\n{table(rows)}")
    Path(path).write_text(json.dumps({"machine": described, **tables}, indent=1) + "\n")
