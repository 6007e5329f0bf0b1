"""The finder that ships: brain or not, in heads of any contrast, in all three slice directions.

Command: python run_train.py --config=configs/brain.py --config.data.root=heads
         --config.generator.heads_root=synthseg_labelmaps --config.generator.newborns_root=neonatal
Time:    23 minutes on two cores of an AMD EPYC with AVX-512.
Result:  weights/brain.h5 is the mean of this run, without slabs and with seed 0, and of 2500 steps
         more with them (weights/brain.md has both commands and what it finds).

The root holds whole heads with brain masks on the same grid, `*/ID_T1w.nii.gz` and
`*/ID_brainmask.nii.gz`: a voxel more than 2.5 mm outside the mask is not brain, one as far inside
is, and nothing is said about those between. `heads_root` holds SynthSeg's label maps and T1 priors,
`newborns_root` the newborns' maps of tissues that `neonate_t2w` was trained on, of which `maps`
names those to use. Four in ten volumes are real heads, turned, scaled, cut and in other contrasts;
of the others four in ten are newborns', in voxels of 1.3 mm, so that their brains are as large as
adults'. Of a fifth only a slab is left.
"""

from ml_collections import ConfigDict

from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.training.config_bases import FINDER_GENERATOR, ONLY_GENERATED
from brainfcn_jax.training.settings import experiment

LICENCE = (
    "CC BY 4.0. Trained on images made from the label maps and intensity priors of SynthSeg "
    "(Billot et al. 2023, Apache-2.0), the 40-week tissue map of the dHCP volumetric atlas "
    "(Schuh et al. 2018, doi 10.1101/251512, CC BY 4.0, modified) and fetal templates of the spina "
    "bifida atlas (Fidon et al. 2021, CC0 1.0); on two whole heads of a patient with multiple "
    "sclerosis (Lesjak, Pernus, Likar, Spiclin, Neuroinformatics 2016, CC BY) and one of "
    "studyforrest (Hanke et al., Scientific Data 2014, PDDL 1.0)."
)


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={
            "scan_pattern": "*/{subject}_T1w.nii.gz",
            "labels_pattern": "*/{subject}_brainmask.nii.gz",
            "train": ("p01s1", "p01s2", "n2d"),
            "people": "anyone",
            "contrasts": KNOWN,
            "find_brain": False,
        },
        generator={
            **FINDER_GENERATOR,
            "kind": "brain",
            "size": 112,
            "slices_per_volume": 96,
            "volumes_in_pool": 24,
            "brain_fraction": 0.6,
            "real_fraction": 0.4,
            "slab_fraction": 0.2,
        },
        network={"stages": 5, "maps": 8, "narrowing": 4, "start": "random"},
        optimizer={"learning_rate": 1e-3, "schedule": "linear_to_zero"},
        augmentation={**ONLY_GENERATED, "remapped_fraction": 0.25},
        training={"steps": 9000, "images_per_step": 16, "images_per_microbatch": 16},
        licence=LICENCE,
    )
