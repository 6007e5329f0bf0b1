"""EXP4 of Xu et al. (ICIP 2017): MRBrainS13, axial, 70 years, T1w.

Command: python run_train.py --config=configs/exp4.py --config.data.root=MRBrainS13
Time:    1.7 s a volume on the paper's GTX 1080; training is not stated there.
Result:  Never run on the challenge's own data, which was not at hand; the paper's are below.

The root is the folder that holds `TrainingData/1` to `TrainingData/5`, as MRBrainS13 gives it. The
paper trains on these 5 subjects and tests on 15, of 240x240x48 voxels of 0.96x0.96x3.0 mm. Its
Dice in percent: GM 86.03, WM 89.29, CSF 82.44. It names 100k iterations, and 120k for
this experiment where it gives the results; here it is 100k.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.config_bases import of_the_paper


def get_config() -> ConfigDict:
    """Return what differs from the paper's other experiments."""
    return of_the_paper(
        {
            "scan_pattern": "TrainingData/{subject}/T1.nii",
            "labels_pattern": "TrainingData/{subject}/LabelsForTraining.nii",
            "scheme": "mrbrains13",
            "train": ("1", "2", "3", "4", "5"),
        },
        stages=4,
        learning_rate=1e-8,
        images_per_microbatch=4,
        licence="Trained on MRBrainS13; its owners' terms apply to these weights.",
    )
