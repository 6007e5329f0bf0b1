"""The adult model for any contrast that ships: images made from label maps, as every sequence has.

Command: python run_train.py --config=configs/adult_any.py --config.data.root=synthseg_labelmaps
Time:    31 minutes for 3200 steps on two cores of an AMD EPYC with AVX-512.
Result:  weights/adult_any.h5, of four runs (weights/adult_any.md): six tissues .882 on three real
         T1w scans of OASIS, and on a patient's T2w and FLAIR beside the T1w's labels .800, .808.

The root holds SynthSeg's label maps `training_seg_NN.nii.gz` and T1 priors (Billot et al. 2023).
Maps 17 to 20 are never trained on. Half of the volumes are cut into axial slices, the others into
coronal and sagittal ones. Of the images 3 in 20 have random contrasts, 2 in 5 those of spin echoes
(T2w, FLAIR, PDw, T1w), a tenth the T1w contrast measured through a random curve, the others that as
it is; then, once the scanner is imitated, a quarter of all go through a random curve. It starts
from the T1w model, which `model_path` names. No scan is trained on.
"""

from ml_collections import ConfigDict

from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.training.config_bases import ADULT_GENERATOR, ADULT_LICENCE, ONLY_GENERATED
from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={"contrasts": KNOWN, "slice_axis": "all"},
        generator={**ADULT_GENERATOR, "kind": "any_adult", "thick_fraction": 0.2},
        network={"start": "model", "model_path": "weights/adult_t1w.h5"},
        augmentation={**ONLY_GENERATED, "remapped_fraction": 0.25},
        training={"steps": 3200, "validate_every": 1000},
        licence=ADULT_LICENCE,
    )
