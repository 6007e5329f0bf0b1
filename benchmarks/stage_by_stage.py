"""Where the time of labelling one scan goes, step by step, and each layer against the machine.

    python benchmarks/stage_by_stage.py --scan=FOLDER/head_256x256x256.nii.gz --out=FILE.json

Reads, labels, scores and writes the scan with the tool's own functions, one step after the other
in this process, everything compiled before (an unmeasured first run, whose labels then serve as
the reference of the measures). Each function in `STEPS` is timed without those it calls that are
in `STEPS` too. Beside each step stands its share of the network's time. Then every layer is timed
alone on the scan's own size, with the convolutions of `--kernels`, and compared with a large matrix
product of the same run. Scans are
made by `benchmark_scans.py`.
"""

import functools
import importlib
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

import jax
import layer_limits
import measuring
from absl import app, flags
from our_kernels import MAX_ISA, chosen_kernels, described

from brainfcn_jax.cohort.plan import plan_files
from brainfcn_jax.cohort.steps import OpenModel, open_model
from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.inference.brain import find_brain
from brainfcn_jax.inference.network_input import prepare
from brainfcn_jax.inference.prediction import BATCH_SLICES, network_of, padded_windows
from brainfcn_jax.network.kernels import fastest
from brainfcn_jax.network.shipped_models import DEFAULT_MODEL, SHIPPED_MODELS
from brainfcn_jax.results.settings import SegmentationSettings
from brainfcn_jax.runtime.jax_environment import prepare_jax

_SCAN = flags.DEFINE_string("scan", None, "The scan.", required=True)
_MODEL = flags.DEFINE_enum("model", DEFAULT_MODEL, list(SHIPPED_MODELS), "Shipped model.")
_THREADS = flags.DEFINE_integer("threads", 2, "Cores.", 1)
_REPEATS = flags.DEFINE_integer("repeats", 3, "Timed runs.", 1)
_OUT = flags.DEFINE_string("out", None, "JSON file for the numbers.", required=True)

READING, SEGMENTATION = "brainfcn_jax.cohort.steps", "brainfcn_jax.inference.segmentation"
MEASURING, WRITING = "brainfcn_jax.inference.segmented_scan", "brainfcn_jax.results.writing"
INPUT = "brainfcn_jax.inference.network_input"
NETWORK = "network, with stacking"
STEPS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "reading": ((READING, "load_scan"), (READING, "load_codes")),
    "equalising": ((INPUT, "equalise_volume"), (INPUT, "find_head_threshold")),
    "resampling to the network's grid": ((INPUT, "resample"),),
    "cropping, histograms": ((SEGMENTATION, "prepare"),),
    "finding the brain": ((SEGMENTATION, "find_brain"),),
    NETWORK: ((SEGMENTATION, "predict"),),
    "post-processing": ((SEGMENTATION, "clean_labels"),),
    "resampling to the scan's grid": ((SEGMENTATION, "scan_maps"), (SEGMENTATION, "scan_labels")),
    "volumes, quality, warnings": (
        (MEASURING, "volume_table"),
        (MEASURING, "assess"),
        (MEASURING, "looks_skull_stripped"),
        (MEASURING, "modality_warnings"),
    ),
    "measures against a reference": ((READING, "reference_scores"),),
    "picture and page": ((WRITING, "write_pages"),),
    "writing all else": ((WRITING, "write_results"),),
}
"""What is timed, by module and name: where the function is looked up when it is called."""


class Clock:
    """Seconds of each step, less those of the steps within it; each thread has its own stack."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self._local = threading.local()

    def timed(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, counted under `step`; arrays that it gives are waited for."""

        @functools.wraps(function)
        def run(*arguments: Any, **named: Any) -> Any:
            inner = self._local.__dict__.setdefault("inner", [])
            inner.append(0.0)
            start = time.perf_counter()
            try:
                return jax.block_until_ready(function(*arguments, **named))
            finally:
                took = time.perf_counter() - start
                self.seconds[step] += took - inner.pop()
                if inner:
                    inner[-1] += took

        return run


@contextmanager
def clocked() -> Iterator[Clock]:
    """All functions of `STEPS` timed by one clock."""
    clock = Clock()
    with ExitStack() as stack:
        for step, functions in STEPS.items():
            for module_name, name in functions:
                module = importlib.import_module(module_name)
                timed = clock.timed(step, getattr(module, name))
                stack.enter_context(mock.patch.object(module, name, timed))
        yield clock


def run_once(
    opened: OpenModel, settings: SegmentationSettings, out_dir: Path, reference: Path | None
) -> Path:
    """The whole way of the scan; gives the label map's path."""
    steps, writing = map(importlib.import_module, (READING, WRITING))  # where they are timed
    references = [] if reference is None else [str(reference)]
    (planned,) = plan_files([_SCAN.value], references, str(out_dir))
    results = steps.segment_read(steps.read_planned(planned, settings), opened, settings)
    writing.write_results(results, settings)
    return planned.outputs.label_map


def step_rows(opened: OpenModel, settings: SegmentationSettings) -> list[dict[str, Any]]:
    """Medians of each step over the repeats, after one run that compiles."""
    runs: list[dict[str, float]] = []
    with TemporaryDirectory() as folder:
        reference = run_once(opened, settings, Path(folder) / "first", None)
        run_once(opened, settings, Path(folder) / "second", reference)
        for number in range(_REPEATS.value):
            with clocked() as clock:
                whole = measuring.seconds(
                    functools.partial(
                        run_once, opened, settings, Path(folder) / str(number), reference
                    )
                )
            rest = {"all else": whole - sum(clock.seconds.values()), "together": whole}
            runs.append(clock.seconds | rest)
    medians = {step: statistics.median(run[step] for run in runs) for step in runs[0]}
    return [
        {"step": step, "seconds": took, "of the network's time, %": 100 * took / medians[NETWORK]}
        for step, took in medians.items()
    ]


def main(argv: list[str]) -> None:
    """Times, prints and writes."""
    del argv
    measuring.use_threads(_THREADS.value)
    measuring.limit_instruction_sets(MAX_ISA.value)
    prepare_jax()
    settings = SegmentationSettings(_MODEL.value, None, None, "tissues", overwrite=True)
    opened = open_model(settings)
    scan = load_scan(_SCAN.value)
    brain = None if opened.finder is None else find_brain(opened.finder, scan)
    prepared = prepare(scan, opened.model.description, brain)
    window = next(padded_windows(prepared.inside, BATCH_SLICES, 0, BATCH_SLICES))
    shape = (len(window) - 2, *window.shape[1:])
    steps = step_rows(opened, settings)
    network = network_of(opened.model).clone(kernels=chosen_kernels("float32"))
    layers = layer_limits.rows(network, shape, _REPEATS.value)
    apart = [
        {
            "slices through the network": len(prepared.inside),
            "ms a slice, all layers alone": sum(row["ms a slice"] or 0 for row in layers),
            "ms a slice, whole network": 1000 * steps_of(steps, NETWORK) / len(prepared.inside),
        }
    ]
    name = Path(_SCAN.value).name
    size = "x".join(str(n) for n in shape)
    measuring.write_results(
        _OUT.value,
        {
            f"Steps of {name}, {_THREADS.value} cores, {described(fastest('float32'))}": steps,
            f"Layers on {size}, {network.precision}, {described(network.kernels)}": layers,
            "Together": apart,
        },
    )


def steps_of(steps: list[dict[str, Any]], name: str) -> float:
    """Seconds of one step."""
    return next(row["seconds"] for row in steps if row["step"] == name)


if __name__ == "__main__":
    app.run(main)
