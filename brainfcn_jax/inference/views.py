"""A volume seen along one axis or all three, and what the network says of it fused (numpy)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float16, UInt8

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import SLICE_AXES, VIEWS, SliceAxis, directions
from brainfcn_jax.inference.network_input import is_thick
from brainfcn_jax.inference.prediction import (
    ANYTHING,
    BATCH_SLICES,
    Prediction,
    Progress,
    VoxelWeights,
    allowed_span,
    mean_along,
    predict,
    relative_entropy,
    unwatched,
)
from brainfcn_jax.network.model_file import Model, ModelDescription
from brainfcn_jax.text import either


def refuse_views(description: ModelDescription, views: int) -> None:
    """Raises UsageError unless a model has seen slices of as many directions as it shall use."""
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
    """The directions that a scan of these voxels (x, y, z) is seen from; the first is its own.

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
    """A note when a scan is seen from fewer directions than were asked for."""
    if len(axes) == views:
        return ()
    return (f"slices so far apart are seen as they were acquired, {axes[0]}, and in no other view",)


def predict_along(
    axes: Sequence[SliceAxis],
    model: Model,
    equalised: UInt8[np.ndarray, "slice height width"],
    *,
    voxel_weights: VoxelWeights,
    allowed: UInt8[np.ndarray, "slice height width"] | None = None,
    reach: float = 1.0,
    batch_slices: int = BATCH_SLICES,
    with_probabilities: bool = False,
    progress: Progress = unwatched,
) -> Prediction:
    """What `predict` says of a volume, slices of the first axis first, seen along each axis.

    Of several axes the classes' probabilities are averaged, and labels, entropy and sums are
    theirs.
    """
    if len(axes) == 1:
        return predict(
            model,
            equalised,
            voxel_weights=voxel_weights,
            allowed=allowed,
            reach=reach,
            batch_slices=batch_slices,
            with_probabilities=with_probabilities,
            progress=progress,
        )
    assert reach == 1.0, reach  # thick slices are seen along one axis
    own = SLICE_AXES[axes[0]]
    volume = np.moveaxis(equalised, 0, own)
    mask = np.full(equalised.shape, ANYTHING, np.uint8) if allowed is None else allowed
    mask = np.moveaxis(mask, 0, own)
    spans = [allowed_span(np.moveaxis(mask, place, 0)) for place in range(mask.ndim)]
    total, done = sum(stop - start for start, stop in spans), 0

    def seen_along(axis: int) -> Float16[np.ndarray, "classes slice height width"]:
        nonlocal done
        before = done
        done += spans[axis][1] - spans[axis][0]
        found = predict(
            model,
            np.moveaxis(volume, axis, 0),
            allowed=np.moveaxis(mask, axis, 0),
            batch_slices=batch_slices,
            with_probabilities=True,
            progress=lambda step, slices, _: progress(step, before + slices, total),
        ).probabilities
        assert found is not None
        return found

    fused = np.moveaxis(mean_along(axes, seen_along), 1 + own, 1)
    fused /= fused.sum(axis=0)  # those of half precision do not add up to 1 exactly
    return Prediction(
        labels=fused.argmax(axis=0).astype(np.uint8),
        entropy=relative_entropy(fused).astype(np.float16),
        class_sums=np.einsum("cijk,i,j,k->c", fused, *voxel_weights, dtype=np.float64),
        probabilities=fused.astype(np.float16) if with_probabilities else None,
    )
