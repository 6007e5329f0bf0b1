"""Labels one volume of random grey levels, warm, and prints the median seconds; for `scaling.py`.

    python benchmarks/one_prediction.py --slices=48 --height=240 --width=240 --threads=2

The numbers come as one line of JSON.
"""

import json
import statistics

import jax
import measuring
import numpy as np
from absl import app, flags

from brainfcn_jax.inference.prediction import predict
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.network.shipped_models import DEFAULT_MODEL, find_model
from brainfcn_jax.runtime.jax_environment import prepare_jax

_SLICES = flags.DEFINE_integer("slices", 48, "Slices of the volume.", 1)
_HEIGHT = flags.DEFINE_integer("height", 240, "Height of a slice.", 16)
_WIDTH = flags.DEFINE_integer("width", 240, "Width of a slice.", 16)
_BATCH = flags.DEFINE_integer("batch", 8, "Slices that go through the network at once.", 1)
_THREADS = flags.DEFINE_integer("threads", 2, "Cores.", 1)
_REPEATS = flags.DEFINE_integer("repeats", 1, "Timed runs.", 1)


def main(argv: list[str]) -> None:
    """Compiles on one batch, then times the whole volume."""
    del argv
    measuring.use_threads(_THREADS.value)
    prepare_jax()
    model = load_model(find_model(DEFAULT_MODEL))
    shape = (_SLICES.value, _HEIGHT.value, _WIDTH.value)
    volume = np.random.default_rng(0).integers(1, 256, shape, np.uint8)
    predict(model, volume[: _BATCH.value], batch_slices=_BATCH.value)
    times = [
        measuring.seconds(lambda: predict(model, volume, batch_slices=_BATCH.value))
        for _ in range(_REPEATS.value)
    ]
    on_device = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    device_mib = None if on_device is None else on_device / measuring.MEBIBYTE
    print(json.dumps({"seconds": statistics.median(times), "device MiB": device_mib}))


if __name__ == "__main__":
    app.run(main)
