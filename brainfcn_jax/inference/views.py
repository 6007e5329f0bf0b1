"""A volume seen along one axis or all three, and what the network says of it fused (numpy)."""

import functools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import SLICE_AXES, VIEWS, SliceAxis, directions, is_thick
from brainfcn_jax.imaging.slicing import slices_along
from brainfcn_jax.inference.prediction import (
    BATCH_SLICES,
    NetworkInput,
    Progress,
    ReadyNetwork,
    predict,
    relative_entropy,
    unwatched,
)
from brainfcn_jax.inference.slice_batches import Prediction, allowed_span
from brainfcn_jax.network.model_file import ModelDescription
from brainfcn_jax.text import either


def refuse_views(description: ModelDescription, views: int) -> None:
    """Raise UsageError unless a model has seen slices of as many directions as it shall use."""
    if views not in VIEWS:
        raise UsageError(f"views is {views}, must be {either([str(number) for number in VIEWS])}")
    if views > len(directions(description.slice_axis)):
        raise UsageError(
            f"{views} views are asked for, and the model was trained on {description.slice_axis} "
            "slices alone; leave views at 1, or give a model that was trained with "
            "data.slice_axis=all"
        )


def view_axes(
    description: ModelDescription, spacing_mm: tuple[float, float, float], views: int
) -> tuple[SliceAxis, ...]:
    """Return the directions that a scan of these voxels (x, y, z) is seen from, its own first.

    Thick slices are seen as they were acquired, and from nowhere else, by a model that has seen
    slices of all directions; for other scans it is the first `views` of the model's.

    Raises UsageError as `refuse_views` does.
    """
    refuse_views(description, views)
    axes = directions(description.slice_axis)

    def times_trained(axis: SliceAxis) -> float:
        place = SLICE_AXES[axis]
        return round(spacing_mm[place] / description.spacing_mm[place], 2)  # ties: the first

    coarsest = max(axes, key=times_trained)
    return (coarsest,) if is_thick(times_trained(coarsest), 1.0) else axes[:views]


def view_notes(axes: tuple[SliceAxis, ...], views: int) -> tuple[str, ...]:
    """Return a note when a scan is seen from fewer directions than were asked for."""
    if len(axes) == views:
        return ()
    return (f"slices so far apart are seen as they were acquired, {axes[0]}, and in no other view",)


def mean_probabilities(
    ready: ReadyNetwork,
    given: NetworkInput,
    axes: Sequence[SliceAxis],
    batch_slices: int = BATCH_SLICES,
    progress: Progress = unwatched,
) -> Float32[np.ndarray, "classes x y z"]:
    """Return the mean over axes of the probabilities that `predict` gives along each.

    `progress` is told the slices that are through, of those of all axes.
    """
    places = [SLICE_AXES[axis] for axis in axes]
    spans = [
        allowed_span(np.any(slices_along(given.allowed, place), axis=(1, 2))) for place in places
    ]
    slices = [stop - start for start, stop in spans]
    mean: Float32[np.ndarray, "classes x y z"] | None = None
    for nth, place in enumerate(places):
        through = functools.partial(_of_all, progress, sum(slices[:nth]), sum(slices))
        found = predict(
            ready,
            given,
            place,
            batch_slices=batch_slices,
            with_probabilities=True,
            progress=through,
        ).probabilities
        assert found is not None
        if mean is None:
            mean = found.astype(np.float32)
        else:
            mean += found
    assert mean is not None
    mean /= len(places)
    return mean


def _of_all(progress: Progress, before: int, total: int, step: str, done: int, _: int) -> None:
    """Tell a progress of all axes what was told of one."""
    progress(step, before + done, total)


def predict_along(
    ready: ReadyNetwork,
    given: NetworkInput,
    axes: Sequence[SliceAxis],
    *,
    batch_slices: int = BATCH_SLICES,
    with_probabilities: bool = False,
    progress: Progress = unwatched,
) -> Prediction:
    """Return what `predict` says of a volume seen along each axis.

    Of several axes the classes' probabilities are averaged, and labels, entropy and sums are
    theirs.
    """
    if len(axes) == 1:
        return predict(
            ready,
            given,
            SLICE_AXES[axes[0]],
            batch_slices=batch_slices,
            with_probabilities=with_probabilities,
            progress=progress,
        )
    assert given.reach == 1.0, given.reach  # thick slices are seen along one axis
    fused = mean_probabilities(ready, given, axes, batch_slices, progress)
    fused /= fused.sum(axis=0)  # those of half precision do not add up to 1 exactly
    return Prediction(
        labels=fused.argmax(axis=0).astype(np.uint8),
        entropy=relative_entropy(fused).astype(np.float16),
        class_sums=np.einsum("cxyz,x,y,z->c", fused, *given.voxel_weights, dtype=np.float64),
        probabilities=fused.astype(np.float16) if with_probabilities else None,
    )
