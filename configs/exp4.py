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


def get_config() -> ConfigDict:
    """The settings of this experiment; see `brainfcn_jax.settings` for what each key means."""
    config = ConfigDict()
    config.seed = 0

    config.data = ConfigDict()
    config.data.root = ""
    config.data.scan_pattern = "TrainingData/{subject}/T1.nii"
    config.data.labels_pattern = "TrainingData/{subject}/LabelsForTraining.nii"
    config.data.scheme = "mrbrains13"
    config.data.train = ("1", "2", "3", "4", "5")
    config.data.train_subjects = 0
    config.data.train_slice_axes = ()
    config.data.validation = ()
    config.data.validation_root = ""
    config.data.modality = "T1w"
    config.data.slice_axis = "axial"
    config.data.equalise = "volume"
    config.data.crop_to_head = False
    config.data.mask_slice = "middle"

    config.generator = None

    config.network = ConfigDict()
    config.network.stages = 4
    config.network.maps = 16
    config.network.precision = "float32"
    config.network.start = "imagenet"
    config.network.vgg16_path = ""
    config.network.model_path = ""

    config.optimizer = ConfigDict()
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 1e-8
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
    config.training.images_per_microbatch = 4
    config.training.loss = "sum"
    config.training.validate_every = 5000
    config.training.checkpoint_every = 1000
    config.training.log_every = 20
    config.training.launcher = "jit"

    config.licence = "Trained on MRBrainS13; its owners' terms apply to these weights."
    return config
