"""Where JAX keeps the programs it has compiled, so that the next run need not compile them again.

The folder lies in the user's own cache and is named after JAX's version and the processor: what is
compiled for one processor need not run on another that shares the home folder.
"""

import contextlib
import hashlib
import platform
from importlib import metadata
from pathlib import Path

from platformdirs import user_cache_path

LARGEST_BYTES = 512 * 2**20
"""The oldest programs are deleted when all take more than this; one takes about 100 kB."""

_PROCESSOR_FEATURES = ("flags", "Features")
"""How /proc/cpuinfo calls a processor's instruction sets, on x86 and on Arm."""


def program_folder() -> Path | None:
    """The folder for compiled programs, made if need be; None where there can be none.

    Only its owner may enter: what lies in it is run. Programs of other processors or versions of
    JAX count in its size as well.
    """
    try:
        programs = user_cache_path("brainfcn_jax") / "programs"
        folder = programs / f"jax-{metadata.version('jax')}-{processor_digest()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        programs.chmod(0o700)
    except (OSError, RuntimeError):  # RuntimeError: the user has no home folder
        return None
    with contextlib.suppress(OSError):  # another run may delete the same
        delete_oldest(programs, LARGEST_BYTES)
    return folder


def processor_digest() -> str:
    """Twelve digits that tell processors with different instruction sets apart."""
    kind = [platform.system(), platform.machine(), platform.processor()]
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        kind += [next((line for line in lines if line.startswith(_PROCESSOR_FEATURES)), "")]
    return hashlib.sha256("\n".join(kind).encode()).hexdigest()[:12]


def delete_oldest(folder: Path, largest_bytes: int) -> None:
    """Deletes the files that were written first, until all take `largest_bytes` or fewer."""
    files = [(path, path.stat()) for path in folder.rglob("*") if path.is_file()]
    total = sum(status.st_size for _, status in files)
    for path, status in sorted(files, key=lambda file: file[1].st_mtime):
        if total <= largest_bytes:
            return
        path.unlink(missing_ok=True)
        total -= status.st_size
