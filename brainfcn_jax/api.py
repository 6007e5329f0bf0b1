"""For programs: one scan in, its tissues out, without files in between."""

from os import PathLike, fspath

from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.contrasts import KNOWN, named_contrast
from brainfcn_jax.imaging.file_checks import naming
from brainfcn_jax.imaging.nifti import Image, load_scan
from brainfcn_jax.imaging.voxel_checks import refuse_labels
from brainfcn_jax.inference.prediction import BATCH_SLICES
from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.inference.segmenter import Segmenter
from brainfcn_jax.network.model_file import Model
from brainfcn_jax.network.model_file import load_model as read_model
from brainfcn_jax.network.shipped_models import weight_file
from brainfcn_jax.text import either

__all__ = ["SegmentedScan", "load_model", "segment"]


def segment(
    image: str | PathLike[str] | Image,
    model: str | Model | None = None,
    *,
    weights: str | PathLike[str] | None = None,
    frame: int | None = None,
    force: bool = False,
    contrast: str | None = None,
    views: int = 1,
    keep_probabilities: bool = False,
    batch_slices: int = BATCH_SLICES,
) -> SegmentedScan:
    """Segment a scan of the brain.

    >>> from brainfcn_jax import load_model, segment
    >>> model = load_model(weights="runs/mine/best.h5")
    >>> found = segment("sub-01_T1w.nii.gz", model)
    >>> found.labels.shape == found.label_image.shape
    True
    >>> found.label_image.to_filename("sub-01_dseg.nii.gz")

    Args:
        image: a NIfTI, MGH or Analyze file, or an image of nibabel's, which needs no file.
        model: the name of a shipped model, or one from `load_model`, which saves reading it again
            for the next scan; unless given, "adult_t1w", or "adult_any" where `contrast` or the
            file's name says another one than T1w.
        weights: a weight file of your own, instead of a model.
        frame: the volume to take from a 4D scan, from 0.
        force: whether a scan is taken that looks like a label map.
        contrast: what the scan shows ("T1w", "T2w", "FLAIR", "PDw"), where its name does not say.
        views: from how many slice directions the scan is seen: 1, or 3, which takes three times as
            long, for a model that was trained in all of them.
        keep_probabilities: whether `probabilities` is kept, 16 bytes a voxel.
        batch_slices: how many slices go through the network at a time.

    Raises:
        InputError: the scan cannot be used.
        UsageError: there is no such model or contrast, the model is for other contrasts, both
            `model` and `weights` are given, or the model has not seen slices of as many directions
            as `views`, which is 1 or 3.
        WeightsError: the weights are missing or damaged.
    """
    if contrast is not None and contrast not in KNOWN:
        raise UsageError(f"contrast is {contrast!r}; it must be {either(KNOWN)}")
    if isinstance(model, Model):
        loaded = model
        if weights is not None:
            raise UsageError("model and weights are both given; give one of them")
    else:
        named = None if isinstance(image, Image) else named_contrast(fspath(image))
        loaded = read_model(weight_file(model, weights, [contrast or named]))
    if contrast is not None:
        loaded.description.refuse_contrast(contrast, f"contrast is {contrast!r}")
    scan = load_scan(image if isinstance(image, Image) else fspath(image), frame)
    if not force:
        with naming(scan.path):
            refuse_labels(scan.data)
    return Segmenter(loaded, batch_slices=batch_slices).segment(
        scan, views=views, keep_probabilities=keep_probabilities, contrast=contrast
    )


def load_model(name: str | None = None, *, weights: str | PathLike[str] | None = None) -> Model:
    """Read a shipped model by its name ("adult_t1w" unless given), or that of a weight file.

    >>> from brainfcn_jax import load_model
    >>> load_model("adult_t1w").description.contrasts
    ('T1w',)

    Raises:
        UsageError: no shipped model has that name, or both are given.
        WeightsError: the weights are missing or damaged.
    """
    return read_model(weight_file(name, weights))
