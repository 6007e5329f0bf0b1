"""This project's own weight file (input/output).

It is a sealed HDF5 file (see `sealed_hdf5`): the root attributes are the fields of
`ModelDescription`, each parameter is one dataset named "layer/name".
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

import numpy as np

from brainfcn_jax.errors import WeightsError
from brainfcn_jax.imaging.choices import SLICE_AXES, EqualisationMode, MaskSlice, SliceAxes
from brainfcn_jax.imaging.grid import SPACING_LIMITS_MM
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.network import sealed_hdf5
from brainfcn_jax.network.fcn import Widths, parameter_shapes, widths_of
from brainfcn_jax.network.parameters import Parameters, flat, nested

MODEL_FORMAT = "brainfcn_jax.model"

_MAX_MAPS = 256
_MAX_TISSUES = 255


@dataclass(frozen=True)
class ModelDescription:
    """Everything that inference needs to know beside the parameters.

    Attributes:
        stages: VGG16 stages in the network, 4 or 5.
        maps: channels of each specialised layer (K).
        tissues: names of the tissues 1, 2, ...; the network has one class more, the background.
        channel_means: training mean of the red, green, blue channel, 0 to 255.
        slice_axis: "axial", "coronal", "sagittal", or "all" of them.
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
            f"slice_axis must be one of {', '.join(SLICE_AXES)} or all": (
                self.slice_axis in get_args(SliceAxes)
            ),
            "equalise must be volume or head": self.equalise in get_args(EqualisationMode),
            "mask_slice must be middle or largest": self.mask_slice in get_args(MaskSlice),
        }
        return [rule for rule, holds in rules.items() if not holds]

    def parameter_shapes(
        self, found: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    ) -> dict[str, tuple[int, ...]]:
        """Shape of every parameter of the described network, by "layer/name".

        Args:
            found: shapes of arrays there are, whose biases tell how wide its layers are.
        """
        classes = len(self.tissues) + 1
        return flat(parameter_shapes(self.stages, self.maps, classes, widths_of(found)))


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network: its parameters and what they belong to; equal to itself alone."""

    params: Parameters
    description: ModelDescription

    @property
    def widths(self) -> Widths:
        """Output channels of each VGG16 layer, stage by stage."""
        return widths_of({name: np.shape(array) for name, array in flat(self.params).items()})


def save_model(
    path: str | Path, model: Model, overwrite: bool = False, storage: str = "float32"
) -> None:
    """Writes a model as a weight file, atomically; `storage` "float16" halves its size.

    Raises:
        WeightsError: the parameters are not those of the described network, or not finite.
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
    """
    description = model.description
    arrays = {name: np.asarray(array) for name, array in flat(model.params).items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    problems = description.problems()
    problems = problems or sealed_hdf5.shape_differences(
        shapes, description.parameter_shapes(shapes)
    )
    sealed_hdf5.refuse(path, "cannot hold this model", problems)
    sealed_hdf5.write_sealed(
        path, MODEL_FORMAT, asdict(description), arrays, overwrite=overwrite, storage=storage
    )


def load_model(path: str | Path) -> Model:
    """Reads a weight file that `save_model` wrote; parameters are float32 whatever the storage.

    Raises:
        WeightsError: the file is missing, damaged, of another kind or version, or its arrays are
            not those of the network it describes (every difference is listed).
    """
    names = tuple(field.name for field in fields(ModelDescription))
    with sealed_hdf5.sealed_file(path, MODEL_FORMAT) as file:
        description = _description(path, sealed_hdf5.read_attributes(file, names))
        expected = description.parameter_shapes(sealed_hdf5.array_shapes(file))
        arrays = sealed_hdf5.read_arrays(file, expected)
    return Model(nested(arrays), description)


def _description(path: str | Path, attributes: Mapping[str, Any]) -> ModelDescription:
    problems = [
        f"{name} is {attributes[name]!r}, must be {hint}"
        for name, hint in get_type_hints(ModelDescription).items()
        if not _is_of(attributes[name], hint)
    ]
    sealed_hdf5.refuse(path, "has an unusable description", problems)
    description = ModelDescription(**attributes)
    sealed_hdf5.refuse(path, "has an unusable description", description.problems())
    return description


def _is_of(value: Any, hint: Any) -> bool:
    """Whether a value is an int, str, or tuple of one type, as the hint says."""
    items = get_args(hint)
    if not items:
        return type(value) is hint
    return isinstance(value, tuple) and all(type(item) is items[0] for item in value)


def load_tissue_model(path: str) -> Model:
    """The model of a weight file, if its classes are this package's tissues.

    Raises WeightsError.
    """
    model = load_model(path)
    expected = tuple(tissue.name for tissue in TISSUES)
    if model.description.tissues != expected:
        raise WeightsError(
            f"'{path}' labels {', '.join(model.description.tissues)}; "
            f"give weights that label {', '.join(expected)}"
        )
    return model
