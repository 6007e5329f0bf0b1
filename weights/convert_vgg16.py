"""Makes the weight file that training starts from out of the published VGG16 (Keras, HDF5).

    python weights/convert_vgg16.py --download --out=vgg16_imagenet.h5
    python weights/convert_vgg16.py --source=vgg16_..._notop.h5 --out=vgg16_imagenet.h5

Exit codes: 0 done; 1 the result cannot be written; 2 wrong usage; 3 the source is missing, damaged
or another file; 130 interrupted.
"""

import sys

from absl import app, flags

from brainfcn_jax import weights
from brainfcn_jax.errors import BrainfcnError, UsageError

_SOURCE = flags.DEFINE_string("source", "", "the Keras file of VGG16 without its dense layers")
_DOWNLOAD = flags.DEFINE_bool("download", False, f"fetch it from {weights.VGG16_ADDRESS}")
_OUT = flags.DEFINE_string("out", "", "the weight file to write")
_OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace the weight file if it exists")


def _parse(arguments: list[str]) -> list[str]:
    try:
        return list(flags.FLAGS(arguments))
    except flags.Error as error:
        print(f"convert_vgg16: {error}; see --help", file=sys.stderr)
        raise SystemExit(UsageError.exit_code) from error
    except SystemExit as shown_help:
        raise SystemExit(0) from shown_help


def _convert(arguments: list[str]) -> None:
    if arguments[1:] or bool(_SOURCE.value) == _DOWNLOAD.value or not _OUT.value:
        raise UsageError("give --out=FILE and either --source=FILE or --download, nothing else")
    if _DOWNLOAD.value:
        weights.download_and_convert_vgg16(_OUT.value, _OVERWRITE.value)
    else:
        weights.convert_vgg16(_SOURCE.value, _OUT.value, _OVERWRITE.value)


def main(arguments: list[str]) -> int:
    """Converts, and turns what went wrong into one line and an exit code."""
    try:
        _convert(arguments)
    except BrainfcnError as error:
        print(f"convert_vgg16: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
