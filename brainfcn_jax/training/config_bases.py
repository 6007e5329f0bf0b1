"""What several of the configs share (plain Python)."""

from typing import Any

from ml_collections import ConfigDict

from brainfcn_jax.synthesis.known_maps import (
    HELD_OUT,
    HELD_OUT_FETUSES,
    HELD_OUT_NEWBORNS,
    NEWBORN_MAPS,
)
from brainfcn_jax.training.settings import experiment

ADULT_GENERATOR = {"held_out": HELD_OUT, "shape": (160, 176, 192)}
FINDER_GENERATOR = {"maps": NEWBORN_MAPS, "held_out": HELD_OUT + HELD_OUT_NEWBORNS}
ONLY_GENERATED = {"rotation_degrees": 0.0, "scale_range": (1.0, 1.0), "mirror": False}
"""No augmentation: the generator turns, scales and mirrors whole heads."""

ADULT_LICENCE = (
    "Apache-2.0. Trained on images made from the label maps and intensity priors of SynthSeg "
    "(Billot et al. 2023, https://github.com/BBillot/SynthSeg, Apache-2.0). Started from VGG16 "
    "(Simonyan and Zisserman 2015, CC BY 4.0)."
)
NEWBORNS = {"people": "newborns", "contrasts": ("T2w",)}
NEWBORN_DATA = {
    **NEWBORNS,
    "scan_pattern": "spina_bifida_atlas/fetal_SB_atlas_{subject}_T2w.nii.gz",
    "labels_pattern": "spina_bifida_atlas/fetal_SB_atlas_{subject}_dseg.nii.gz",
    "validation": HELD_OUT_FETUSES,
}
NEWBORN_GENERATOR = {
    "maps": NEWBORN_MAPS,
    "held_out": HELD_OUT_NEWBORNS,
    "shape": (144, 144, 176),
}
NEWBORN_LICENCE = (
    "CC BY 4.0. Trained on images made from the 40-week tissue map of the dHCP volumetric "
    "atlas (Schuh et al. 2018, doi 10.1101/251512, CC BY 4.0, modified), on fetal templates of "
    "the spina bifida atlas (Fidon et al. 2021, CC0 1.0), and on head anatomy from SynthSeg's "
    "label maps (Billot et al. 2023, Apache-2.0). Started from VGG16 (Simonyan and Zisserman "
    "2015, CC BY 4.0)."
)


def neobrains12(**data: Any) -> ConfigDict:
    """Return an experiment of Xu et al. on NeoBrainS12; `data` is what it has of its own."""
    patterns = {"scan_pattern": "{subject}/T2.nii.gz", "labels_pattern": "{subject}/labels.nii.gz"}
    return of_the_paper(
        {**patterns, "scheme": "neobrains12", **NEWBORNS, **data},
        stages=5,
        learning_rate=1e-10,
        images_per_microbatch=2,
        licence="Trained on NeoBrainS12; its owners' terms apply to these weights.",
    )


def of_the_paper(
    data: dict[str, Any],
    *,
    stages: int,
    learning_rate: float,
    images_per_microbatch: int,
    licence: str,
) -> ConfigDict:
    """Return an experiment of Xu et al. (ICIP 2017) with the paper's optimiser and preparation."""
    return experiment(
        data={
            "equalise": "volume",
            "crop_to_head": False,
            "find_brain": False,
            "mask_slice": "middle",
            **data,
        },
        network={"stages": stages, "precision": "float32"},
        optimizer={
            "name": "sgd",
            "learning_rate": learning_rate,
            "schedule": "constant",
            "warmup_steps": 0,
            "momentum": 0.99,
            "weight_decay": 0.005,
        },
        augmentation={"mirror": False},
        training={
            "steps": 100_000,
            "images_per_step": 20,
            "images_per_microbatch": images_per_microbatch,
            "loss": "sum",
            "validate_every": 5000,
            "checkpoint_every": 1000,
            "log_every": 20,
        },
        licence=licence,
    )
