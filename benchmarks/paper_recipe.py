"""The paper's own optimiser settings on real slices: which learning rates train, which diverge.

    python benchmarks/paper_recipe.py --data=FOLDER --out=FILE.json

FOLDER holds pairs ID_T1w.nii.gz and ID_dseg.nii.gz. Takes configs/exp4.py as it is (SGD, momentum
0.99, weight decay 0.005, 20 images a step, ImageNet start, whole-volume equalisation), with the
pairs as its data and bfloat16 products, and makes `--steps` steps with the loss summed over the
pixels of an image at several learning rates, and with the loss averaged over them at the paper's.
Prints the loss per pixel on the way, and the largest rate that neither diverges nor ends higher
than it starts; writes all curves as JSON.
"""

import functools
import json
import runpy
from pathlib import Path

import jax
import numpy as np
from absl import app, flags

from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.training.batch_source import source_of_scans
from brainfcn_jax.training.devices import launch
from brainfcn_jax.training.initialisation import initial_params
from brainfcn_jax.training.labelled_scans import load_training_data
from brainfcn_jax.training.run import make_recipe
from brainfcn_jax.training.settings_from_config import settings_from_config
from brainfcn_jax.training.step import initial_state, train_step

_DATA = flags.DEFINE_string("data", None, "Folder with the pairs.", required=True)
_OUT = flags.DEFINE_string("out", None, "JSON file for the curves.", required=True)
_STEPS = flags.DEFINE_integer("steps", 60, "Steps of 20 images at each learning rate.")
_TRIALS = flags.DEFINE_list(
    "trials",
    ["mean:1e-8", "sum:1e-10", "sum:1e-9", "sum:3e-9", "sum:1e-8", "sum:3e-8"],
    "Reduction of the loss over an image's pixels, and learning rate; the paper's is sum:1e-8.",
)
_SUBJECTS = flags.DEFINE_integer("subjects", 2, "How many of the pairs are trained on.")

CONFIG = Path(__file__).parent.parent / "configs" / "exp4.py"
LOG_EVERY = 10


def experiment_config(loss: str, learning_rate: float):
    """exp4's config with the pairs for its data."""
    config = runpy.run_path(str(CONFIG))["get_config"]()
    config.data.root = _DATA.value
    config.data.scan_pattern = "{subject}_T1w.nii.gz"
    config.data.labels_pattern = "{subject}_dseg.nii.gz"
    config.data.scheme = "tissues"
    config.data.train = ()
    config.data.train_subjects = _SUBJECTS.value
    config.data.crop_to_head = True
    config.network.precision = "bfloat16"
    config.optimizer.learning_rate = learning_rate
    config.training.steps = _STEPS.value
    config.training.loss = loss
    return config


def loss_curve(loss: str, learning_rate: float, data) -> list[float]:
    """Loss per pixel after each step, up to the first that is not finite."""
    settings = settings_from_config(experiment_config(loss, learning_rate))
    source = source_of_scans(settings, data)
    recipe = make_recipe(settings, source.channel_means)
    pixels = np.mean([volume.labels[0].size for volume in data.volumes])
    params = initial_params(jax.random.key(settings.seed), settings.network, recipe.network)
    state = initial_state(jax.random.key(settings.seed), params, recipe.optimizer)
    run_step = launch(functools.partial(train_step, recipe=recipe), settings.training.launcher)
    curve: list[float] = []
    for batch in source.batches(0, settings.training.steps):
        state, metrics = run_step(state, batch)
        curve.append(float(metrics["loss"]) / (pixels if loss == "sum" else 1))
        if not np.isfinite(curve[-1]):
            break
    return curve


def is_stable(curve: list[float]) -> bool:
    """Whether the last steps' loss is finite and below that of the first."""
    return bool(np.all(np.isfinite(curve))) and np.mean(curve[-LOG_EVERY:]) < curve[0]


def main(argv: list[str]) -> None:
    """Runs the trials, prints a table and writes the curves."""
    del argv
    data = load_training_data(settings_from_config(experiment_config("sum", 1e-8)).data)
    results = []
    for trial in _TRIALS.value:
        loss, learning_rate = trial.split(":")[0], float(trial.split(":")[1])
        curve = loss_curve(loss, learning_rate, data)
        shown = ", ".join(f"{value:.3f}" for value in curve[::LOG_EVERY] + curve[-1:])
        print(f"{loss:4} {learning_rate:.0e}  stable={is_stable(curve)}  {shown}", flush=True)
        results.append({"loss": loss, "learning_rate": learning_rate, "curve": curve})
    stable = [r["learning_rate"] for r in results if r["loss"] == "sum" and is_stable(r["curve"])]
    print(f"largest stable learning rate with the summed loss: {max(stable, default=None)}")
    with new_file(Path(_OUT.value)) as temporary:
        temporary.write_text(json.dumps(results) + "\n")


if __name__ == "__main__":
    app.run(main)
