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
            "contrasts": ("T2w", "T1w"),
        },
        generator={
            "kind": "any_newborn",
            "maps": ("dhcp40w_dseg",) * NEWBORN_HEADS + FETAL,
            "held_out": HELD_OUT,
            "shape": (144, 144, 176),
            "real_fraction": 0.3,
        },
        network={"stages": 5, "start": "model", "model_path": "weights/neonate_t2w.h5"},
        optimizer={"schedule": "linear_to_zero"},
        augmentation={"remapped_fraction": 0.4},
        training={"steps": 4000, "validate_every": 1000},
        licence=LICENCE,
    )
