"""Weights on disk: this project's own weight file and the published VGG16 (input/output).

A weight file is a sealed HDF5 file (see `hdf5`): the root attributes are the fields of
`ModelDescription`, each parameter is one dataset named "layer/name".
"""

import hashlib
import http.client
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, get_args, get_type_hints

import numpy as np

from brainfcn_jax import hdf5
from brainfcn_jax.errors import OutputError, WeightsError
from brainfcn_jax.files import new_file
from brainfcn_jax.grid import SPACING_LIMITS_MM
from brainfcn_jax.network import STAGES, backbone_layers, parameter_shapes

VGG16_MD5 = "6d6bbae143d832006294945121d1f1fc"
VGG16_ADDRESS = (
    "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
)
"""Where Keras publishes VGG16 without its dense layers (58,889,256 bytes)."""
VGG16_BYTES = 58_889_256
VGG16_VARIABLE = "BRAINFCN_VGG16"

MODEL_FORMAT = "brainfcn_jax.model"
BACKBONE_FORMAT = "brainfcn_jax.vgg16"

_Leaf = TypeVar("_Leaf")
_MAX_MAPS = 256
_MAX_TISSUES = 255

Parameters = dict[str, dict[str, np.ndarray]]
"""Float32 arrays by layer and name: parameters["conv3_2"]["kernel"]."""


@dataclass(frozen=True)
class ModelDescription:
    """Everything that inference needs to know beside the parameters.

    Attributes:
        stages: VGG16 stages in the network, 4 or 5.
        maps: channels of each specialised layer (K).
        tissues: names of the tissues 1, 2, ...; the network has one class more, the background.
        channel_means: training mean of the red, green, blue channel, 0 to 255.
        slice_axis: "axial", "coronal" or "sagittal".
        spacing_mm: voxel size of the training scans along the canonical x, y, z.
        modality: for example "T1w".
        equalise: "volume" or "head", how the scans were histogram-equalised.
        mask_slice: "middle" or "largest", which slice post-processing takes the brain mask from.
        licence: licence of the weights.
        training: how they were trained, in words.
    """

    stages: int
    maps: int
    tissues: tuple[str, ...]
    channel_means: tuple[float, float, float]
    slice_axis: str
    spacing_mm: tuple[float, float, float]
    modality: str
    equalise: str
    mask_slice: str
    licence: str
    training: str

    def problems(self) -> list[str]:
        """What is wrong with the values, one sentence each; empty when nothing is."""
        least_mm, most_mm = SPACING_LIMITS_MM
        rules = {
            "stages must be 4 or 5": self.stages in (4, 5),
            f"maps must be 1 to {_MAX_MAPS}": 1 <= self.maps <= _MAX_MAPS,
            f"tissues must be 1 to {_MAX_TISSUES} names": 1 <= len(self.tissues) <= _MAX_TISSUES
            and all(self.tissues),
            "channel_means must be 3 numbers in 0..255": len(self.channel_means) == 3
            and all(0 <= mean <= 255 for mean in self.channel_means),
            f"spacing_mm must be 3 numbers in {least_mm}..{most_mm}": len(self.spacing_mm) == 3
            and all(least_mm <= mm <= most_mm for mm in self.spacing_mm),
            "slice_axis must be axial, coronal or sagittal": self.slice_axis
            in ("axial", "coronal", "sagittal"),
            "equalise must be volume or head": self.equalise in ("volume", "head"),
            "mask_slice must be middle or largest": self.mask_slice in ("middle", "largest"),
        }
        return [rule for rule, holds in rules.items() if not holds]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter of the described network, by "layer/name"."""
        return _flat(parameter_shapes(self.stages, self.maps, len(self.tissues) + 1))


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network: its parameters and what they belong to; equal to itself alone."""

    params: Parameters
    description: ModelDescription


