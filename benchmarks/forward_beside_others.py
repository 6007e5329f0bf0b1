"""The forward pass of one batch of slices beside PyTorch, ONNX Runtime and OpenVINO.

    python benchmarks/forward_beside_others.py --stages=4 --out=forward4.json
    python benchmarks/forward_beside_others.py --stages=5 --out=forward5.json

Needs `.[benchmarks]`. All get the same parameters and slices and are told to compute in float32 on
`--threads` threads; the others get the network both as published and with its linear layers folded,
channels last where they can choose. Runs take turns; medians. Beside the time stand the largest
difference of a class score from PyTorch's in float64, and the share of voxels labelled as float32
direct convolutions (PyTorch's, the published form) label them. Ours takes the convolutions of
`--kernels`, the fastest here unless given, and is also timed with XLA's, and in bfloat16 where
that is not emulated; `--max_isa` holds all but ONNX Runtime to AVX2 or AVX-512. On a GPU, PyTorch
alone is beside ours, in both precisions (float32 as each library has it by default). On a CPU it
ends with 1 when a class score of ours in float32 is 1e-3 or more away from the direct convolutions,
or fewer than 99.99% of voxels are labelled alike.
"""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import measuring
import numpy as np
import torch
from absl import app, flags
from jaxtyping import Float32
from our_kernels import MAX_ISA, bfloat16_is_fast, chosen_kernels, described
from slice_batch import chosen_model, middle_slices
from torch_network import FORMS, TorchNetwork, torch_images

from brainfcn_jax.inference.prediction import network_of
from brainfcn_jax.network.fcn import packed_kernels
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.runtime.jax_environment import prepare_jax

_STAGES = flags.DEFINE_integer("stages", 4, "Stages of the network.", 4, 5)
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file; the shipped one unless given.")
_SCAN = flags.DEFINE_string("scan", None, "Scan to take slices of; the demo's unless given.")
_SLICES = flags.DEFINE_integer("slices", 4, "Slices in the batch.", 1)
_SIZE = flags.DEFINE_integer("size", 240, "Height and width of a slice.", 16)
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of each library.", 1)
_REPEATS = flags.DEFINE_integer("repeats", 9, "Timed runs of each.", 1)
_OUT = flags.DEFINE_string("out", None, "JSON file for the numbers.", required=True)

Scores = Float32[np.ndarray, "slice height width classes"]
Run = Callable[[], Any]
"""Computes the class scores and waits for them; they may be anywhere, in any order of axes."""

REFERENCE = "PyTorch eager float32, published"
ALLOWED_DIFFERENCE, ASKED_IDENTICAL = 1e-3, 0.9999
CALLS = {"vector": "brainfcn_convolve_vector", "tiles": "brainfcn_convolve"}


def our_name(precision: str, kernels: str) -> str:
    """What a table calls our run."""
    return f"ours {precision}, {described(kernels)}"


def our_run(model: Model, stacks: Scores, precision: str, kernels: str) -> Run:
    """The network as inference uses it, compiled."""
    network = network_of(model).clone(precision=precision, kernels=kernels)
    params, images = jax.device_put((model.params, stacks))
    packed = jax.jit(functools.partial(packed_kernels, network))(params)
    traced = jax.jit(lambda params, packed, x: network.apply({"params": params}, x, packed)[0])
    compiled = traced.lower(params, packed, images).compile()
    calls = {name for name, call in CALLS.items() if f'"{call}"' in compiled.as_text()}
    assert calls == {kernels} - {"xla"}, (calls, kernels)
    return lambda: jax.block_until_ready(compiled(params, packed, images))


def torch_run(network: torch.nn.Module, images: torch.Tensor) -> Run:
    """PyTorch's run, on the device of the images."""

    def run() -> torch.Tensor:
        with torch.inference_mode():
            scores = network(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        return scores

    return run


def torch_runs(model: Model, stacks: Scores, precision: str) -> dict[str, Run]:
    """PyTorch eager and compiled, in both forms."""
    device = "cuda" if jax.default_backend() == "gpu" else "cpu"
    dtype = getattr(torch, precision)
    images = torch_images(stacks).to(device, dtype)
    # Weights are constants for the compiler on the CPU, and launches are recorded on the GPU.
    best = {"mode": "reduce-overhead"} if device == "cuda" else {"options": {"freezing": True}}
    runs = {}
    for form in FORMS:
        network = torch_network(model, form).to(device, dtype)
        runs[f"PyTorch eager {precision}, {form}"] = torch_run(network, images)
        compiled = torch.compile(network, **best)
        runs[f"torch.compile {precision}, {form}"] = torch_run(compiled, images)
    return runs


def torch_network(model: Model, form: str) -> torch.nn.Module:
    """The model in PyTorch, for inference, kernels channels last in memory."""
    network = TorchNetwork(model.params, model.description.stages, form).eval()
    return network.requires_grad_(False).to(memory_format=torch.channels_last)


def onnx_runs(model: Model, stacks: Scores, form: str, folder: Path) -> dict[str, Run]:
    """ONNX Runtime and OpenVINO, from one file."""
    path = folder / f"{form}.onnx"
    network = TorchNetwork(model.params, model.description.stages, form).eval()
    example = torch_images(stacks).contiguous()
    torch.onnx.export(network, (example,), path, dynamo=True, verbose=False)
    return {
        f"ONNX Runtime float32, {form}": onnxruntime_run(path, example.numpy()),
        f"OpenVINO float32, {form}": openvino_run(path, example.numpy()),
    }


def onnxruntime_run(path: Path, images: np.ndarray) -> Run:
    """ONNX Runtime's run on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = _THREADS.value, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (name,) = (value.name for value in session.get_inputs())
    return lambda: session.run(None, {name: images})[0]


def openvino_run(path: Path, images: np.ndarray) -> Run:
    """OpenVINO's run on the CPU, held to float32 (it would take bfloat16 where it can)."""
    # Else importing it reports that over the network, from a fork of this process.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": _THREADS.value,
    }
    compiled = openvino.Core().compile_model(path, "CPU", settings)
    request = compiled.create_infer_request()
    return lambda: request.infer([images], share_inputs=True, share_outputs=True)[0]


