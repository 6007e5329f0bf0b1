"""The adult model that ships: T1w images made from label maps, of any scanner and contrast.

Command: python run_train.py --config=configs/adult_t1w.py --config.data.root=synthseg_labelmaps
Time:    About 40 minutes for 4000 steps on two shared virtual cores of an Intel Xeon with AMX.
Result:  weights/adult_t1w.h5, of 8500 steps in two runs (weights/adult_t1w.md): Dice .864 .828 .901
         .882 .945 .827 .529 (CoGM BGT WM BS CB Vent CSF) on three real scans of OASIS.

The root holds SynthSeg's label maps `training_seg_NN.nii.gz` and T1 priors (Billot et al. 2023).
Maps 17 to 20 are never trained on. The generator turns and scales whole heads, and a slice is
trained on once, so there is no further augmentation. No scan is trained on; labelled ones of your
own can follow the training: `--config.data.validation_root=FOLDER` names their folder and
`--config.data.validation="('1007', '1036')"` the subjects.
"""

from ml_collections import ConfigDict

HELD_OUT = tuple(f"training_seg_{number}" for number in range(17, 21))
LICENCE = (
    "Apache-2.0. Trained on images made from the label maps and intensity priors of SynthSeg "
    "(Billot et al. 2023, https://github.com/BBillot/SynthSeg, Apache-2.0). Started from VGG16 "
    "(Simonyan and Zisserman 2015, CC BY 4.0)."
)


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

    config.generator = generator_config()

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
    config.augmentation.rotation_degrees = 0.0
    config.augmentation.scale_range = (1.0, 1.0)
    config.augmentation.mirror = True

    config.training = ConfigDict()
    config.training.steps = 8500
    config.training.images_per_step = 4
    config.training.images_per_microbatch = 4
    config.training.loss = "mean"
    config.training.validate_every = 2000
    config.training.checkpoint_every = 250
    config.training.log_every = 10
    config.training.launcher = "jit"

    config.licence = LICENCE
    return config


def generator_config() -> ConfigDict:
    """What images are made, from which label maps."""
    config = ConfigDict()
    config.kind = "adult"
    config.maps = ()
    config.held_out = HELD_OUT
    config.heads_root = ""
    config.shape = (160, 176, 224)
    config.volumes_in_pool = 12
    config.slices_per_volume = 64
    config.brain_fraction = 0.75
    config.real_fraction = 0.0
    return config
