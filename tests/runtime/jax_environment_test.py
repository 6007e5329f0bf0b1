"""JAX takes the processors that it is given, GPU memory as needed, and a folder for programs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from brainfcn_jax.runtime.jax_environment import allowed_cpus, jax_variables

ALWAYS = {
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
}

XLA_THREADS = """
import os
from brainfcn_jax.runtime.jax_environment import prepare_jax
{before}
prepare_jax()
import jax
jax.numpy.ones(4).sum().block_until_ready()
tasks = [open(f"/proc/self/task/{{task}}/comm").read() for task in os.listdir("/proc/self/task")]
print(sum("XLAEigen" in name for name in tasks))
"""


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {}),
        ({"SLURM_CPUS_PER_TASK": "4"}, {"PJRT_NPROC": "4"}),
        ({"SLURM_CPUS_PER_TASK": "8"}, {}),
        ({"SLURM_CPUS_PER_TASK": "64"}, {}),
        ({"SLURM_CPUS_PER_TASK": "0"}, {}),
        ({"SLURM_CPUS_PER_TASK": "4(x2)"}, {}),
        ({"SLURM_CPUS_PER_TASK": "4", "PJRT_NPROC": "6"}, {}),
        ({"SLURM_CPUS_PER_TASK": "4", "NPROC": "6"}, {}),
    ],
)
def test_threads_follow_slurm_unless_the_user_says_otherwise(
    environment: dict[str, str], expected: dict[str, str]
) -> None:
    assert jax_variables(environment, 8, programs=None) == {**ALWAYS, **expected}


@pytest.mark.parametrize("name", ALWAYS)
def test_what_the_user_set_stays(name: str) -> None:
    assert name not in jax_variables({name: "theirs"}, 8, programs=None)


def test_compiled_programs_are_kept_in_the_folder() -> None:
    variables = jax_variables({}, 8, programs=Path("/cache"))
    assert variables == {**ALWAYS, "JAX_COMPILATION_CACHE_DIR": "/cache"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted on Linux")
@pytest.mark.skipif(allowed_cpus() < 2, reason="one processor leaves nothing to share")
@pytest.mark.parametrize(
    ("before", "variables"),
    [
        ("os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])", {}),
        ("", {"SLURM_CPUS_PER_TASK": "1"}),
    ],
    ids=["bound to one processor", "allotted one processor"],
)
def test_xla_runs_one_thread_on_one_processor(before: str, variables: dict[str, str]) -> None:
    told = {"PJRT_NPROC", "NPROC", "XLA_FLAGS"}  # the tests ask for eight devices
    inherited = {name: value for name, value in os.environ.items() if name not in told}
    environment = {**inherited, "SLURM_CPUS_PER_TASK": "", **variables}
    command = [sys.executable, "-c", XLA_THREADS.format(before=before)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert int(run.stdout) == 1
