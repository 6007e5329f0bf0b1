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


def get_config() -> ConfigDict:
    """The settings of this experiment; see `brainfcn_jax.settings` for what each key means."""
    config = ConfigDict()
    config.seed = 0

    config.data = ConfigDict()
    config.data.root = ""
    config.data.scan_pattern = "{subject}_T1w.nii.gz"
    config.data.labels_pattern = "{subject}_dseg.nii.gz"
    config.data.scheme = "tissues"
    config.data.train = ()
    config.data.train_subjects = 5
    config.data.train_slice_axes = ()
    config.data.validation = ("1007", "1036")
    config.data.validation_root = ""
    config.data.modality = "T1w"
    config.data.slice_axis = "axial"
    config.data.equalise = "head"
    config.data.crop_to_head = True
    config.data.mask_slice = "largest"

    config.generator = None

    config.network = ConfigDict()
    config.network.stages = 4
    config.network.maps = 16
    config.network.precision = "bfloat16"
    config.network.start = "imagenet"
    config.network.vgg16_path = ""
    config.network.model_path = ""

    config.optimizer = ConfigDict()
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 1e-4
    config.optimizer.schedule = "linear_to_zero"
    config.optimizer.warmup_steps = 100
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 0.0

    config.augmentation = ConfigDict()
    config.augmentation.rotation_degrees = 10.0
    config.augmentation.scale_range = (0.9, 1.1)
    config.augmentation.mirror = True

    config.training = ConfigDict()
    config.training.steps = 3000
    config.training.images_per_step = 4
    config.training.images_per_microbatch = 4
    config.training.loss = "mean"
    config.training.validate_every = 500
    config.training.checkpoint_every = 500
    config.training.log_every = 10
    config.training.launcher = "jit"

    config.licence = (
        "CC BY-NC (OASIS; labels by Neuromorphometrics, Inc. under academic subscription): "
        "for measuring only, not to be passed on."
    )
    return config
