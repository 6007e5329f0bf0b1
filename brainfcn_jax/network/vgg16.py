"""The published VGG16 weights: found, fetched, checked and converted (input/output)."""

import hashlib
import http.client
import os
import urllib.request
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from brainfcn_jax.errors import OutputError, WeightsError
from brainfcn_jax.network import sealed_hdf5
from brainfcn_jax.network.fcn import VGG16_WIDTHS, backbone_layers, parameter_shapes
from brainfcn_jax.network.parameters import Parameters, flat, nested
from brainfcn_jax.runtime.atomic_files import new_file

VGG16_MD5 = "6d6bbae143d832006294945121d1f1fc"
VGG16_ADDRESS = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
"""Where Keras publishes VGG16 without its dense layers (58,889,256 bytes)."""
VGG16_BYTES = 58_889_256
VGG16_VARIABLE = "BRAINFCN_VGG16"

BACKBONE_FORMAT = "brainfcn_jax.vgg16"


def find_vgg16(path: str = "") -> Path:
    """Return the file of the published VGG16 weights: `path`, or else $BRAINFCN_VGG16.

    Raises:
        WeightsError: there is none; the message says exactly how to get it.
    """
    chosen = path or os.environ.get(VGG16_VARIABLE, "")
    if chosen and Path(chosen).is_file():
        return Path(chosen)
    found = f"'{chosen}' is not a file" if chosen else "none is named"
    raise WeightsError(
        f"training from ImageNet needs the published VGG16 weights, and {found}; get them with "
        "'python weights/convert_vgg16.py --download --out=vgg16_imagenet.h5' (59 MB), or with "
        "--source=FILE from a copy of the Keras file, then name the result with "
        f"{VGG16_VARIABLE}=vgg16_imagenet.h5 or --config.network.vgg16_path=vgg16_imagenet.h5"
    )


def read_vgg16(path: str | Path, stages: int) -> Parameters:
    """Return VGG16's convolutions up to a stage, from the Keras file or what was converted.

    The published kernels see blue, green, red; ours see red, green, blue, so the input axis of
    conv1_1 is reversed. Both expect values of 0 to 255 less the channel's mean.

    Raises:
        WeightsError: the file is missing, damaged or another one (every difference is listed).
    """
    if sealed_hdf5.is_sealed(path):
        with sealed_hdf5.sealed_file(path, BACKBONE_FORMAT) as file:
            params = nested(sealed_hdf5.read_arrays(file, _backbone_shapes()))
    else:
        params = _read_published(path)
    return {layer: params[layer] for layer, _, _ in backbone_layers(stages)}


def convert_vgg16(source: str | Path, out: str | Path, overwrite: bool = False) -> None:
    """Turn the published Keras file into a weight file with our names and channel order.

    Raises:
        WeightsError: the source is missing, damaged or another file.
        OutputError: `out` exists and `overwrite` is false, or it cannot be written.
    """
    arrays = flat(read_vgg16(source, len(VGG16_WIDTHS)))
    sealed_hdf5.write_sealed(out, BACKBONE_FORMAT, {}, arrays, overwrite=overwrite)


def download_vgg16(path: str | Path, overwrite: bool = False) -> None:
    """Fetch the Keras file from its published address, checked by md5 before it gets its name.

    Raises:
        WeightsError: the address cannot be reached or gives another file.
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
    """
    with new_file(path, overwrite) as temporary:
        temporary.write_bytes(_fetched(VGG16_ADDRESS))
        try:
            check_vgg16_md5(temporary)
        except WeightsError as error:
            raise WeightsError(f"{VGG16_ADDRESS} gave another file; {error}") from error


def download_and_convert_vgg16(out: str | Path, overwrite: bool = False) -> None:
    """Run `download_vgg16` into a temporary folder, then `convert_vgg16` to `out`."""
    if os.path.lexists(out) and not overwrite:
        raise OutputError(f"'{out}' exists already; choose another name or ask to overwrite it")
    with TemporaryDirectory() as folder:
        source = Path(folder) / VGG16_ADDRESS.rsplit("/", 1)[1]
        download_vgg16(source)
        convert_vgg16(source, out, overwrite)


def check_vgg16_md5(path: str | Path) -> None:
    """Raise WeightsError unless the file is, bit for bit, the published one.

    For another file the message also lists how its arrays differ from VGG16's, if it has any.
    """
    with sealed_hdf5.readable(path) as stream:
        md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 == VGG16_MD5:
        return
    try:
        with sealed_hdf5.plain_file(path) as file:
            differences = sealed_hdf5.shape_differences(
                sealed_hdf5.array_shapes(file), _published_shapes()
            )
    except WeightsError:
        differences = ["it cannot be read as HDF5"]
    what = "; ".join(differences) or "its arrays have the right names and shapes, but other bytes"
    raise WeightsError(
        f"'{path}' is not the published VGG16 file: md5 {md5}, must be {VGG16_MD5}; {what}; "
        f"get it from {VGG16_ADDRESS}"
    )


def _fetched(address: str) -> bytes:
    try:
        with urllib.request.urlopen(address, timeout=60) as reply:
            return bytes(reply.read(VGG16_BYTES + 1))
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(
            f"{address} cannot be fetched ({error}); fetch it by other means and give it with "
            "--source=FILE"
        ) from error


def _backbone_shapes() -> dict[str, tuple[int, ...]]:
    shapes = flat(parameter_shapes(len(VGG16_WIDTHS), maps=1, classes=1))
    return {name: shape for name, shape in shapes.items() if name.startswith("conv")}


def _published_name(name: str) -> str:
    """Return conv3_2/kernel -> block3_conv2/block3_conv2_W_1:0."""
    layer, part = name.split("/")
    stage, index = layer.removeprefix("conv").split("_")
    published = f"block{stage}_conv{index}"
    return f"{published}/{published}_{'W' if part == 'kernel' else 'b'}_1:0"


def _published_shapes() -> dict[str, tuple[int, ...]]:
    return {_published_name(name): shape for name, shape in _backbone_shapes().items()}


def _read_published(path: str | Path) -> Parameters:
    check_vgg16_md5(path)
    with sealed_hdf5.plain_file(path) as file:
        published = sealed_hdf5.read_arrays(file, _published_shapes())
    arrays = {name: published[_published_name(name)] for name in _backbone_shapes()}
    blue_green_red = arrays["conv1_1/kernel"]
    arrays["conv1_1/kernel"] = np.ascontiguousarray(blue_green_red[:, :, ::-1, :])
    return nested(arrays)
