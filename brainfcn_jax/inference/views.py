"""A volume seen along one axis or all three, and what the network says of it fused (numpy)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float16, UInt8

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis, directions
from brainfcn_jax.inference.network_input import is_thick
from brainfcn_jax.inference.prediction import (
    BATCH_SLICES,
    Prediction,
    Progress,
    VoxelWeights,
    mean_along,
    predict,
    relative_entropy,
    unwatched,
)
from brainfcn_jax.network.model_file import Model, ModelDescription


def refuse_views(description: ModelDescription, views: int) -> None:
    """Raises UsageError where a model has not seen slices of as many directions."""
    if views > len(directions(description.slice_axis)):
        raise UsageError(
            f"{views} views are asked for, and the model was trained on {description.slice_axis} "
            "slices alone; take 1, or a model that was trained in all directions"
        )


def view_axes(
    description: ModelDescription, spacing_mm: tuple[float, float, float], views: int
) -> tuple[SliceAxis, ...]:
    """The directions that a scan of these voxels (x, y, z) is seen from; the first is its own.

    Thick slices are seen as they were acquired, and from nowhere else, by a model that has seen
    slices of all directions; for other scans it is the first `views` of the model's.
    """
    axes = directions(description.slice_axis)
    coarsest = max(axes, key=lambda axis: round(spacing_mm[SLICE_AXES[axis]], 2))
    if is_thick(spacing_mm[SLICE_AXES[coarsest]], description.spacing_mm[SLICE_AXES[coarsest]]):
        return (coarsest,)
    return axes[:views]


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
    own = SLICE_AXES[axes[0]]
    volume = np.moveaxis(equalised, 0, own)
    mask = None if allowed is None else np.moveaxis(allowed, 0, own)
    total, done = sum(equalised.shape), 0

    def seen_along(axis: int) -> Float16[np.ndarray, "classes slice height width"]:
        nonlocal done
        before = done
        done += volume.shape[axis]
        found = predict(
            model,
            np.moveaxis(volume, axis, 0),
            allowed=None if mask is None else np.moveaxis(mask, axis, 0),
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
