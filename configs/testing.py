"""A few steps on tiny scans: the whole road, for tests and a first try.

Command: python run_train.py --config=configs/testing.py --config.data.root=FOLDER
Time:    30 s on two virtual cores for these 4 steps; 55 s for 60.
Result:  After 60 steps a mean Dice of .68 on the third of `tests/support/tiny_scans.py`.

For synthetic scans of about 32x32x6 voxels. Nothing is downloaded: the network starts at random.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        data={"validation": ("sub-03",), "crop_to_head": False},
        network={"maps": 4, "precision": "float32", "start": "random"},
        optimizer={"learning_rate": 1e-3, "schedule": "constant", "warmup_steps": 0},
        augmentation={"mirror": False},
        training={
            "steps": 4,
            "images_per_microbatch": 2,
            "validate_every": 2,
            "checkpoint_every": 2,
            "log_every": 1,
        },
        licence="Trained on synthetic scans for tests; of no other use.",
    )
