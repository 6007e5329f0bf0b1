"""This project's own weight file (input/output).

It is a sealed HDF5 file (see `sealed_hdf5`): the root attributes are the fields of
`ModelDescription`, its label table as text; each parameter is one dataset named "layer/name".
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np

from brainfcn_jax.errors import InputError, UsageError, WeightsError
from brainfcn_jax.imaging.choices import (
    SLICE_AXES,
    Colours,
    EqualisationMode,
    MaskSlice,
    People,
    SliceAxes,
)
from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.imaging.grid import SPACING_LIMITS_MM
from brainfcn_jax.labels import (
    BRAIN,
    LabelTable,
    named_table,
    parsed_table,
    table_problems,
    table_text,
)
from brainfcn_jax.network import sealed_hdf5
from brainfcn_jax.network.fcn import Widths, parameter_shapes, widths_of
from brainfcn_jax.network.parameters import Parameters, flat, nested
from brainfcn_jax.text import either

MODEL_FORMAT = "brainfcn_jax.model"

_MAX_MAPS = 256
_TYPES: Mapping[str, Any] = MappingProxyType(
    {
        "stages": int,
        "maps": int,
        "labels": str,
        "people": str,
        "contrasts": (str,),
        "find_brain": int,
        "colours": str,
        "channel_means": (float,),
        "slice_axis": str,
        "spacing_mm": (float,),
        "equalise": str,
        "mask_slice": str,
        "licence": str,
        "training": str,
    }
)
"""What a weight file holds of each field; (str,) and (float,) are tuples of such."""

_MODALITIES: Mapping[str, tuple[People, tuple[str, ...], bool]] = MappingProxyType(
    {
        "any": ("adults", KNOWN, True),
        "any_newborn": ("newborns", ("T2w", "T1w"), True),
        "T1w": ("adults", ("T1w",), True),
        "T2w": ("newborns", ("T2w",), True),
        "FLAIR": ("anyone", ("FLAIR",), False),
        "PDw": ("anyone", ("PDw",), False),
    }
)
"""People, contrasts, and whether brains can be looked for, by the word for all of that in files
from before there were fields for them."""

_EARLIER = ("tissues", "modality")
"""Attributes of such files that became others,"""

_NEWER = ("labels", "people", "contrasts", "find_brain", "colours")
"""and those others."""


@dataclass(frozen=True)
class ModelDescription:
    """Everything that inference needs to know beside the parameters.

    Attributes:
        stages: VGG16 stages in the network, 4 or 5.
        maps: channels of each specialised layer (K).
        labels: what the network tells apart, beside the background.
        people: whose scans it is for.
        contrasts: of `contrasts.KNOWN`, those that it labels; to be preferred first.
        find_brain: whether a brain is looked for before anything is labelled.
        colours: what the three colours of its images are.
        channel_means: training mean of the red, green, blue channel, 0 to 255.
        slice_axis: "axial", "coronal", "sagittal", or "all" of them.
        spacing_mm: voxel size of the training scans along the canonical x, y, z.
        equalise: "volume" or "head", how the scans were histogram-equalised.
        mask_slice: "middle" or "largest", which slice post-processing takes the brain mask from.
        licence: licence of the weights.
        training: how they were trained, in words.
    """

    stages: int
    maps: int
    labels: LabelTable
    people: str
    contrasts: tuple[str, ...]
    find_brain: bool
    colours: str
    channel_means: tuple[float, float, float]
    slice_axis: str
    spacing_mm: tuple[float, float, float]
    equalise: str
    mask_slice: str
    licence: str
    training: str

    def problems(self) -> list[str]:
        """Return what is wrong with the values, one sentence each; empty when nothing is."""
        least_mm, most_mm = SPACING_LIMITS_MM
        rules = {
            "stages must be 4 or 5": self.stages in (4, 5),
            f"maps must be 1 to {_MAX_MAPS}": 1 <= self.maps <= _MAX_MAPS,
            "channel_means must be 3 numbers in 0..255": len(self.channel_means) == 3
            and all(0 <= mean <= 255 for mean in self.channel_means),
            f"spacing_mm must be 3 numbers in {least_mm}..{most_mm}": len(self.spacing_mm) == 3
            and all(least_mm <= mm <= most_mm for mm in self.spacing_mm),
            f"slice_axis must be one of {', '.join(SLICE_AXES)} or all": (
                self.slice_axis in get_args(SliceAxes)
            ),
            **_choice("equalise", self.equalise, EqualisationMode),
            **_choice("mask_slice", self.mask_slice, MaskSlice),
            **_choice("people", self.people, People),
            **_choice("colours", self.colours, Colours),
            f"contrasts are {', '.join(self.contrasts)}; they must be some of {', '.join(KNOWN)}": (
                len(self.contrasts) > 0 and set(self.contrasts) <= set(KNOWN)
            ),
        }
        broken = [rule for rule, holds in rules.items() if not holds]
        return broken + [f"labels: {problem}" for problem in table_problems(self.labels)]

    def refuse_contrast(self, contrast: str, stated: str) -> None:
        """Raise UsageError, which begins as the user `stated` it, when it is none of the model's.

        It says what the model is for.
        """
        if contrast not in self.contrasts:
            raise UsageError(f"{stated}, and the model is for {either(self.contrasts)}")

    def parameter_shapes(
        self, found: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    ) -> dict[str, tuple[int, ...]]:
        """Return the shape of every parameter of the described network, by "layer/name".

        Args:
            found: shapes of arrays there are, whose biases tell how wide its layers are.
        """
        return flat(parameter_shapes(self.stages, self.maps, self.labels.classes, widths_of(found)))


def _choice(name: str, value: str, kind: Any) -> dict[str, bool]:
    """Return the rule that a value is one of the words of a type, and whether it holds."""
    words = get_args(kind)
    return {f"{name} is {value!r}, must be {either(words)}": value in words}


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network: its parameters and what they belong to; equal to itself alone."""

    params: Parameters
    description: ModelDescription

    @property
    def widths(self) -> Widths:
        """Return the output channels of each VGG16 layer, stage by stage."""
        return widths_of({name: np.shape(array) for name, array in flat(self.params).items()})


