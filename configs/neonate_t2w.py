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

from brainfcn_jax.training.settings import experiment

OPERATED, NOT_OPERATED = (25, 26, 27, 28, 29, 30, 32, 34), (21, 22, 23, 24, 25)
FETAL = tuple(
    f"fetal_SB_atlas_GA{week}_{state}_dseg"
    for state, weeks in (("notoperated", NOT_OPERATED), ("operated", OPERATED))
    for week in weeks
)
HELD_OUT = tuple(f"fetal_SB_atlas_GA{week}_operated_dseg" for week in (31, 33))
NEWBORN_HEADS = 9
"""Heads that are grown around the 40-week map; around each fetal one it is one."""
LICENCE = (
    "CC BY 4.0. Trained on images made from the 40-week tissue map of the dHCP volumetric "
    "atlas (Schuh et al. 2018, doi 10.1101/251512, CC BY 4.0, modified), on fetal templates of "
    "the spina bifida atlas (Fidon et al. 2021, CC0 1.0), and on head anatomy from SynthSeg's "
    "label maps (Billot et al. 2023, Apache-2.0). Started from VGG16 (Simonyan and Zisserman "
    "2015, CC BY 4.0)."
)


def get_config() -> ConfigDict:
    """What differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={
            "scan_pattern": "spina_bifida_atlas/fetal_SB_atlas_{subject}_T2w.nii.gz",
            "labels_pattern": "spina_bifida_atlas/fetal_SB_atlas_{subject}_dseg.nii.gz",
            "validation": ("GA31_operated", "GA33_operated"),
            "people": "newborns",
            "contrasts": ("T2w",),
        },
        generator={
            "kind": "newborn",
            "maps": ("dhcp40w_dseg",) * NEWBORN_HEADS + FETAL,
            "held_out": HELD_OUT,
            "shape": (144, 144, 176),
            "real_fraction": 0.125,
        },
        network={"stages": 5},
        training={"steps": 4500, "validate_every": 1000},
        licence=LICENCE,
    )