def save_model(
    path: str | Path, model: Model, overwrite: bool = False, storage: str = "float32"
) -> None:
    """Writes a model as a weight file, atomically; `storage` "float16" halves its size.

    Raises:
        WeightsError: the parameters are not those of the described network, or not finite.
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
    """
    description = model.description
    arrays = {name: np.asarray(array) for name, array in _flat(model.params).items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    problems = description.problems()
    problems = problems or hdf5.shape_differences(shapes, description.parameter_shapes())
    hdf5.refuse(path, "cannot hold this model", problems)
    hdf5.write_sealed(
        path, MODEL_FORMAT, asdict(description), arrays, overwrite=overwrite, storage=storage
    )


def load_model(path: str | Path) -> Model:
    """Reads a weight file that `save_model` wrote; parameters are float32 whatever the storage.

    Raises:
        WeightsError: the file is missing, damaged, of another kind or version, or its arrays are
            not those of the network it describes (every difference is listed).
    """
    names = tuple(field.name for field in fields(ModelDescription))
    with hdf5.sealed_file(path, MODEL_FORMAT) as file:
        description = _description(path, hdf5.read_attributes(file, names))
        arrays = hdf5.read_arrays(file, description.parameter_shapes())
    return Model(_nested(arrays), description)


def find_vgg16(path: str = "") -> Path:
    """The file of the published VGG16 weights: `path`, or $BRAINFCN_VGG16 where that is empty.

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
    """VGG16's convolutions up to a stage, from the Keras file or from what `convert_vgg16` wrote.

    The published kernels see blue, green, red; ours see red, green, blue, so the input axis of
    conv1_1 is reversed. Both expect values of 0 to 255 less the channel's mean.

    Raises:
        WeightsError: the file is missing, damaged or another one (every difference is listed).
    """
    if hdf5.is_sealed(path):
        with hdf5.sealed_file(path, BACKBONE_FORMAT) as file:
            params = _nested(hdf5.read_arrays(file, _backbone_shapes()))
    else:
        params = _read_published(path)
    return {layer: params[layer] for layer, _, _ in backbone_layers(stages)}


def convert_vgg16(source: str | Path, out: str | Path, overwrite: bool = False) -> None:
    """Turns the published Keras file into a weight file with our names and channel order.

    Raises:
        WeightsError: the source is missing, damaged or another file.
        OutputError: `out` exists and `overwrite` is false, or it cannot be written.
    """
    arrays = _flat(read_vgg16(source, len(STAGES)))
    hdf5.write_sealed(out, BACKBONE_FORMAT, {}, arrays, overwrite=overwrite)


def download_vgg16(path: str | Path, overwrite: bool = False) -> None:
    """Fetches the Keras file from its published address, checked by md5 before it gets its name.

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
    """`download_vgg16` into a temporary folder, then `convert_vgg16` to `out`."""
    if os.path.lexists(out) and not overwrite:
        raise OutputError(f"'{out}' exists already; choose another name or ask to overwrite it")
    with TemporaryDirectory() as folder:
        source = Path(folder) / VGG16_ADDRESS.rsplit("/", 1)[1]
        download_vgg16(source)
        convert_vgg16(source, out, overwrite)


def check_vgg16_md5(path: str | Path) -> None:
    """Raises WeightsError unless the file is, bit for bit, the published one.

    For another file the message also lists how its arrays differ from VGG16's, if it has any.
    """
    with hdf5.readable(path) as stream:
        md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 == VGG16_MD5:
        return
    try:
        with hdf5.plain_file(path) as file:
            differences = hdf5.shape_differences(hdf5.array_shapes(file), _published_shapes())
    except WeightsError:
        differences = ["it cannot be read as HDF5"]
    what = "; ".join(differences) or "its arrays have the right names and shapes, but other bytes"
    raise WeightsError(
        f"'{path}' is not the published VGG16 file: md5 {md5}, must be {VGG16_MD5}; {what}; "
        f"get it from {VGG16_ADDRESS}"
    )


def _description(path: str | Path, attributes: Mapping[str, Any]) -> ModelDescription:
    problems = [
        f"{name} is {attributes[name]!r}, must be {hint}"
        for name, hint in get_type_hints(ModelDescription).items()
        if not _is_of(attributes[name], hint)
    ]
    hdf5.refuse(path, "has an unusable description", problems)
    description = ModelDescription(**attributes)
    hdf5.refuse(path, "has an unusable description", description.problems())
    return description


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value is an int, str, or tuple of one type, as the hint says."""
    items = get_args(hint)
    if not items:
        return type(value) is hint
    return isinstance(value, tuple) and all(type(item) is items[0] for item in value)


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
    shapes = _flat(parameter_shapes(len(STAGES), maps=1, classes=1))
    return {name: shape for name, shape in shapes.items() if name.startswith("conv")}


def _published_name(name: str) -> str:
    """conv3_2/kernel -> block3_conv2/block3_conv2_W_1:0."""
    layer, part = name.split("/")
    stage, index = layer.removeprefix("conv").split("_")
    published = f"block{stage}_conv{index}"
    return f"{published}/{published}_{'W' if part == 'kernel' else 'b'}_1:0"


def _published_shapes() -> dict[str, tuple[int, ...]]:
    return {_published_name(name): shape for name, shape in _backbone_shapes().items()}


def _read_published(path: str | Path) -> Parameters:
    check_vgg16_md5(path)
    with hdf5.plain_file(path) as file:
        published = hdf5.read_arrays(file, _published_shapes())
    arrays = {name: published[_published_name(name)] for name in _backbone_shapes()}
    blue_green_red = arrays["conv1_1/kernel"]
    arrays["conv1_1/kernel"] = np.ascontiguousarray(blue_green_red[:, :, ::-1, :])
    return _nested(arrays)


def _flat(tree: Mapping[str, Mapping[str, _Leaf]]) -> dict[str, _Leaf]:
    return {f"{layer}/{name}": leaf for layer, ns in tree.items() for name, leaf in ns.items()}


def _nested(arrays: Mapping[str, np.ndarray]) -> Parameters:
    params: Parameters = {}
    for path, array in arrays.items():
        layer, name = path.split("/")
        params.setdefault(layer, {})[name] = array
    return params
