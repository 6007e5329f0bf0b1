"""Adult T1w scans with labels of the seven tissues, five of them, in the recipe that trains best.

Command: python run_train.py --config=configs/oasis.py --config.data.root=FOLDER
Time:    22 minutes on two virtual cores of an Intel Xeon with AMX, which other work shared.
Result:  Dice .934 .877 .943 .936 .964 .896 .747 (CoGM BGT WM BS CB Vent CSF), the mean of three
         OASIS subjects that were neither trained on nor chosen by; seed 0, last.h5.

The root is a folder of pairs, `ID_T1w.nii.gz` and `ID_dseg.nii.gz`. `train_subjects` takes the
first 1, 2, 5 or more of those that are not held out (0: all of them); the two subjects in
`validation` are never trained on.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={"train_subjects": 5, "validation": ("1007", "1036")},
        training={"checkpoint_every": 500},
        licence=(
            "CC BY-NC (OASIS; labels by Neuromorphometrics, Inc. under academic subscription): "
            "for measuring only, not to be passed on."
        ),
    )
