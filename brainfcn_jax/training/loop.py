"""The training loop: steps, measurements, checkpoints, validation, weight files."""

import contextlib
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax

from brainfcn_jax.errors import TrainingError
from brainfcn_jax.network.model_file import Model, save_model
from brainfcn_jax.runtime.background import prefetch
from brainfcn_jax.runtime.jax_environment import is_out_of_memory
from brainfcn_jax.runtime.messages import warn
from brainfcn_jax.text import Detail, first_line
from brainfcn_jax.training.checkpoints import Checkpoints
from brainfcn_jax.training.curve import draw_curve
from brainfcn_jax.training.devices import abstract, device_count
from brainfcn_jax.training.measurements import Measurements, check_finite, is_due
from brainfcn_jax.training.precision import with_precision
from brainfcn_jax.training.processes import agree, from_first, is_first, together
from brainfcn_jax.training.progress import Progress
from brainfcn_jax.training.run import Run, make_model, prepare_run
from brainfcn_jax.training.run_folder import Workdir, flat_settings, occupied
from brainfcn_jax.training.settings import Settings, TrainingSettings
from brainfcn_jax.training.step import Metrics, TrainState
from brainfcn_jax.training.validation import validation_dice


def train(settings: Settings, folder: Path, detail: Detail = "normal") -> Workdir:
    """Train as the settings say, in `folder`, or go on with the run that is there.

    A run that is stopped at any moment and started again ends with the same parameters, bit for
    bit, as one that never stopped (on the same machines): the state comes from the last
    checkpoint, and batches and augmentation are functions of the seed and the step. On another
    number of devices or processes it ends with the same up to the order of sums.

    Of several processes (see `processes.joined`) the first keeps the folder, and the others only
    share the steps. How much it says of the run is `detail`.

    Raises:
        UsageError: the folder holds a run of another config, the settings ask for data that is
            not there, or the processes differ in settings or data.
        InputError: a scan or label map cannot be used.
        WeightsError: the weights to start from are missing or damaged.
        TrainingError: the loss is not finite any more, or a step does not fit into the device's
            memory; the last checkpoint is from before.
        OutputError: something cannot be written.
        ProcessError: another process could not start.
    """
    agree("settings", flat_settings(settings))
    settings = with_precision(settings, folder)
    with together():
        run, state = prepare_run(settings, folder)
    run = with_shared_means(run)
    if is_first():
        train_and_save(run, state, detail)
    else:
        train_along(run, state)
    return run.workdir


def train_and_save(run: Run, state: TrainState, detail: Detail = "normal") -> None:
    """Run the steps of the first process, which also measures, reports and saves."""
    training, workdir = run.settings.training, run.workdir
    run_step, steps = run.launch_step(), training.steps
    warn_of_idle_devices(training)
    with contextlib.ExitStack() as opened:
        opened.enter_context(within_memory(training))
        with together():
            opened.enter_context(occupied(workdir, run.settings))
            checkpoints = Checkpoints(workdir.checkpoints)
            first, state = checkpoints.restore_latest(abstract(state)) or (0, state)
            progress = opened.enter_context(Progress(steps, first, detail))
            measurements = Measurements(
                workdir.metrics,
                progress,
                first_step=first,
                steps=steps,
                log_every=training.log_every,
            )
        first, state = shared_start(first, state)
        ready = opened.enter_context(prefetch(run.source.batches(first, steps)))
        for step in range(first + 1, steps + 1):
            state, metrics = run_step(state, next(ready))
            measurements.step_done(step, metrics)
            if run.cases and is_due(step, training.validate_every, steps):
                with measurements.paused():
                    validate(run, measurements, step, make_model(run, state))
            if is_due(step, training.checkpoint_every, steps):
                with measurements.paused():
                    save_model(workdir.last, make_model(run, state), overwrite=True)
                    draw_curve(measurements.records, workdir.curve)
                    checkpoints.save(step, state)


def train_along(run: Run, state: TrainState) -> None:
    """Run the steps of any other process: the same, without the rest; end where the first does."""
    run_step, steps = run.launch_step(), run.settings.training.steps
    with together():  # while the first restores the state
        pass
    first, state = shared_start(0, state)
    batches = prefetch(run.source.batches(first, steps))
    with within_memory(run.settings.training), batches as ready:
        before: Metrics = {}
        for step in range(first + 1, steps + 1):
            state, metrics = run_step(state, next(ready))
            check_finite(step - 1, {name: float(value) for name, value in before.items()})
            before = metrics


@contextlib.contextmanager
def within_memory(training: TrainingSettings) -> Iterator[None]:
    """Raise TrainingError, saying what to change, where the device's memory does not suffice."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not is_out_of_memory(error):
            raise
        images = training.images_per_microbatch
        raise TrainingError(
            f"the device's memory is too small for {images} images at once, or for a validation "
            f"({first_line(error)}); take fewer with --config.training.images_per_microbatch=N and "
            "another --workdir, which gives the same steps in more parts, or end what else uses "
            "the device and run the same command again"
        ) from error


def with_shared_means(run: Run) -> Run:
    """Return the run with the first process's channel means, which are part of the compiled step.

    Those of other processes, on other processors, may differ in the last digits.

    Raises:
        UsageError: the processes have loaded different scans or label maps.
    """
    means = run.recipe.channel_means
    agree("scans or label maps", (run.source.subjects, [round(mean, 1) for mean in means]))
    red, green, blue = map(float, from_first(means))
    return replace(run, recipe=replace(run.recipe, channel_means=(red, green, blue)))


def shared_start(first: int, state: TrainState) -> tuple[int, TrainState]:
    """Return the first process's number of steps and state; the key is the same in all of them."""
    first, step, params, opt_state = from_first((first, state.step, state.params, state.opt_state))
    return int(first), state._replace(step=step, params=params, opt_state=opt_state)


def warn_of_idle_devices(training: TrainingSettings) -> None:
    """Say so when a step has fewer microbatches than there are devices."""
    devices = device_count(training.launcher)
    busy = math.ceil(training.images_per_step / training.images_per_microbatch)
    if busy < devices:
        warn(
            f"{devices - busy} of {devices} devices have nothing to do, since a step has {busy} "
            "microbatches; raise --config.training.images_per_step or lower "
            "--config.training.images_per_microbatch"
        )


def validate(run: Run, measurements: Measurements, step: int, model: Model) -> None:
    """Measure the model on the validation scans, and keep it when it is the best so far."""
    if measurements.validated(step, validation_dice(model, run.cases)):
        save_model(run.workdir.best, model, overwrite=True)
