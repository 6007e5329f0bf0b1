"""What one training run needs, prepared from its settings: data, recipe, state, model."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import jax

from brainfcn_jax.network import kernels
from brainfcn_jax.network.fcn import VGG16_WIDTHS, SegmentationNetwork
from brainfcn_jax.network.model_file import Model, ModelDescription
from brainfcn_jax.training.batch_source import BatchSource, load_batch_source
from brainfcn_jax.training.devices import CompiledStep, launch
from brainfcn_jax.training.initialisation import initial_params, starting_model
from brainfcn_jax.training.label_choice import labels_of
from brainfcn_jax.training.optimizer import make_optimizer
from brainfcn_jax.training.processes import is_first
from brainfcn_jax.training.run_folder import Workdir, find_workdir, flat_settings
from brainfcn_jax.training.settings import Settings
from brainfcn_jax.training.step import StepRecipe, TrainState, initial_state, train_step
from brainfcn_jax.training.validation import ValidationCase, load_validation_cases

_PRIVATE_SETTINGS = (
    "data.root",
    "data.label_table",
    "data.train",
    "data.validation",
    "data.validation_root",
    "generator.heads_root",
    "generator.newborns_root",
    "network.vgg16_path",
    "network.model_path",
)
"""Paths on the user's machine and subjects' names, which have no place in a weight file."""


@dataclass(frozen=True)
class Run:
    """What stays the same while a run goes on.

    Attributes:
        settings: of the experiment.
        workdir: its folder, read and written by the first process alone.
        origin: the trained model it started from; None: there was none.
        cases: scans that its course is measured on; none in any process but the first.
        source: where its batches come from.
        recipe: what its steps have in common.
    """

    settings: Settings
    workdir: Workdir
    origin: Model | None
    cases: tuple[ValidationCase, ...]
    source: BatchSource
    recipe: StepRecipe

    def launch_step(self) -> CompiledStep:
        """Return one step, compiled."""
        launcher = self.settings.training.launcher
        return launch(functools.partial(train_step, recipe=self.recipe), launcher)


def prepare_run(settings: Settings, folder: Path) -> tuple[Run, TrainState]:
    """Load what a run needs, and make its state before the first step; write nothing."""
    workdir = find_workdir(folder, settings) if is_first() else Workdir(folder)
    origin = starting_model(settings)
    cases = load_validation_cases(settings.data) if is_first() else ()
    source = load_batch_source(settings)
    recipe = make_recipe(settings, source.channel_means, origin)
    return Run(settings, workdir, origin, cases, source, recipe), start(settings, recipe, origin)


def make_recipe(
    settings: Settings, channel_means: tuple[float, float, float], origin: Model | None = None
) -> StepRecipe:
    """Return what stays the same in all steps of the run.

    Args:
        settings: of the experiment.
        channel_means: of the data, for a network that starts without a trained model.
        origin: the trained model that is started from; its means and widths are kept.
    """
    network = settings.network
    widths = tuple(
        tuple(channels // network.narrowing for channels in stage) for stage in VGG16_WIDTHS
    )
    if origin is not None:
        channel_means, widths = origin.description.channel_means, origin.widths
    return StepRecipe(
        network=SegmentationNetwork(
            stages=network.stages,
            maps=network.maps,
            classes=labels_of(settings).classes,
            widths=widths,
            precision=network.precision,
            kernels=kernels.fastest(network.precision),
        ),
        optimizer=make_optimizer(settings.optimizer, settings.training.steps),
        augmentation=settings.augmentation,
        channel_means=channel_means,
        loss=settings.training.loss,
    )


def start(settings: Settings, recipe: StepRecipe, origin: Model | None) -> TrainState:
    """Return the state before the first step."""
    new_layers_key, steps_key = jax.random.split(jax.random.key(settings.seed))
    params = initial_params(new_layers_key, settings.network, recipe.network, origin)
    return initial_state(steps_key, params, recipe.optimizer)


def make_model(run: Run, state: TrainState) -> Model:
    """Return the network as it is after the state's step, with all that inference needs to know.

    The licence of the model that the training started from goes with it.
    """
    settings, origin = run.settings, run.origin
    public = {
        key: value for key, value in flat_settings(settings).items() if key not in _PRIVATE_SETTINGS
    }
    training = {"steps": int(state.step), "subjects": run.source.subjects, "settings": public}
    licences = [settings.licence]
    if origin is not None and origin.description.licence != settings.licence:
        licences.append(origin.description.licence)
    description = ModelDescription(
        stages=settings.network.stages,
        maps=settings.network.maps,
        labels=labels_of(settings),
        people=settings.data.people,
        contrasts=settings.data.contrasts,
        find_brain=settings.data.find_brain,
        colours=settings.data.colours,
        channel_means=run.recipe.channel_means,
        slice_axis=settings.data.slice_axis,
        spacing_mm=run.source.spacing_mm,
        equalise=settings.data.equalise,
        mask_slice=settings.data.mask_slice,
        licence=" Started from: ".join(licences),
        training=json.dumps(training),
    )
    return Model(jax.device_get(state.params), description)
