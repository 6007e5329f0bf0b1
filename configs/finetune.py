"""A shipped model adapted to one to five labelled scans of your own, in minutes.

Command: python run_train.py --config=configs/finetune.py --config.data.root=FOLDER
Time:    11 minutes on two shared virtual cores of an Intel Xeon with AMX; 27 on two cores of an AMD
         EPYC (2017, AVX2), in float32, with light other work beside it.
Result:  With one OASIS subject (1006), Dice .932 .869 .938 .936 .961 .882 .746 (CoGM BGT WM BS CB
         Vent CSF) on three others, a mean of .920 without the CSF; adult_t1w as it was then, which
         it starts from, had .881, and training from ImageNet on the same scan for as many steps
         .910. Seed 0, last.h5. In all directions (`--config.data.slice_axis=all
         --config.augmentation.mirror=False`), from the weights that ship now, .926 with --views=3,
         .918 with one view; 12 minutes on two cores of an AMD EPYC with AVX-512, other work
         beside; with five subjects (1000, 1001, 1002, 1006, 1008) .930 with --views=3, 13 minutes.

The root is a folder of pairs, `ID_T1w.nii.gz` and `ID_dseg.nii.gz`, with tissues as in the
package's `labels`. Hold subjects out with `--config.data.validation="('ID',)"`: they are never
trained on, and best.h5 is the model that segments them best.

`network.model_path` names the model to start from. Its channel means are kept; stages, maps,
slice axis and equalisation must be those of the model, and an error says which are not. The model
itself is left as it is. For newborns:

    --config.network.model_path=weights/neonate_t2w.h5 --config.network.stages=5
    --config.data.people=newborns --config.data.contrasts="('T2w',)"
    --config.data.scan_pattern={subject}_T2w.nii.gz

and for their T1w scans weights/neonate_any.h5, "('T2w','T1w')" and {subject}_T1w.nii.gz.
"""

from ml_collections import ConfigDict

from brainfcn_jax.training.settings import experiment


def get_config() -> ConfigDict:
    """Return what differs from the defaults, which `brainfcn_jax.training.settings` describes."""
    return experiment(
        network={"start": "model", "model_path": "weights/adult_t1w.h5"},
        optimizer={"learning_rate": 3e-5, "warmup_steps": 20},
        training={"steps": 1200, "validate_every": 400, "checkpoint_every": 100},
        licence="Adapted to scans of the user's own, whose terms apply too.",
    )
