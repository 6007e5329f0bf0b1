"""The newborn T2w model that ships: images made from tissue maps, and fetal templates as they are.

Command: python run_train.py --config=configs/neonate_t2w.py --config.data.root=neonatal
         --config.generator.heads_root=synthseg_labelmaps
Time:    39 minutes on two shared virtual cores of an Intel Xeon with AMX.
Result:  with 5100 more steps that weights/neonate_t2w.md has the commands of (61 minutes on two
         cores of an AMD EPYC with AVX-512), weights/neonate_t2w.h5; Dice .888 .944 .954 .927 .931
         .975 .947 (CoGM BGT WM BS CB Vent CSF) on fetal weeks 31 and 33, .910 on generated whole
         heads of 40 weeks; seeds 0, 7 and 9.

The root holds the 40-week tissue map of the dHCP volumetric atlas, `dhcp40w_dseg.nii.gz`, and the
fetal templates of the spina bifida atlas with their tissues; `heads_root` SynthSeg's label maps,
which lend face, eyes and neck. Fetal weeks 31 and 33 are never trained on and follow the training.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.config_bases import NEWBORN_DATA, NEWBORN_GENERATOR, NEWBORN_LICENCE
from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data=NEWBORN_DATA,
        generator={**NEWBORN_GENERATOR, "kind": "newborn", "real_fraction": 0.125},
        network={"stages": 5},
        training={"steps": 4500, "validate_every": 1000},
        licence=NEWBORN_LICENCE,
    )
