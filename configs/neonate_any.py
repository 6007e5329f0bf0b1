"""A newborn model for T2w and T1w: images made from tissue maps, and fetal templates.

Command: python run_train.py --config=configs/neonate_any.py --config.data.root=neonatal
         --config.generator.heads_root=synthseg_labelmaps
Time:    253 minutes for the last five of six runs, 21600 of 22800 steps, on two cores of an AMD
         EPYC with AVX-512, the last on a faster one, other work beside;
         weights/neonate_any.md has their commands.
Result:  weights/neonate_any.h5; mean of seven tissues .931 on fetal weeks 31 and 33 in T2w
         (`neonate_t2w` .938), .882 on the same in a T1w-like contrast, cortex .766
         (benchmarks/contrasts.py), .855 on generated T1w heads of those weeks
         (benchmarks/generated_heads.py); seeds 0, 5, 6, 8, 10 and 11.

Root and maps are those of `neonate_t2w.py`, whose model it starts from: `model_path` names it (the
runs above started from its first run). Of the generated images a tenth have random contrasts, half
those of spin echoes (T2w, and T1w with and without an inversion), 3 in 20 the T2w contrast of the
templates through a random curve, the others that as it is; three slices in ten are of the
templates themselves. Two fifths of all images go through a random curve at last. Fetal weeks 31
and 33 are never trained on and follow the training.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.config_bases import NEWBORN_DATA, NEWBORN_GENERATOR, NEWBORN_LICENCE
from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={**NEWBORN_DATA, "contrasts": ("T2w", "T1w")},
        generator={**NEWBORN_GENERATOR, "kind": "any_newborn", "real_fraction": 0.3},
        network={"stages": 5, "start": "model", "model_path": "weights/neonate_t2w.h5"},
        optimizer={"schedule": "linear_to_zero"},
        augmentation={"remapped_fraction": 0.4},
        training={"steps": 4000, "validate_every": 1000},
        licence=NEWBORN_LICENCE,
    )
