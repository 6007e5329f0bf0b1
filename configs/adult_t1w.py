"""The adult model that ships: T1w images made from label maps, of any scanner and contrast.

Command: python run_train.py --config=configs/adult_t1w.py --config.data.root=synthseg_labelmaps
Time:    25 minutes for 2600 steps on two cores of an AMD EPYC with AVX-512.
Result:  weights/adult_t1w.h5, of six runs (weights/adult_t1w.md): Dice .892 .832 .912 .902 .953
         .856 .649 (CoGM BGT WM BS CB Vent CSF) on three real scans of OASIS with one view, and
         .903 .850 .920 .912 .959 .865 .678 with three.

The root holds SynthSeg's label maps `training_seg_NN.nii.gz` and T1 priors (Billot et al. 2023).
Maps 17 to 20 are never trained on. Half of the volumes are cut into axial slices, the others into
coronal and sagittal ones. The generator turns, scales and mirrors whole heads, and a slice is
trained on once, so there is no further augmentation. No scan is trained on; labelled ones of your
own can follow the training: `--config.data.validation_root=FOLDER` names their folder and
`--config.data.validation="('1007', '1036')"` the subjects.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.config_bases import ADULT_GENERATOR, ADULT_LICENCE, ONLY_GENERATED
from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={"slice_axis": "all"},
        generator={**ADULT_GENERATOR, "kind": "adult", "thick_fraction": 0.15},
        augmentation=ONLY_GENERATED,
        training={"steps": 8500, "validate_every": 2000},
        licence=ADULT_LICENCE,
    )
