"""The newborn model that ships: T2w images made from tissue maps, and fetal templates as they are.

Command: python run_train.py --config=configs/neonate_t2w.py --config.data.root=neonatal
         --config.generator.heads_root=synthseg_labelmaps
Time:    39 minutes on two shared virtual cores of an Intel Xeon with AMX.
Result:  weights/neonate_t2w.h5; Dice .878 .933 .950 .905 .905 .972 .942 (CoGM BGT WM BS CB Vent
         CSF) on fetal weeks 31 and 33, .883 on generated whole heads of 40 weeks; seed 0.

The root holds the 40-week tissue map of the dHCP volumetric atlas, `dhcp40w_dseg.nii.gz`, and the
fetal templates of the spina bifida atlas with their tissues; `heads_root` SynthSeg's label maps,
which lend face, eyes and neck. Fetal weeks 31 and 33 are never trained on and follow the training.
"""

from ml_collections import ConfigDict

OPERATED, NOT_OPERATED = (25, 26, 27, 28, 29, 30, 32, 34), (21, 22, 23, 24, 25)
FETAL = tuple(
    f"fetal_SB_atlas_GA{week}_{state}_dseg"
    for state, weeks in (("notoperated", NOT_OPERATED), ("operated", OPERATED))
    for week in weeks
)
HELD_OUT = tuple(f"fetal_SB_atlas_GA{week}_operated_dseg" for week in (31, 33))
NEWBORN_HEADS = 9
"""Heads that are grown around the 40-week map; around each fetal one it is one."""
LICENCE = (
    "CC BY 4.0. Trained on images made from the 40-week tissue map of the dHCP volumetric "
    "atlas (Schuh et al. 2018, doi 10.1101/251512, CC BY 4.0, modified), on fetal templates of "
    "the spina bifida atlas (Fidon et al. 2021, CC0 1.0), and on head anatomy from SynthSeg's "
    "label maps (Billot et al. 2023, Apache-2.0). Started from VGG16 (Simonyan and Zisserman "
    "2015, CC BY 4.0)."
)


def get_config() -> ConfigDict:
    """The settings of this experiment; see `brainfcn_jax.settings` for what each key means."""
    config = ConfigDict()
    config.seed = 0

    config.data = ConfigDict()
    config.data.root = ""
    config.data.scan_pattern = "spina_bifida_atlas/fetal_SB_atlas_{subject}_T2w.nii.gz"
    config.data.labels_pattern = "spina_bifida_atlas/fetal_SB_atlas_{subject}_dseg.nii.gz"
    config.data.scheme = "tissues"
    config.data.train = ()
    config.data.train_subjects = 0
    config.data.train_slice_axes = ()
    config.data.validation = ("GA31_operated", "GA33_operated")
    config.data.validation_root = ""
    config.data.modality = "T2w"
    config.data.slice_axis = "axial"
    config.data.equalise = "head"
    config.data.crop_to_head = True
    config.data.mask_slice = "largest"

    config.generator = generator_config()

    config.network = ConfigDict()
    config.network.stages = 5
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
    config.training.steps = 4500
    config.training.images_per_step = 4
    config.training.images_per_microbatch = 4
    config.training.loss = "mean"
    config.training.validate_every = 1000
    config.training.checkpoint_every = 250
    config.training.log_every = 10
    config.training.launcher = "jit"

    config.licence = LICENCE
    return config


def generator_config() -> ConfigDict:
    """What images are made, from which label maps."""
    config = ConfigDict()
    config.kind = "newborn"
    config.maps = ("dhcp40w_dseg",) * NEWBORN_HEADS + FETAL
    config.held_out = HELD_OUT
    config.heads_root = ""
    config.shape = (144, 144, 176)
    config.volumes_in_pool = 12
    config.slices_per_volume = 64
    config.brain_fraction = 0.75
    config.real_fraction = 0.125
    return config
