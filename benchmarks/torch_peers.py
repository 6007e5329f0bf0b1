"""The paper's network in PyTorch, ONNX Runtime and OpenVINO, with the parameters of ours.

It exists in two forms. "published" computes all maps, resizes, concatenates and fuses them;
"folded" is the same function in fewer operations: since fusion, resize and specialised layers are
linear, each stage has one convolution straight to the classes' scores.
"""

import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from brainfcn_jax.network.fcn import VGG16_WIDTHS
from brainfcn_jax.network.model_file import Model

Parameters = Mapping[str, Mapping[str, np.ndarray]]
Run = Callable[[], Any]
FORMS = ("published", "folded")


class TorchNetwork(nn.Module):
    """Class scores (image, class, height, width) of mean-subtracted images (image, 3, ...)."""

    def __init__(self, model: Model, form: str = "published") -> None:
        super().__init__()
        self.stages, self.form = model.description.stages, form
        params = folded(model.params, self.stages) if form == "folded" else model.params
        self.layers = nn.ModuleDict(
            {name: _convolution(layer["kernel"], layer["bias"]) for name, layer in params.items()}
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute the scores."""
        size, special, x = images.shape[2:], [], images
        for stage, widths in enumerate(VGG16_WIDTHS[: self.stages], start=1):
            x = x if stage == 1 else functional.max_pool2d(x, 2)
            for index in range(1, len(widths) + 1):
                x = functional.relu(self.layers[f"conv{stage}_{index}"](x))
            maps = self.layers[f"specialised{stage}"](x)
            resized = functional.interpolate(maps, size, mode="bilinear") if stage > 1 else maps
            special.append(resized)
        if self.form == "folded":
            return functools.reduce(torch.add, special)
        return self.layers["fusion"](torch.cat(special, 1))


def _convolution(kernel: np.ndarray, bias: np.ndarray) -> nn.Conv2d:
    """Make the layer of a (height, width, in, out) kernel, zero-padded to keep the size."""
    height, width, channels_in, channels_out = kernel.shape
    layer = nn.Conv2d(channels_in, channels_out, (height, width), padding=height // 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.asarray(kernel).transpose(3, 2, 0, 1)))
        layer.bias.copy_(torch.tensor(np.asarray(bias)))
    return layer


def folded(params: Parameters, stages: int) -> dict[str, dict[str, np.ndarray]]:
    """Multiply "fusion" into each specialised layer, in float64."""
    kernel = np.asarray(params["fusion"]["kernel"], np.float64)[0, 0]
    shares = np.split(kernel, stages)  # stages x (maps, classes)
    new = {name: dict(layer) for name, layer in params.items() if name != "fusion"}
    for stage, share in enumerate(shares, start=1):
        layer = new[f"specialised{stage}"]
        bias = np.asarray(layer["bias"]) @ share
        bias = bias + np.asarray(params["fusion"]["bias"]) * (stage == 1)
        new[f"specialised{stage}"] = {
            "kernel": (np.asarray(layer["kernel"]) @ share).astype(np.float32),
            "bias": bias.astype(np.float32),
        }
    return new


def device() -> str:
    """Return where PyTorch computes: on a GPU where jax does."""
    return "cuda" if jax.default_backend() == "gpu" else "cpu"


def images_of(stacks: np.ndarray) -> torch.Tensor:
    """Return slices (image, height, width, 3) as PyTorch wants them, channels last in memory."""
    images = torch.tensor(np.ascontiguousarray(stacks)).permute(0, 3, 1, 2)
    return images.to(memory_format=torch.channels_last)


def scores_of(found: Any) -> np.ndarray:
    """Return what a run of these gave, as ours orders it."""
    if isinstance(found, torch.Tensor):
        found = found.float().cpu().numpy()
    return np.moveaxis(np.array(found, np.float32), 1, -1)


def exact_scores(model: Model, stacks: np.ndarray) -> np.ndarray:
    """Return the scores of the published form in float64."""
    network = TorchNetwork(model).double().eval()
    with torch.inference_mode():
        return np.moveaxis(network(images_of(stacks).double()).numpy(), 1, -1)


def _forward(network: nn.Module, images: torch.Tensor) -> Run:
    def run() -> torch.Tensor:
        with torch.inference_mode():
            scores = network(images)
        if images.is_cuda:
            torch.cuda.synchronize()
        return scores

    return run


def torch_runs(model: Model, stacks: np.ndarray, precision: str) -> dict[str, Run]:
    """Return PyTorch eager and compiled, in both forms, kernels channels last in memory."""
    dtype = getattr(torch, precision)
    images = images_of(stacks).to(device(), dtype)
    # Weights are constants for the compiler on the CPU, and launches are recorded on the GPU.
    best = {"mode": "reduce-overhead"} if images.is_cuda else {"options": {"freezing": True}}
    runs = {}
    for form in FORMS:
        network = TorchNetwork(model, form).eval().requires_grad_(False)
        network = network.to(memory_format=torch.channels_last).to(device(), dtype)
        runs[f"PyTorch eager {precision}, {form}"] = _forward(network, images)
        runs[f"torch.compile {precision}, {form}"] = _forward(
            torch.compile(network, **best), images
        )
    return runs


def onnx_runs(model: Model, stacks: np.ndarray, folder: Path, threads: int) -> dict[str, Run]:
    """Return ONNX Runtime and OpenVINO in both forms, each from one file."""
    runs, example = {}, images_of(stacks).contiguous()
    for form in FORMS:
        path = folder / f"{form}.onnx"
        network = TorchNetwork(model, form).eval()
        torch.onnx.export(network, (example,), path, dynamo=True, verbose=False)
        runs[f"ONNX Runtime float32, {form}"] = _onnxruntime(path, example.numpy(), threads)
        runs[f"OpenVINO float32, {form}"] = _openvino(path, example.numpy(), threads)
    return runs


def _onnxruntime(path: Path, images: np.ndarray, threads: int) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (name,) = (value.name for value in session.get_inputs())
    return lambda: session.run(None, {name: images})[0]


def _openvino(path: Path, images: np.ndarray, threads: int) -> Run:
    """Held to float32: it would take bfloat16 where it can."""
    # Else importing it reports that over the network, from a fork of this process.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
    }
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return lambda: request.infer([images], share_inputs=True, share_outputs=True)[0]


def _loss(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean over an image's pixels, summed over the images, as ours has it."""
    scores = network(images)
    scores = scores if scores.dtype == torch.float64 else scores.float()
    return functional.cross_entropy(scores, labels) * len(images)


def gradients(
    model: Model, stacks: np.ndarray, labels: np.ndarray, precision: str
) -> dict[str, np.ndarray]:
    """Return them by "layer/name", on the CPU, in the order of axes that ours have."""
    dtype = getattr(torch, precision)
    network, found = TorchNetwork(model).to(dtype), {}
    _loss(network, images_of(stacks).to(dtype), torch.tensor(labels)).backward()
    for name, layer in network.layers.items():
        found[f"{name}/kernel"] = layer.weight.grad.numpy().transpose(2, 3, 1, 0)
        found[f"{name}/bias"] = layer.bias.grad.numpy()
    return found


def training_runs(
    model: Model, stacks: np.ndarray, labels: np.ndarray, rate: float, momentum: float
) -> dict[str, Run]:
    """Return forward, backward and update, eager and compiled; in bfloat16 too on a GPU."""
    images, targets = images_of(stacks).to(device()), torch.tensor(labels).to(device())
    runs: dict[str, Run] = {}
    for precision in ("float32", "bfloat16") if images.is_cuda else ("float32",):
        for name, wrap in {"PyTorch eager": lambda f: f, "torch.compile": torch.compile}.items():
            network = TorchNetwork(model).to(device(), memory_format=torch.channels_last)
            optimizer = torch.optim.SGD(network.parameters(), rate, momentum)
            loss = wrap(functools.partial(_loss, network))
            short = torch.autocast(device(), torch.bfloat16, enabled=precision == "bfloat16")
            step = functools.partial(_step, optimizer, loss, short, images, targets)
            runs[f"{name} {precision}"] = step
    return runs


def _step(
    optimizer: torch.optim.Optimizer,
    loss: Callable[..., torch.Tensor],
    short: torch.autocast,
    images: torch.Tensor,
    labels: torch.Tensor,
) -> None:
    optimizer.zero_grad(set_to_none=True)
    with short:
        total = loss(images, labels)
    (total / len(images)).backward()
    optimizer.step()
    if images.is_cuda:
        torch.cuda.synchronize()
