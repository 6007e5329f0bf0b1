"""From a volume in memory to its labels in memory, warm, beside PyTorch compiled.

    python benchmarks/array_to_labels.py --out=array.json

Needs `.[benchmarks]`. Slices of a scan are cut or padded to `--slices` of `--size`. Timed are
`predict` on the equalised volume (one transfer in, one out), the same with equalisation, and
PyTorch's compiled network (folded, channels last; bfloat16 on a GPU, else float32) from the same
equalised array to labels; at last the whole of `segment_scan` on the scan as it is, without files.
Runs take turns; medians. On a GPU `--batch=48` takes the volume at once.
"""

from collections.abc import Callable

import jax
import measuring
import numpy as np
import torch
from absl import app, flags
from jaxtyping import UInt8
from slice_batch import chosen_model
from torch_network import TorchNetwork

from brainfcn_jax.imaging.choices import first_axis
from brainfcn_jax.imaging.equalisation import equalise_volume
from brainfcn_jax.imaging.nifti import Scan, load_scan
from brainfcn_jax.imaging.nilearn_files import demo_scan
from brainfcn_jax.inference.brain import finder_for
from brainfcn_jax.inference.prediction import predict
from brainfcn_jax.inference.segmentation import segment_scan
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.runtime.jax_environment import prepare_jax

_STAGES = flags.DEFINE_integer("stages", 4, "Stages of the network.", 4, 5)
_WEIGHTS = flags.DEFINE_string("weights", None, "Weight file; the shipped one unless given.")
_SCAN = flags.DEFINE_string("scan", None, "The scan; the demo's unless given.")
_SLICES = flags.DEFINE_integer("slices", 48, "Slices of the volume.", 1)
_SIZE = flags.DEFINE_integer("size", 240, "Height and width of a slice.", 16)
_BATCH = flags.DEFINE_integer("batch", 8, "Slices that go through the network at once.", 1)
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of each library, on a CPU.", 1)
_REPEATS = flags.DEFINE_integer("repeats", 5, "Timed runs of each.", 1)
_OUT = flags.DEFINE_string("out", None, "JSON file for the numbers.", required=True)

Run = Callable[[], object]


def padded(scan: Scan, model: Model) -> np.ndarray:
    """Intensities (slice, height, width) of the asked size from the middle of the scan."""
    volume = np.moveaxis(scan.data, first_axis(model.description.slice_axis), 0)
    first = max(0, (len(volume) - _SLICES.value) // 2)
    part = volume[first : first + _SLICES.value, : _SIZE.value, : _SIZE.value]
    whole = np.full((_SLICES.value, _SIZE.value, _SIZE.value), scan.data.min(), np.float32)
    whole[tuple(slice(n) for n in part.shape)] = part
    return whole


def our_runs(model: Model, scan: Scan, volume: np.ndarray) -> dict[str, Run]:
    """Ours: the network alone, with equalisation, and everything but files."""
    equalised = equalise_volume(volume, "head")
    batch = _BATCH.value
    size = "x".join(str(n) for n in scan.data.shape)
    finder = finder_for(model.description)
    return {
        "ours, predict": lambda: predict(model, equalised, batch_slices=batch),
        "ours, equalise and predict": lambda: predict(
            model, equalise_volume(volume, "head"), batch_slices=batch
        ),
        f"ours, segment_scan of {size}": lambda: segment_scan(
            model, scan, finder=finder, batch_slices=batch
        ),
    }


class TorchLabeller:
    """PyTorch's way from an equalised volume to labels, both numpy arrays."""

    def __init__(self, model: Model, device: str, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        network = TorchNetwork(model.params, model.description.stages, "folded").eval()
        network = network.requires_grad_(False).to(memory_format=torch.channels_last)
        best = {"mode": "reduce-overhead"} if device == "cuda" else {"options": {"freezing": True}}
        self.network = torch.compile(network.to(device, dtype), **best)
        means = torch.tensor(model.description.channel_means, device=device)
        self.means = means.view(1, 3, 1, 1)

    def labels(self, levels: UInt8[np.ndarray, "s h w"], batch: int) -> UInt8[np.ndarray, "s h w"]:
        """The labels of all slices, `batch` at a time."""
        empty = torch.zeros((1, *levels.shape[1:]), dtype=torch.uint8, device=self.device)
        found = []
        with torch.inference_mode():
            volume = torch.tensor(levels, device=self.device)
            ends = torch.cat([empty, volume, empty])
            stacks = torch.stack([ends[:-2], ends[1:-1], ends[2:]], dim=1)
            for part in stacks.split(batch):
                images = (part - self.means).to(self.dtype, memory_format=torch.channels_last)
                found.append(self.network(images).argmax(1).to(torch.uint8))
            return torch.cat(found).cpu().numpy()


def main(argv: list[str]) -> None:
    """Times, prints and writes."""
    del argv
    measuring.use_threads(_THREADS.value)
    prepare_jax()
    torch.set_num_threads(_THREADS.value)
    model = chosen_model(_STAGES.value, _WEIGHTS.value)
    scan = load_scan(_SCAN.value or demo_scan())
    volume = padded(scan, model)
    equalised = equalise_volume(volume, "head")
    on_gpu = jax.default_backend() == "gpu"
    device, precision = ("cuda", "bfloat16") if on_gpu else ("cpu", "float32")
    peer = TorchLabeller(model, device, getattr(torch, precision))
    name = f"torch.compile {precision}"
    runs = our_runs(model, scan, volume)
    runs[name] = lambda: peer.labels(equalised, _BATCH.value)
    same = np.mean(
        predict(model, equalised, batch_slices=_BATCH.value).labels
        == peer.labels(equalised, _BATCH.value)
    )
    medians = measuring.interleaved_medians(runs, _REPEATS.value)
    rows = [
        {"run": run, "ms": 1000 * took, "times as fast as PyTorch": medians[name] / took}
        for run, took in medians.items()
    ]
    title = f"{_SLICES.value} slices of {_SIZE.value}x{_SIZE.value}, {_BATCH.value} at once"
    agreement = [{"same labels in ours and PyTorch's, %": 100 * float(same)}]
    measuring.write_results(_OUT.value, {title: rows, "Agreement": agreement})


if __name__ == "__main__":
    app.run(main)
