"""One choice of the method changed, everything else alike: trained and scored.

    for variant in as_is one_slice five_stages random_start whole_volume; do
        python benchmarks/ablations.py --variant=$variant --train=FOLDER --data=FOLDER --runs=FOLDER
    done

Trains `configs/oasis.py` on one scan of --train for `--steps`, in a folder below --runs, with that
one choice changed, and prints the Dice of each tissue on the scans of --data (last weights, after
post-processing), the mean of the six without the fluid, and the minutes it took. The folders hold
pairs ID_T1w.nii.gz and ID_dseg.nii.gz. VGG16 comes from BRAINFCN_VGG16, as in training.
"""

import runpy
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import jax.numpy as jnp
from arguments import Flags
from harness import LABELS, SIX, Table, cases, mean, open_model, scored
from jaxtyping import Array, Num
from ml_collections import ConfigDict

from brainfcn_jax.inference import prediction
from brainfcn_jax.training import labelled_scans
from brainfcn_jax.training.loop import train
from brainfcn_jax.training.settings_from_config import settings_from_config

VARIANTS: dict[str, dict[str, object]] = {
    "as_is": {},
    "one_slice": {},
    "five_stages": {"network.stages": 5},
    "random_start": {"network.start": "random"},
    "whole_volume": {"data.equalise": "volume"},
}


def repeated(volume: Num[Array, "slice height width"]) -> Num[Array, "slice height width 3"]:
    """Return the slice itself in place of its neighbours."""
    return jnp.stack([volume] * 3, axis=-1)


def changed_config(variant: str, data: str, subject: str, steps: int) -> ConfigDict:
    """Return `configs/oasis.py` with one scan to train on and the variant's change."""
    path = Path(__file__).parents[1] / "configs" / "oasis.py"
    config: ConfigDict = runpy.run_path(str(path))["get_config"]()
    config.update_from_flattened_dict(VARIANTS[variant])
    config.data.root, config.data.train, config.data.train_subjects = data, (subject,), 0
    config.training.steps = config.training.validate_every = steps
    return config


def main(arguments: Sequence[str]) -> None:
    """Train one variant and print its row."""
    flags = Flags(__doc__)
    flags.pairs()
    flags.add_argument("--variant", choices=tuple(VARIANTS), default="as_is", help="The change.")
    flags.add_argument("--train", required=True, help="Folder with the scan to train on.")
    flags.add_argument("--runs", required=True, help="Folder for the runs.")
    flags.add_argument("--subject", default="1006", help="The scan to train on.")
    flags.number("steps", 1500, "Steps of four images.")
    asked = flags.parse_args(arguments)
    if asked.variant == "one_slice":
        for module in (labelled_scans, prediction):  # where training and inference look it up
            mock.patch.object(module, "volume_to_stacks", repeated).start()
    start = time.perf_counter()
    config = changed_config(asked.variant, asked.train, asked.subject, asked.steps)
    workdir = train(settings_from_config(config), Path(asked.runs) / asked.variant)
    minutes = (time.perf_counter() - start) / 60
    model = open_model(None, str(workdir.last))
    found = scored(model, cases(asked))
    table = Table("variant", [*LABELS, "six", "min"])
    six = mean(found[tissue] for tissue in SIX)
    table.row(asked.variant, [*found.values(), six, f"{minutes:.1f}"])


if __name__ == "__main__":
    main(sys.argv[1:])
