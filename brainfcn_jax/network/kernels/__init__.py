"""Compiled CPU kernels for processors with AMX tiles, loaded as XLA FFI calls when they can run.

They are built with the package (setup.py) when a C++ compiler is at hand. Without them, or on
another processor or device, XLA's own convolutions give the same results, slower.
"""

import ctypes
import functools
import pathlib

import jax
from absl import logging

REQUIRED_CPU_FLAGS = frozenset(
    {
        "amx_tile",
        "amx_bf16",
        "avx512f",
        "avx512bw",
        "avx512dq",
        "avx512vl",
        "avx512_bf16",
        "fma",
    }
)
_TARGETS = ("brainfcn_convolve", "brainfcn_kernel_gradient")
_CPU_INFO = pathlib.Path("/proc/cpuinfo")


def cpu_flags(cpu_info: str) -> frozenset[str]:
    """Instruction sets in the text of Linux's /proc/cpuinfo."""
    for line in cpu_info.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


@functools.cache
def available() -> bool:
    """Loads the kernels at the first call; says whether this process can use them."""
    libraries = sorted(pathlib.Path(__file__).parent.glob("_tiles*.so"))
    if not _CPU_INFO.exists() or not REQUIRED_CPU_FLAGS <= cpu_flags(_CPU_INFO.read_text()):
        return False
    if not libraries:
        logging.warning(
            "the kernels for this processor are not built, and XLA's convolutions are used, which "
            "are slower; `pip install -e .` builds them where there is a C++ compiler"
        )
        return False
    try:
        library = ctypes.CDLL(str(libraries[0]))
        if library.brainfcn_request_tiles() != 0:
            logging.info("the operating system does not grant the use of AMX tiles")
            return False
        for name in _TARGETS:
            capsule = jax.ffi.pycapsule(getattr(library, name))
            jax.ffi.register_ffi_target(name, capsule, platform="cpu")
    except (OSError, AttributeError, jax.errors.JaxRuntimeError) as error:
        logging.warning("the kernels in '%s' are left unused: %s", libraries[0], error)
        return False
    return True
