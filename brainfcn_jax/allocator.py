"""How the C library handles memory that was freed: kept for the next array."""

import ctypes
import sys
from collections.abc import Mapping

KEPT_BYTES = 2**31 - 1
LARGEST_KEPT = 2**30
"""Larger arrays go back to the system at once."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
"""glibc's numbers, from malloc.h."""

CHOSEN_BY_USER = ("MALLOC_", "GLIBC_TUNABLES")


def keep_freed_memory(environment: Mapping[str, str]) -> bool:
    """Has this process keep freed memory for its next arrays; says whether it could.

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
