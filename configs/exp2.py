"""EXP2 of Xu et al. (ICIP 2017): NeoBrainS12, coronal, 30 weeks, T2w.

Command: python run_train.py --config=configs/exp2.py --config.data.root=NeoBrainS12
Time:    2.2 s a volume on the paper's GTX 1080; training is not stated there.
Result:  Never run on the challenge's own data, which was not at hand; the paper's are below.

NeoBrainS12's file names differ by release. The patterns below stand for one folder a subject;
point them and `train` at yours, for instance with `--config.data.scan_pattern`.

The paper trains on 2 subjects and tests on 5, of 384x384x50 voxels of 0.34x0.34x2.0 mm. Its Dice:
CoGM .79, BGT .89, UWM .95, BS .84, CB .91, Vent .87, CSF .89.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.config_bases import neobrains12


def get_config() -> ConfigDict:
    """Return what differs from NeoBrainS12's other experiments."""
    return neobrains12(train=("coronal_30w_1", "coronal_30w_2"), slice_axis="coronal")
