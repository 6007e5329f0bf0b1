"""Makes the weight file that training starts from out of the published VGG16 (Keras, HDF5).

    python weights/convert_vgg16.py --download --out=vgg16_imagenet.h5
    python weights/convert_vgg16.py --source=vgg16_..._notop.h5 --out=vgg16_imagenet.h5

Exit codes: 0 done; 1 the result cannot be written; 2 wrong usage; 3 the source is missing, damaged
or another file; 130 interrupted.
"""

from absl import flags

from brainfcn_jax.commands import runner
from brainfcn_jax.errors import UsageError
from brainfcn_jax.network import vgg16


def define_flags(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    flags.DEFINE_string(
        "source", "", "the Keras file of VGG16 without its dense layers", flag_values=values
    )
    flags.DEFINE_bool("download", False, f"fetch it from {vgg16.VGG16_ADDRESS}", flag_values=values)
    flags.DEFINE_string("out", "", "the weight file to write", flag_values=values)
    flags.DEFINE_bool(
        "overwrite", False, "replace the weight file if it exists", flag_values=values
    )


def convert_command(values: flags.FlagValues) -> None:
    """Writes the weight file that the flags ask for."""
    if bool(values.source) == values.download or not values.out:
        raise UsageError("give --out=FILE and either --source=FILE or --download, nothing else")
    if values.download:
        vgg16.download_and_convert_vgg16(values.out, values.overwrite)
    else:
        vgg16.convert_vgg16(values.source, values.out, values.overwrite)


if __name__ == "__main__":
    runner.run(define_flags, convert_command, __doc__)
