"""EXP1 of Xu et al. (ICIP 2017): NeoBrainS12, axial, 40 weeks, T2w.

Command: python run_train.py --config=configs/exp1.py --config.data.root=NeoBrainS12
Time:    3.5 s a volume on the paper's GTX 1080; training is not stated there.
Result:  Never run on the challenge's own data, which was not at hand; the paper's are below.

NeoBrainS12's file names differ by release. The patterns below stand for one folder a subject;
point them and `train` at yours, for instance with `--config.data.scan_pattern`.

The paper trains on 2 subjects and tests on 5, of 512x512x50 voxels of 0.35x0.35x2.0 mm. Its Dice:
CoGM .87, BGT .91, UWM .93, BS .85, CB .94, Vent .87, CSF .83.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """What differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={
            "scan_pattern": "{subject}/T2.nii.gz",
            "labels_pattern": "{subject}/labels.nii.gz",
            "scheme": "neobrains12",
            "train": ("axial_40w_1", "axial_40w_2"),
            "people": "newborns",
            "contrasts": ("T2w",),
            "find_brain": False,
            "slice_axis": "axial",
            "equalise": "volume",
            "crop_to_head": False,
            "mask_slice": "middle",
        },
        network={"stages": 5, "precision": "float32"},
        optimizer={
            "name": "sgd",
            "learning_rate": 1e-10,
            "schedule": "constant",
            "warmup_steps": 0,
            "momentum": 0.99,
            "weight_decay": 0.005,
        },
        augmentation={"mirror": False},
        training={
            "steps": 100_000,
            "images_per_step": 20,
            "images_per_microbatch": 2,
            "loss": "sum",
            "validate_every": 5000,
            "checkpoint_every": 1000,
            "log_every": 20,
        },
        licence="Trained on NeoBrainS12; its owners' terms apply to these weights.",
    )
