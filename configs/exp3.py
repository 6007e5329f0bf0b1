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


def get_config() -> ConfigDict:
    """The settings of this experiment; see `brainfcn_jax.settings` for what each key means."""
    config = ConfigDict()
    config.seed = 0

    config.data = ConfigDict()
    config.data.root = ""
    config.data.scan_pattern = "{subject}/T2.nii.gz"
    config.data.labels_pattern = "{subject}/labels.nii.gz"
    config.data.scheme = "neobrains12"
    config.data.train = ("axial_40w_1", "axial_40w_2", "coronal_30w_1", "coronal_30w_2")
    config.data.train_subjects = 0
    config.data.train_slice_axes = ("axial", "axial", "coronal", "coronal")
    config.data.validation = ()
    config.data.validation_root = ""
    config.data.modality = "T2w"
    config.data.slice_axis = "coronal"
    config.data.equalise = "volume"
    config.data.crop_to_head = False
    config.data.mask_slice = "middle"

    config.generator = None

    config.network = ConfigDict()
    config.network.stages = 5
    config.network.maps = 16
    config.network.precision = "float32"
    config.network.start = "imagenet"
    config.network.vgg16_path = ""
    config.network.model_path = ""

    config.optimizer = ConfigDict()
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 1e-10
    config.optimizer.schedule = "constant"
    config.optimizer.warmup_steps = 0
    config.optimizer.momentum = 0.99
    config.optimizer.weight_decay = 0.005

    config.augmentation = ConfigDict()
    config.augmentation.rotation_degrees = 10.0
    config.augmentation.scale_range = (0.9, 1.1)
    config.augmentation.mirror = False

    config.training = ConfigDict()
    config.training.steps = 100_000
    config.training.images_per_step = 20
    config.training.images_per_microbatch = 2
    config.training.loss = "sum"
    config.training.validate_every = 5000
    config.training.checkpoint_every = 1000
    config.training.log_every = 20
    config.training.launcher = "jit"

    config.licence = "Trained on NeoBrainS12; its owners' terms apply to these weights."
    return config
