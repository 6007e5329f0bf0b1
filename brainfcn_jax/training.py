"""The training loop: from the settings of an experiment to its weight files."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from brainfcn_jax.batches import BatchShape, batch_shape, batches, channel_means
from brainfcn_jax.checkpoint import Checkpoints
from brainfcn_jax.devices import abstract, device_count, launch, run_compiled
from brainfcn_jax.labels import CLASSES, TISSUES
from brainfcn_jax.network import INPUT_CHANNELS, SegmentationNetwork
from brainfcn_jax.optimizer import make_optimizer
from brainfcn_jax.prefetch import prefetch
from brainfcn_jax.progress import Progress, is_due
from brainfcn_jax.settings import NetworkSettings, Settings
from brainfcn_jax.train_step import Params, Recipe, TrainState, initial_state, train_step
from brainfcn_jax.training_data import (
    TrainingData,
    ValidationCase,
    load_training_data,
    load_validation_cases,
)
from brainfcn_jax.validation import validation_dice
from brainfcn_jax.weights import Model, ModelDescription, find_vgg16, read_vgg16, save_model
from brainfcn_jax.workdir import Workdir, find_workdir, flat_settings, make_workdir

_PRIVATE_SETTINGS = ("data.root", "network.vgg16_path")
"""Paths on the user's machine, which have no place in a weight file."""

_SMALLEST_IMAGE = (1, 16, 16, INPUT_CHANNELS)


def train(settings: Settings, folder: Path) -> Workdir:
    """Trains as the settings say, in `folder`, or goes on with the run that is there.

    A run that is stopped at any moment and started again ends with the same parameters, bit for
    bit, as one that never stopped (on the same machine): the state comes from the last
    checkpoint, and batches and augmentation are functions of the seed and the step.

    Raises:
        UsageError: the folder holds a run of another config, or the settings ask for data that
            is not there.
        InputError: a scan or label map cannot be used.
        WeightsError: the ImageNet weights are asked for and missing or damaged.
        TrainingError: the loss is not finite any more; the last checkpoint is from before.
        OutputError: something cannot be written.
    """
    workdir = find_workdir(folder, settings)
    data, cases = load_training_data(settings.data), load_validation_cases(settings.data)
    make_workdir(workdir, settings)
    recipe, shape = make_recipe(settings, data), make_batch_shape(settings, data)
    run_step = launch(functools.partial(train_step, recipe=recipe), settings.training.launcher)
    steps = settings.training.steps

    with Checkpoints(workdir.checkpoints) as checkpoints:
        first, state = start(settings, recipe, checkpoints)
        numbers = batches(data.volumes, shape, settings.seed, first, steps)
        with follow(workdir, settings, first) as progress, prefetch(numbers) as ready:
            for step in range(first + 1, steps + 1):
                state, metrics = run_step(state, next(ready))
                progress.step_done(step, metrics)
                if cases and is_due(step, settings.training.validate_every, steps):
                    with progress.paused():
                        model = make_model(settings, data, recipe, state)
                        validate(workdir, progress, step, model, cases)
                if is_due(step, settings.training.checkpoint_every, steps):
                    with progress.paused():
                        model = make_model(settings, data, recipe, state)
                        save_model(workdir.last, model, overwrite=True)
                        progress.draw()
                        checkpoints.save(step, state)
    return workdir


def validate(
    workdir: Workdir,
    progress: Progress,
    step: int,
    model: Model,
    cases: Sequence[ValidationCase],
) -> None:
    """Measures the model on the validation scans, and keeps it when it is the best so far."""
    best_before = progress.best_mean_dice
    progress.validated(step, validation_dice(model, cases))
    if progress.best_mean_dice > best_before:
        save_model(workdir.best, model, overwrite=True)


def make_recipe(settings: Settings, data: TrainingData) -> Recipe:
    """What stays the same in all steps of the run."""
    network = settings.network
    return Recipe(
        network=SegmentationNetwork(
            stages=network.stages, maps=network.maps, classes=CLASSES, precision=network.precision
        ),
        optimizer=make_optimizer(settings.optimizer, settings.training.steps),
        augmentation=settings.augmentation,
        channel_means=channel_means(data.volumes),
        loss=settings.training.loss,
    )


def make_batch_shape(settings: Settings, data: TrainingData) -> BatchShape:
    """The one shape of the run's batches."""
    training = settings.training
    return batch_shape(
        data.volumes,
        training.images_per_step,
        training.images_per_microbatch,
        device_count(training.launcher),
    )


def start(settings: Settings, recipe: Recipe, checkpoints: Checkpoints) -> tuple[int, TrainState]:
    """How many steps are made already, and the state after them."""
    new_layers_key, steps_key = jax.random.split(jax.random.key(settings.seed))
    params = initial_params(new_layers_key, settings.network, recipe.network)
    state = initial_state(steps_key, params, recipe.optimizer)
    return checkpoints.restore_latest(abstract(state)) or (0, state)


def initial_params(
    key: PRNGKeyArray, settings: NetworkSettings, network: SegmentationNetwork
) -> Params:
    """Parameters to start from: new ones, with VGG16's convolutions from ImageNet if asked for.

    Raises:
        WeightsError: the ImageNet weights are asked for and missing or damaged.
    """
    if settings.start == "random":
        return run_compiled(new_layers, (network, frozenset()), key)
    published = read_vgg16(find_vgg16(settings.vgg16_path), settings.stages)
    added = run_compiled(new_layers, (network, frozenset(published)), key)
    return {**jax.tree.map(jnp.asarray, published), **added}


def new_layers(given: tuple[SegmentationNetwork, frozenset[str]], key: PRNGKeyArray) -> Params:
    """Random parameters of a network's layers but for those of the given names."""
    network, others = given
    params = network.init(key, jnp.zeros(_SMALLEST_IMAGE, jnp.float32))["params"]
    return {layer: part for layer, part in params.items() if layer not in others}


def follow(workdir: Workdir, settings: Settings, first_step: int) -> Progress:
    """The bar, the metrics file and the picture of the run."""
    return Progress(
        workdir.metrics,
        workdir.curve,
        first_step=first_step,
        steps=settings.training.steps,
        log_every=settings.training.log_every,
    )


def make_model(settings: Settings, data: TrainingData, recipe: Recipe, state: TrainState) -> Model:
    """The network as it is after the state's step, with all that inference needs to know."""
    public = {
        key: value for key, value in flat_settings(settings).items() if key not in _PRIVATE_SETTINGS
    }
    training = {"steps": int(state.step), "subjects": len(data.volumes), "settings": public}
    description = ModelDescription(
        stages=settings.network.stages,
        maps=settings.network.maps,
        tissues=tuple(tissue.name for tissue in TISSUES),
        channel_means=recipe.channel_means,
        slice_axis=settings.data.slice_axis,
        spacing_mm=data.spacing_mm,
        modality=settings.data.modality,
        equalise=settings.data.equalise,
        mask_slice=settings.data.mask_slice,
        licence=settings.licence,
        training=json.dumps(training),
    )
    return Model(jax.device_get(state.params), description)
