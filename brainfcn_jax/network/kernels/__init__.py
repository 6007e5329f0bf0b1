"""Compiled CPU convolutions, loaded as XLA FFI calls where they can run.

"vector" are float32 convolutions for processors with AVX-512, AVX2 or NEON; "tiles" are bfloat16
and float32 convolutions for processors with AMX tiles. They are built with the package (setup.py)
when a C++ compiler is at hand; "xla" are XLA's own convolutions, which run everywhere, slower.
"""

import ctypes
import functools
import os
import pathlib
import platform
import sys
from importlib import machinery

import jax

from brainfcn_jax.errors import UsageError
from brainfcn_jax.runtime.messages import warn

LIMIT = "BRAINFCN_MAX_ISA"
"""Environment variable: the widest instruction set that may be used, one of `LIMITS`."""

LIMITS = ("", "avx2", "avx512")

TILE_CPU_FLAGS = frozenset(
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
_TILE_CALLS = ("brainfcn_convolve", "brainfcn_kernel_gradient")
_VECTOR_CALLS = (
    "brainfcn_pack_vector",
    "brainfcn_convolve_vector",
    "brainfcn_kernel_gradient_vector",
)
_SYSTEMS, _MACHINES = ("linux", "darwin"), ("x86_64", "AMD64", "aarch64", "arm64")
_CPU_INFO = pathlib.Path("/proc/cpuinfo")


def fastest(precision: str) -> str:
    """Return the kernels that are fastest for "float32" or "bfloat16" on JAX's default device."""
    if jax.default_backend() != "cpu":
        return "xla"
    if tiles_usable():
        return "tiles"
    return "vector" if precision == "float32" and vector_instruction_set() else "xla"


def bfloat16_is_fast() -> bool:
    """Return whether products in bfloat16 are fast on JAX's default device, and not emulated.

    They are on GPUs, TPUs and processors with AMX tiles.
    """
    return jax.default_backend() != "cpu" or tiles_usable()


def usable(precision: str) -> tuple[str, ...]:
    """Return all kernels that this process's CPU can run in a precision."""
    found = ["xla"]
    found += ["vector"] if precision == "float32" and vector_instruction_set() else []
    found += ["tiles"] if tiles_usable() else []
    return tuple(found)


@functools.cache
def vector_instruction_set() -> str | None:
    """Load the vector kernels at the first call: "avx512", "avx2", "neon", or None without them.

    Raises UsageError where the limit in the environment is no instruction set of these kernels.
    """
    library = _load("_vector", _VECTOR_CALLS)
    if library is None:
        return None
    limit = os.environ.get(LIMIT, "")
    library.brainfcn_choose_vectors.restype = ctypes.c_char_p
    library.brainfcn_packed_size.restype = ctypes.c_int64
    library.brainfcn_packed_size.argtypes = [ctypes.c_int64, ctypes.c_int64]
    name: bytes | None = library.brainfcn_choose_vectors(limit.encode())
    if name is None and limit not in LIMITS:
        raise UsageError(
            f"{LIMIT} is '{limit}', and there are no such kernels; take 'avx2' or 'avx512', or "
            "unset it"
        )
    return None if name is None else name.decode()


def packed_size(channels_in: int, channels_out: int) -> int:
    """Return numbers in a kernel that is packed for the vector kernels."""
    assert vector_instruction_set() is not None
    library = _load("_vector", _VECTOR_CALLS)
    assert library is not None
    return int(library.brainfcn_packed_size(channels_in, channels_out))


@functools.cache
def tiles_usable() -> bool:
    """Load the kernels for AMX tiles at the first call; return whether they can be used."""
    if os.environ.get(LIMIT) or not _CPU_INFO.exists():
        return False
    if not TILE_CPU_FLAGS <= cpu_flags(_CPU_INFO.read_text()):
        return False
    library = _load("_tiles", _TILE_CALLS)
    if library is not None and library.brainfcn_request_tiles() != 0:
        return False
    return library is not None


def cpu_flags(cpu_info: str) -> frozenset[str]:
    """Return instruction sets in the text of Linux's /proc/cpuinfo."""
    for line in cpu_info.splitlines():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


@functools.cache
def _warn_of_missing() -> None:
    """Warn once that kernels are missing, where setup.py can build some."""
    if sys.platform in _SYSTEMS and platform.machine() in _MACHINES:
        warn(
            "the kernels for this processor are not built, and XLA's convolutions are used, which "
            "are several times slower; `pip install -e .` builds them where there is a C++ compiler"
        )


@functools.cache
def _load(name: str, calls: tuple[str, ...]) -> ctypes.CDLL | None:
    """Return a library with its calls registered; None, and a warning, where it cannot be used."""
    path = pathlib.Path(__file__).with_name(name + machinery.EXTENSION_SUFFIXES[0])
    if not path.exists():
        _warn_of_missing()
        return None
    try:
        library = ctypes.CDLL(str(path))
        for call in calls:
            capsule = jax.ffi.pycapsule(getattr(library, call))
            jax.ffi.register_ffi_target(call, capsule, platform="cpu")
    except (OSError, AttributeError, jax.errors.JaxRuntimeError) as error:
        warn(f"the kernels in '{path}' are left unused: {error}")
        return None
    return library
