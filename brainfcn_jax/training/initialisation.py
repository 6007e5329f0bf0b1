"""What a network's training starts from: random numbers, ImageNet, or a trained model."""

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from brainfcn_jax.errors import UsageError
from brainfcn_jax.network.fcn import INPUT_CHANNELS, SegmentationNetwork
from brainfcn_jax.network.model_file import Model, load_model
from brainfcn_jax.network.vgg16 import find_vgg16, read_vgg16
from brainfcn_jax.training.devices import run_compiled
from brainfcn_jax.training.label_choice import labels_of
from brainfcn_jax.training.settings import NetworkSettings, Settings
from brainfcn_jax.training.step import Params

_SMALLEST_IMAGE = (1, 16, 16, INPUT_CHANNELS)


def starting_model(settings: Settings) -> Model | None:
    """Return the trained model to start from; None when the settings start from something else.

    Raises:
        WeightsError: the model's file is missing or damaged.
        UsageError: it is not the network that the settings describe, it sees scans in another
            way, or it has other labels.
    """
    network, data = settings.network, settings.data
    if network.start != "model":
        return None
    model = load_model(network.model_path)
    description = model.description
    compared: dict[str, tuple[object, object]] = {
        "network.stages": (description.stages, network.stages),
        "network.maps": (description.maps, network.maps),
        "data.equalise": (description.equalise, data.equalise),
    }
    if "all" not in (description.slice_axis, data.slice_axis):
        compared["data.slice_axis"] = description.slice_axis, data.slice_axis
    differing = [
        f"{key} is {theirs} there and {ours} here (--config.{key}={theirs})"
        for key, (theirs, ours) in compared.items()
        if theirs != ours
    ]
    if description.labels != labels_of(settings):
        differing.append(f"its labels are {', '.join(description.labels.names)}")
    if differing:
        raise UsageError(
            f"'{network.model_path}' is not the network of this config: {'; '.join(differing)}"
        )
    return model


def initial_params(
    key: PRNGKeyArray,
    settings: NetworkSettings,
    network: SegmentationNetwork,
    model: Model | None = None,
) -> Params:
    """Return parameters to start from: those of `model`, or new ones, with VGG16's if asked for.

    Raises:
        WeightsError: the ImageNet weights are asked for and missing or damaged.
    """
    if model is not None:
        return jax.tree.map(jnp.asarray, model.params)
    if settings.start == "random":
        return run_compiled(new_layers, (network, frozenset()), key)
    published = read_vgg16(find_vgg16(settings.vgg16_path), settings.stages)
    added = run_compiled(new_layers, (network, frozenset(published)), key)
    return {**jax.tree.map(jnp.asarray, published), **added}


def new_layers(given: tuple[SegmentationNetwork, frozenset[str]], key: PRNGKeyArray) -> Params:
    """Return random parameters of a network's layers but for those of the given names."""
    network, others = given
    params = network.init(key, jnp.zeros(_SMALLEST_IMAGE, jnp.float32))["params"]
    return {layer: part for layer, part in params.items() if layer not in others}
