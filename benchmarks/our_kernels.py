"""Which of our convolutions a benchmark runs, by flag, and how its tables call them."""

import jax
from absl import flags

from brainfcn_jax.network import kernels

_KERNELS = flags.DEFINE_enum(
    "kernels", None, ["xla", "vector", "tiles"], "Our convolutions; the fastest here unless given."
)
MAX_ISA = flags.DEFINE_enum(
    "max_isa", None, ["avx2", "avx512"], "Widest instruction set of all that can be held to one."
)


def chosen_kernels(precision: str) -> str:
    """The kernels of the flag, or the fastest; XLA's where those of the flag lack the precision.

    Ends the program where this processor lacks them.
    """
    asked = _KERNELS.value
    if asked is None:
        return kernels.fastest(precision)
    if asked not in kernels.usable("float32"):
        raise SystemExit(f"there are no kernels for {asked} here, only {kernels.usable('float32')}")
    return asked if asked in kernels.usable(precision) else "xla"


def bfloat16_is_fast() -> bool:
    """Whether it is not emulated here; a step of training takes minutes where it is."""
    return jax.default_backend() != "cpu" or chosen_kernels("bfloat16") == "tiles"


def described(name: str) -> str:
    """Kernels as a table calls them: the vectors' with their instruction set."""
    return f"vector {kernels.vector_instruction_set()}" if name == "vector" else name
