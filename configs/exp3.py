"""EXP3 of Xu et al. (ICIP 2017): NeoBrainS12, coronal, 40 weeks, T2w.

Command: python run_train.py --config=configs/exp3.py --config.data.root=NeoBrainS12
Time:    6.5 s a volume on the paper's GTX 1080; training is not stated there.
Result:  Never run on the challenge's own data, which was not at hand; the paper's are below.

NeoBrainS12's file names differ by release. The patterns below stand for one folder a subject;
point them and `train` at yours, for instance with `--config.data.scan_pattern`.

There is no coronal scan at 40 weeks to train on: the paper trains on the 2 axial ones of 40 weeks
and the 2 coronal ones of 30 weeks, and tests on 5 of 512x512x110 voxels of 0.35x0.35x1.2 mm. Its
Dice: CoGM .79, BGT .86, UWM .91, BS .68, CB .89, Vent .82, CSF .82.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.config_bases import neobrains12


def get_config() -> ConfigDict:
    """Return what differs from NeoBrainS12's other experiments."""
    return neobrains12(
        train=("axial_40w_1", "axial_40w_2", "coronal_30w_1", "coronal_30w_2"),
        train_slice_axes=("axial", "axial", "coronal", "coronal"),
        slice_axis="coronal",
    )
