"""The training loop: from the settings of an experiment to its weight files."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import jax

from brainfcn_jax.checkpoint import Checkpoints
from brainfcn_jax.devices import abstract, launch
from brainfcn_jax.initialisation import initial_params, starting_model
from brainfcn_jax.labels import CLASSES, TISSUES
from brainfcn_jax.network import SegmentationNetwork
from brainfcn_jax.optimizer import make_optimizer
from brainfcn_jax.prefetch import prefetch
from brainfcn_jax.progress import Progress, is_due
from brainfcn_jax.settings import Settings
from brainfcn_jax.supply import Supply, load_supply
from brainfcn_jax.train_step import Recipe, TrainState, initial_state, train_step
from brainfcn_jax.training_data import ValidationCase, load_validation_cases
from brainfcn_jax.validation import validation_dice
from brainfcn_jax.weights import Model, ModelDescription, save_model
from brainfcn_jax.workdir import Workdir, find_workdir, flat_settings, make_workdir

_PRIVATE_SETTINGS = (
    "data.root",
    "data.train",
    "data.validation",
    "data.validation_root",
    "generator.heads_root",
    "network.vgg16_path",
    "network.model_path",
)
"""Paths on the user's machine and subjects' names, which have no place in a weight file."""


def train(settings: Settings, folder: Path) -> Workdir:
    """Trains as the settings say, in `folder`, or goes on with the run that is there.

    A run that is stopped at any moment and started again ends with the same parameters, bit for
    bit, as one that never stopped (on the same machine): the state comes from the last
    checkpoint, and batches and augmentation are functions of the seed and the step.

    Raises:
        UsageError: the folder holds a run of another config, or the settings ask for data that
            is not there.
        InputError: a scan or label map cannot be used.
        WeightsError: the weights to start from are missing or damaged.
        TrainingError: the loss is not finite any more; the last checkpoint is from before.
        OutputError: something cannot be written.
    """
    workdir = find_workdir(folder, settings)
    origin, cases = starting_model(settings), load_validation_cases(settings.data)
    supply = load_supply(settings)
    means_of = supply if origin is None else origin.description
    recipe = make_recipe(settings, means_of.channel_means)
    state = start(settings, recipe, origin)
    make_workdir(workdir, settings)
    run_step = launch(functools.partial(train_step, recipe=recipe), settings.training.launcher)
    steps = settings.training.steps

    with Checkpoints(workdir.checkpoints) as checkpoints:
        first, state = checkpoints.restore_latest(abstract(state)) or (0, state)
        numbers = supply.batches(first, steps)
        with follow(workdir, settings, first) as progress, prefetch(numbers) as ready:
            for step in range(first + 1, steps + 1):
                state, metrics = run_step(state, next(ready))
                progress.step_done(step, metrics)
                if cases and is_due(step, settings.training.validate_every, steps):
                    with progress.paused():
                        model = make_model(settings, supply, recipe, state, origin)
                        validate(workdir, progress, step, model, cases)
                if is_due(step, settings.training.checkpoint_every, steps):
                    with progress.paused():
                        model = make_model(settings, supply, recipe, state, origin)
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


def make_recipe(settings: Settings, channel_means: tuple[float, float, float]) -> Recipe:
    """What stays the same in all steps of the run."""
    network = settings.network
    return Recipe(
        network=SegmentationNetwork(
            stages=network.stages, maps=network.maps, classes=CLASSES, precision=network.precision
        ),
        optimizer=make_optimizer(settings.optimizer, settings.training.steps),
        augmentation=settings.augmentation,
        channel_means=channel_means,
        loss=settings.training.loss,
    )


def start(settings: Settings, recipe: Recipe, origin: Model | None) -> TrainState:
    """The state before the first step."""
    new_layers_key, steps_key = jax.random.split(jax.random.key(settings.seed))
    params = initial_params(new_layers_key, settings.network, recipe.network, origin)
    return initial_state(steps_key, params, recipe.optimizer)


def follow(workdir: Workdir, settings: Settings, first_step: int) -> Progress:
    """The bar, the metrics file and the picture of the run."""
    return Progress(
        workdir.metrics,
        workdir.curve,
        first_step=first_step,
        steps=settings.training.steps,
        log_every=settings.training.log_every,
    )


def make_model(
    settings: Settings, supply: Supply, recipe: Recipe, state: TrainState, origin: Model | None
) -> Model:
    """The network as it is after the state's step, with all that inference needs to know.

    The licence of the model that the training started from, `origin`, goes with it.
    """
    public = {
        key: value for key, value in flat_settings(settings).items() if key not in _PRIVATE_SETTINGS
    }
    training = {"steps": int(state.step), "subjects": supply.subjects, "settings": public}
    licences = [settings.licence] + ([origin.description.licence] if origin else [])
    description = ModelDescription(
        stages=settings.network.stages,
        maps=settings.network.maps,
        tissues=tuple(tissue.name for tissue in TISSUES),
        channel_means=recipe.channel_means,
        slice_axis=settings.data.slice_axis,
        spacing_mm=supply.spacing_mm,
        modality=settings.data.modality,
        equalise=settings.data.equalise,
        mask_slice=settings.data.mask_slice,
        licence=" Started from: ".join(licences),
        training=json.dumps(training),
    )
    return Model(jax.device_get(state.params), description)