def all_runs(model: Model, stacks: Scores, folder: Path) -> dict[str, Run]:
    """Every run by its name; ours in float32 with the chosen kernels first."""
    ours = [("float32", chosen_kernels("float32"))]
    if ours[0][1] != "xla":
        ours.append(("float32", "xla"))
    if bfloat16_is_fast():
        ours.append(("bfloat16", chosen_kernels("bfloat16")))
    runs = {our_name(*way): our_run(model, stacks, *way) for way in ours}
    runs |= torch_runs(model, stacks, "float32")
    if jax.default_backend() == "gpu":
        print("on a GPU: ONNX Runtime and OpenVINO, which run on the CPU here, are left out")
        return runs | torch_runs(model, stacks, "bfloat16")
    for form in FORMS:
        runs |= onnx_runs(model, stacks, form, folder)
    return runs


def scores_of(name: str, run: Run) -> Scores:
    """What a run computes, as ours orders it."""
    found = run()
    if isinstance(found, torch.Tensor):
        found = found.float().cpu().numpy()
    found = np.array(found, np.float32)
    return found if name.startswith("ours") else np.moveaxis(found, 1, -1)


def exact_scores(model: Model, stacks: Scores) -> Float32[np.ndarray, "slice height width classes"]:
    """The published form in float64."""
    network = TorchNetwork(model.params, model.description.stages).double().eval()
    with torch.inference_mode():
        return np.moveaxis(network(torch_images(stacks).double()).numpy(), 1, -1)


def rows_of(
    found: dict[str, Scores], medians: dict[str, float], exact: np.ndarray, ours: str
) -> list[dict[str, Any]]:
    """A row for each run."""
    labels = found[REFERENCE].argmax(-1)
    return [
        {
            "forward pass": name,
            "ms a slice": 1000 * seconds / _SLICES.value,
            "times as long as ours": seconds / medians[ours],
            "largest difference from float64": float(np.abs(found[name] - exact).max()),
            "same labels, %": 100 * float(np.mean(found[name].argmax(-1) == labels)),
        }
        for name, seconds in medians.items()
    ]


def main(argv: list[str]) -> int:
    """Compares, times, prints and writes."""
    del argv
    measuring.use_threads(_THREADS.value)
    measuring.limit_instruction_sets(MAX_ISA.value)
    prepare_jax()
    torch.set_num_threads(_THREADS.value)
    model = chosen_model(_STAGES.value, _WEIGHTS.value)
    stacks = middle_slices(model, _SCAN.value, _SLICES.value, _SIZE.value, _SIZE.value)
    with TemporaryDirectory() as folder:
        runs = all_runs(model, stacks, Path(folder))
        found = {name: scores_of(name, run) for name, run in runs.items()}
        medians = measuring.interleaved_medians(runs, _REPEATS.value)
    ours = our_name("float32", chosen_kernels("float32"))
    rows = rows_of(found, medians, exact_scores(model, stacks), ours)
    difference = float(np.abs(found[ours] - found[REFERENCE]).max())
    identical = float(np.mean(found[ours].argmax(-1) == found[REFERENCE].argmax(-1)))
    rivals = {n: s for n, s in medians.items() if not n.startswith("ours") and "float32" in n}
    fastest = min(rivals, key=lambda name: rivals[name])
    verdict = {
        "fastest other in float32": fastest,
        "ours is faster by": rivals[fastest] / medians[ours],
        "largest difference from direct float32": difference,
        "same labels, %": 100 * identical,
    }
    title = f"{_STAGES.value} stages, {_SLICES.value} slices of {_SIZE.value}x{_SIZE.value}"
    title += f", at most {MAX_ISA.value}" if MAX_ISA.value else ""
    measuring.write_results(
        _OUT.value, {f"{title}, {_THREADS.value} threads": rows, "Verdict": [verdict]}
    )
    wrong = difference >= ALLOWED_DIFFERENCE or identical < ASKED_IDENTICAL
    return int(wrong and jax.default_backend() == "cpu")


if __name__ == "__main__":
    app.run(main)
