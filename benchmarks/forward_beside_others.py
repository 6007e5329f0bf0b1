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

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jax
import measuring
import networks
import numpy as np
from arguments import Flags
from jaxtyping import Float32

from brainfcn_jax.network.model_file import Model

Scores = Float32[np.ndarray, "slice height width classes"]
Run = Callable[[], Any]
"""Computes the class scores and waits for them."""

REFERENCE = "PyTorch eager float32, published"
ALLOWED_DIFFERENCE, ASKED_IDENTICAL = 1e-3, 0.9999


def our_runs(model: Model, stacks: np.ndarray, asked: str | None) -> dict[str, Run]:
    """Return ours by name: in float32 with the kernels asked for, which come first, and XLA's."""
    ways = [("float32", networks.chosen_kernels(asked, "float32"))]
    if ways[0][1] != "xla":
        ways.append(("float32", "xla"))
    if networks.bfloat16_is_fast(asked):
        ways.append(("bfloat16", networks.chosen_kernels(asked, "bfloat16")))
    return {
        networks.described(precision, kernels): networks.forward(
            networks.network_in(precision, model, kernels), model.params, stacks
        )
        for precision, kernels in ways
    }


def rows_of(
    found: Mapping[str, Scores], medians: Mapping[str, float], exact: np.ndarray, ours: str
) -> list[dict[str, Any]]:
    """Return a row for each run."""
    labels = found[REFERENCE].argmax(-1)
    return [
        {
            "forward pass": name,
            "ms a slice": 1000 * seconds / len(exact),
            "times as long as ours": seconds / medians[ours],
            "largest difference from float64": float(np.abs(found[name] - exact).max()),
            "same labels, %": 100 * float(np.mean(found[name].argmax(-1) == labels)),
        }
        for name, seconds in medians.items()
    ]


def verdict(
    found: Mapping[str, Scores], medians: Mapping[str, float], ours: str
) -> tuple[dict[str, Any], bool]:
    """Return a row on our float32 beside the others', and whether it computes the same."""
    difference = float(np.abs(found[ours] - found[REFERENCE]).max())
    identical = float(np.mean(found[ours].argmax(-1) == found[REFERENCE].argmax(-1)))
    rivals = {n: s for n, s in medians.items() if not n.startswith("ours") and "float32" in n}
    fastest = min(rivals, key=lambda name: rivals[name])
    row = {
        "fastest other in float32": fastest,
        "ours is faster by": rivals[fastest] / medians[ours],
        "largest difference from direct float32": difference,
        "same labels, %": 100 * identical,
    }
    return row, difference < ALLOWED_DIFFERENCE and identical >= ASKED_IDENTICAL


def flags() -> Flags:
    """Return the flags."""
    found = Flags(__doc__)
    found.slices(240, 240)
    found.kernels()
    found.timing(9)
    return found


def main(arguments: Sequence[str]) -> int:
    """Compare, time, print and write; return 1 where ours is not the same on a CPU."""
    import torch
    import torch_peers

    asked = flags().parse_args(arguments)
    networks.prepare(asked)
    torch.set_num_threads(asked.threads)
    model = networks.chosen_model(asked)
    stacks = networks.middle_slices(model, asked)
    runs = our_runs(model, stacks, asked.kernels)
    ours = next(iter(runs))
    others = torch_peers.torch_runs(model, stacks, "float32")
    with TemporaryDirectory() as folder:
        if jax.default_backend() == "gpu":
            print("on a GPU: ONNX Runtime and OpenVINO, which run on the CPU here, are left out")
            others |= torch_peers.torch_runs(model, stacks, "bfloat16")
        else:
            others |= torch_peers.onnx_runs(model, stacks, Path(folder), asked.threads)
        found = {name: np.array(run(), np.float32) for name, run in runs.items()}
        found |= {name: torch_peers.scores_of(run()) for name, run in others.items()}
        medians = measuring.interleaved_medians(runs | others, asked.repeats)
    rows = rows_of(found, medians, torch_peers.exact_scores(model, stacks), ours)
    row, same = verdict(found, medians, ours)
    measuring.write_results(asked.out, {networks.title(asked): rows, "Verdict": [row]})
    return int(not same and jax.default_backend() == "cpu")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
