"""One choice of the method changed, everything else alike: trained and scored.

    for variant in as_is one_slice five_stages random_start whole_volume; do
        python benchmarks/ablations.py --variant=$variant --train=FOLDER --test=FOLDER --runs=FOLDER
    done

Trains `configs/oasis.py` on one scan of --train for `--steps`, in a folder below --runs, with that
one choice changed, and prints the Dice of each tissue on the scans of --test (last weights, after
post-processing), the mean of the six without the fluid, and the minutes it took. The folders hold
pairs ID_T1w.nii.gz and ID_dseg.nii.gz. VGG16 comes from BRAINFCN_VGG16, as in training.
"""

import importlib.util
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from absl import app, flags
from jaxtyping import Array, Num
from ml_collections import ConfigDict

from brainfcn_jax.inference import prediction
from brainfcn_jax.labels import ABBREVIATIONS, CSF, TISSUES
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.training import labelled_scans
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.settings_from_config import settings_from_config
from brainfcn_jax.training.subjects import find_subjects, load_subject
from brainfcn_jax.training.validation import ValidationCase, validation_dice

VARIANTS = {
    "as_is": {},
    "one_slice": {},
    "five_stages": {"network.stages": 5},
    "random_start": {"network.start": "random"},
    "whole_volume": {"data.equalise": "volume"},
}
PATTERNS = "{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz"

_VARIANT = flags.DEFINE_enum("variant", "as_is", list(VARIANTS), "What is changed.")
_TRAIN = flags.DEFINE_string("train", None, "Folder with the scan to train on.", required=True)
_TEST = flags.DEFINE_string("test", None, "Folder with the scans to score.", required=True)
_RUNS = flags.DEFINE_string("runs", None, "Folder for the runs.", required=True)
_SUBJECT = flags.DEFINE_string("subject", "1006", "The scan to train on.")
_STEPS = flags.DEFINE_integer("steps", 1500, "Steps of four images.", lower_bound=1)


def repeated(volume: Num[Array, "slice height width"]) -> Num[Array, "slice height width 3"]:
    """The slice itself in place of its neighbours."""
    return jnp.stack([volume] * 3, axis=-1)


def changed_config() -> ConfigDict:
    """`configs/oasis.py` with one scan to train on and the variant's change."""
    path = Path(__file__).parents[1] / "configs" / "oasis.py"
    spec = importlib.util.spec_from_file_location("oasis", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config: ConfigDict = module.get_config()
    config.update_from_flattened_dict(VARIANTS[_VARIANT.value])
    config.data.root = _TRAIN.value
    config.data.train = (_SUBJECT.value,)
    config.data.train_subjects = 0
    config.training.steps = _STEPS.value
    config.training.validate_every = _STEPS.value
    return config


def main(argv: list[str]) -> None:
    """Trains one variant and prints its row."""
    del argv
    if _VARIANT.value == "one_slice":
        labelled_scans.volume_to_stacks = prediction.volume_to_stacks = repeated
    start = time.perf_counter()
    workdir = train(settings_from_config(changed_config()), Path(_RUNS.value) / _VARIANT.value)
    minutes = (time.perf_counter() - start) / 60
    pairs = find_subjects(_TEST.value, *PATTERNS)
    cases = [ValidationCase(pair.name, *load_subject(pair, "tissues")) for pair in pairs]
    dice = validation_dice(load_model(workdir.last), cases)
    six = np.mean([dice[t.abbreviation] for t in TISSUES if t.index != CSF])
    cells = "".join(f"{dice[abbreviation]:8.3f}" for abbreviation in ABBREVIATIONS)
    print(f"{'variant':14}" + "".join(f"{a:>8}" for a in (*ABBREVIATIONS, "six", "min")))
    print(f"{_VARIANT.value:14}{cells}{six:8.3f}{minutes:8.1f}")


if __name__ == "__main__":
    app.run(main)
