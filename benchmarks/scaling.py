"""How time and memory of labelling a volume grow with its slices, their size, batch and threads.

    python benchmarks/scaling.py --out=scaling.json

From an equalised volume to labels (`predict`), compiled before, each setting in a process of its
own. What is not varied is 48 slices of 240x240, 8 at once, on as many threads as are the most.
Peak memory is the largest resident set of the process, compilation included. A line is fitted to
the times over the slices; R^2 says how straight it is.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import measuring
import numpy as np
from absl import app, flags

_SLICES = flags.DEFINE_list("slices", ["24", "48", "96", "144", "192"], "Slices of a volume.")
_SIZES = flags.DEFINE_list("sizes", ["128", "192", "256", "384", "512"], "Height and width.")
_BATCHES = flags.DEFINE_list("batches", ["1", "2", "4", "8", "16"], "Slices at once.")
_THREADS = flags.DEFINE_list("threads", ["1", "2"], "Cores.")
_STANDARD = flags.DEFINE_integer("standard_slices", 48, "Slices where they are not varied.", 1)
_STANDARD_SIZE = flags.DEFINE_integer("standard_size", 240, "Size where it is not varied.", 16)
_REPEATS = flags.DEFINE_integer("repeats", 1, "Timed runs of each.", 1)
_OUT = flags.DEFINE_string("out", None, "JSON file for the numbers.", required=True)

STANDARD_BATCH = 8
ROOT = Path(__file__).parents[1]


def measured(**setting: int) -> dict[str, Any]:
    """One row: the setting, time and memory; what is not given is as usual."""
    usual = {
        "slices": _STANDARD.value,
        "size": _STANDARD_SIZE.value,
        "batch": STANDARD_BATCH,
        "threads": max(int(count) for count in _THREADS.value),
    }
    values = usual | setting
    command = [sys.executable, str(ROOT / "benchmarks" / "one_prediction.py")]
    command += [f"--{name}={values[name]}" for name in ("slices", "batch", "threads")]
    command += [f"--{name}={values['size']}" for name in ("height", "width")]
    usage = measuring.run_process(
        [*command, f"--repeats={_REPEATS.value}"], {"PYTHONPATH": str(ROOT)}
    )
    if usage.exit_code:
        raise SystemExit(f"{' '.join(command)} ended with {usage.exit_code}")
    told = json.loads(usage.printed.splitlines()[-1])
    row = {
        **values,
        "seconds": told["seconds"],
        "ms a slice": 1000 * told["seconds"] / values["slices"],
        "peak MiB": usage.peak_mib,
        "peak MiB on the device": told["device MiB"],
    }
    print(row, flush=True)
    return row


def line(rows: Sequence[Mapping[str, Any]], of: str) -> dict[str, Any]:
    """The straight line of a column over the slices."""
    slices = np.array([row["slices"] for row in rows], float)
    values = np.array([row[of] for row in rows], float)
    slope, start = np.polyfit(slices, values, 1)
    rest = values - (slope * slices + start)
    spread = values - values.mean()
    return {
        "fitted": of,
        "for each slice": float(slope),
        "at none": float(start),
        "R^2": float(1 - rest @ rest / max(spread @ spread, np.finfo(float).tiny)),
        "largest deviation": float(np.abs(rest).max()),
    }


def main(argv: list[str]) -> None:
    """Runs every setting, prints and writes."""
    del argv
    by_slices = [measured(slices=int(count)) for count in _SLICES.value]
    tables = {
        "Slices": by_slices,
        "Straight lines over the slices": [line(by_slices, "seconds"), line(by_slices, "peak MiB")],
        "Size of a slice": [measured(size=int(size)) for size in _SIZES.value],
        "Slices at once": [measured(batch=int(batch)) for batch in _BATCHES.value],
        "Threads": [measured(threads=int(count)) for count in _THREADS.value],
    }
    measuring.write_results(_OUT.value, tables)


if __name__ == "__main__":
    app.run(main)
