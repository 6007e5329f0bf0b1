"""The precision that a run computes in: as its config says, or what is fast where it runs."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from brainfcn_jax.network import kernels
from brainfcn_jax.runtime.messages import warn
from brainfcn_jax.training.processes import from_first, is_first
from brainfcn_jax.training.run_folder import recorded_setting
from brainfcn_jax.training.settings import Settings

PRECISIONS: tuple[Literal["float32", "bfloat16"], ...] = ("float32", "bfloat16")


def with_precision(settings: Settings, folder: Path) -> Settings:
    """Return the settings with "float32" or "bfloat16" for "auto", the same in all processes.

    A run that is already in the folder goes on in its own; a new one takes bfloat16 where that is
    fast for the first process. One line warns where bfloat16 is emulated.
    """
    chosen: str = settings.network.precision
    if is_first():
        if chosen == "auto":
            recorded = recorded_setting(folder, "network.precision")
            fastest = "bfloat16" if kernels.bfloat16_is_fast() else "float32"
            chosen = recorded if recorded in PRECISIONS else fastest
        if chosen == "bfloat16" and not kernels.bfloat16_is_fast():
            warn(
                "network.precision is bfloat16, which this processor emulates: steps will take "
                "many times as long as in float32; stop, and start with "
                "--config.network.precision=float32 and another --workdir"
            )
    number = from_first(list[str](PRECISIONS).index(chosen) if is_first() else 0)
    network = replace(settings.network, precision=PRECISIONS[int(number)])
    return replace(settings, network=network)
