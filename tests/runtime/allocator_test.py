"""Large arrays get memory that the process already has."""

import ctypes
import subprocess
import sys

import pytest

from brainfcn_jax.runtime.jax_environment import keep_freed_memory

FAULTS = """
import os, resource, sys
import numpy as np
from brainfcn_jax.runtime.jax_environment import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory({}):
    sys.exit("refused")
pages = 0
for _ in range(10):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**25, np.uint8)
    pages = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(pages)
"""
WITH_GLIBC = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")


@pytest.mark.skipif(not WITH_GLIBC, reason="glibc only")
def test_an_array_as_large_as_a_freed_one_needs_no_new_pages() -> None:
    pages = {}
    for choice in ("keep", "leave"):
        command = [sys.executable, "-c", FAULTS, choice]
        run = subprocess.run(command, capture_output=True, text=True)
        if "refused" in run.stderr:
            pytest.skip("this glibc is too old")
        pages[choice] = int(run.stdout)
    assert pages["keep"] < pages["leave"] / 10


@pytest.mark.parametrize("name", ["MALLOC_ARENA_MAX", "GLIBC_TUNABLES"])
def test_the_users_choice_stays(name: str) -> None:
    assert not keep_freed_memory({name: "1"})
