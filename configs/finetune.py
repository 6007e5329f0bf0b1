"""A shipped model adapted to one to five labelled scans of your own, in minutes.

Command: python run_train.py --config=configs/finetune.py --config.data.root=FOLDER
Time:    11 minutes on two shared virtual cores of an Intel Xeon with AMX.
Result:  With one OASIS subject (1006), Dice .932 .870 .938 .936 .961 .882 .744 (CoGM BGT WM BS CB
         Vent CSF) on three others, a mean of .920 without the CSF; the shipped model has .875, and
         training from ImageNet on the same scan for as many steps .910. Seed 0, last.h5.

The root is a folder of pairs, `ID_T1w.nii.gz` and `ID_dseg.nii.gz`, with tissues as in the
package's `labels`. Hold subjects out with `--config.data.validation="('ID',)"`: they are never
trained on, and best.h5 is the model that segments them best.

`network.model_path` names the model to start from. Its channel means are kept; stages, maps,
slice axis and equalisation must be those of the model, and an error says which are not. The model
itself is left as it is. For newborns:

    --config.network.model_path=weights/neonate_t2w.h5 --config.network.stages=5
    --config.data.modality=T2w --config.data.scan_pattern={subject}_T2w.nii.gz
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
    config.data.train_subjects = 0
    config.data.train_slice_axes = ()
    config.data.validation = ()
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
    config.network.start = "model"
    config.network.vgg16_path = ""
    config.network.model_path = "weights/adult_t1w.h5"

    config.optimizer = ConfigDict()
    config.optimizer.name = "adam"
    config.optimizer.learning_rate = 3e-5
    config.optimizer.schedule = "linear_to_zero"
    config.optimizer.warmup_steps = 20
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 0.0

    config.augmentation = ConfigDict()
    config.augmentation.rotation_degrees = 10.0
    config.augmentation.scale_range = (0.9, 1.1)
    config.augmentation.mirror = True

    config.training = ConfigDict()
    config.training.steps = 1200
    config.training.images_per_step = 4
    config.training.images_per_microbatch = 4
    config.training.loss = "mean"
    config.training.validate_every = 400
    config.training.checkpoint_every = 100
    config.training.log_every = 10
    config.training.launcher = "jit"

    config.licence = "Adapted to scans of the user's own, whose terms apply too."
    return config