def save_model(
    path: str | Path, model: Model, overwrite: bool = False, storage: str = "float32"
) -> None:
    """Write a model as a weight file, atomically; `storage` "float16" halves its size.

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
    attributes = {field.name: getattr(description, field.name) for field in fields(description)}
    attributes["labels"] = table_text(description.labels)
    attributes["find_brain"] = int(description.find_brain)
    sealed_hdf5.write_sealed(
        path, MODEL_FORMAT, attributes, arrays, overwrite=overwrite, storage=storage
    )


def load_model(path: str | Path) -> Model:
    """Read a weight file that `save_model` wrote; parameters are float32 whatever the storage.

    Raises:
        WeightsError: the file is missing, damaged, of another kind or version, or its arrays are
            not those of the network it describes (every difference is listed).
    """
    with sealed_hdf5.sealed_file(path, MODEL_FORMAT) as file:
        names = _TYPES if "labels" in file.attrs else {*_TYPES, *_EARLIER} - {*_NEWER}
        attributes = sealed_hdf5.read_attributes(file, tuple(names))
        if "labels" not in attributes:
            attributes = _from_earlier(path, attributes)
        description = _description(path, attributes)
        expected = description.parameter_shapes(sealed_hdf5.array_shapes(file))
        arrays = sealed_hdf5.read_arrays(file, expected)
    return Model(nested(arrays), description)


def _from_earlier(path: str | Path, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a file from before they had their present form in that form."""
    kept = {name: value for name, value in attributes.items() if name not in _EARLIER}
    tissues, modality = attributes["tissues"], attributes["modality"]
    if modality not in _MODALITIES:
        problems = [f"modality is {modality!r}, must be {either(list(_MODALITIES))}"]
        sealed_hdf5.refuse(path, "has an unusable description", problems)
    people, contrasts, has_finder = _MODALITIES[modality]
    labels = named_table(tissues)
    return {
        **kept,
        "labels": table_text(labels),
        "people": people,
        "contrasts": contrasts,
        "find_brain": int(has_finder and kept["mask_slice"] == "largest" and labels != BRAIN),
        "colours": "neighbours",
    }


def _description(path: str | Path, attributes: Mapping[str, Any]) -> ModelDescription:
    """Return what a file's attributes describe; raise WeightsError for what makes no sense."""
    problems = [
        f"{name} is {attributes[name]!r}, must be {_called(kind)}"
        for name, kind in _TYPES.items()
        if not _is_of(attributes[name], kind)
    ]
    sealed_hdf5.refuse(path, "has an unusable description", problems)
    try:
        labels = parsed_table(attributes["labels"])
    except InputError as error:
        raise WeightsError(f"'{path}' has an unusable description: labels: {error}") from error
    description = ModelDescription(
        **{**attributes, "labels": labels, "find_brain": bool(attributes["find_brain"])}
    )
    sealed_hdf5.refuse(path, "has an unusable description", description.problems())
    return description


def _is_of(value: Any, kind: Any) -> bool:
    """Return whether a value is of a type, or a tuple of what is of a type."""
    if isinstance(kind, tuple):
        return isinstance(value, tuple) and all(type(item) is kind[0] for item in value)
    return type(value) is kind


def _called(kind: Any) -> str:
    return f"a tuple of {kind[0].__name__}" if isinstance(kind, tuple) else kind.__name__
