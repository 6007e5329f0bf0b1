"""Label maps read for the generator, on one grid and in its slice direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8, UInt16

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging import nifti
from brainfcn_jax.imaging.boxes import bounding_box
from brainfcn_jax.imaging.choices import SLICE_AXES, SliceAxis
from brainfcn_jax.imaging.file_names import without_extension
from brainfcn_jax.imaging.slicing import slices_along
from brainfcn_jax.synthesis.known_maps import HELD_OUT, HELD_OUT_NEWBORNS
from brainfcn_jax.synthesis.newborn_head import grow_head
from brainfcn_jax.synthesis.packed_labels import brain_mask, with_depth, without_neck_fluid
from brainfcn_jax.synthesis.structures import (
    CODE_OF_NEWBORN_TISSUE,
    CODE_OF_SYNTHSEG,
    CODES,
    STRUCTURES,
)

ADULT_SPACING_MM, NEWBORN_SPACING_MM = 1.0, 0.6
_ADULT_PATTERN, _NEWBORN_PATTERN = "training_seg_*.nii*", "**/*_dseg.nii*"
_ADULT_SIZES = (176, 248, 256)
_NEWBORN_SIZES = (208, 256, 256)
_PARTS_OF_FILES = ("generation_labels", "generation_classes_contrast_specific")


@dataclass(frozen=True, eq=False)
class LabelSource:
    """One label map to generate from.

    Attributes:
        name: its file's name without extensions.
        packed: `code + 256 * depth` of each voxel, slices first, the brain in the middle; see
            `packed_labels.with_depth`. All sources of one kind and slice axis have one shape.
        spacing_mm: the size of its (cubic) voxels.
    """

    name: str
    packed: UInt16[np.ndarray, "slice height width"]
    spacing_mm: float


@dataclass(frozen=True, eq=False)
class T1Priors:
    """T1w intensities of each structure, as measured on real scans (SynthSeg's priors).

    Attributes:
        mean: mean over scans of the structure's mean intensity.
        mean_spread: standard deviation of that mean over scans.
        spread: mean over scans of the standard deviation within the structure.
    """

    mean: Float32[np.ndarray, " structure"]
    mean_spread: Float32[np.ndarray, " structure"]
    spread: Float32[np.ndarray, " structure"]


def load_adults(
    folder: str | Path,
    slice_axis: SliceAxis,
    names: Sequence[str] = (),
    leave_out: Sequence[str] = HELD_OUT,
) -> list[LabelSource]:
    """Read SynthSeg's label maps, `training_seg_*` in `folder` (or only `names`).

    Raises:
        InputError: no map is found, a name has none, or a map holds a value SynthSeg does not
            use.
    """
    paths = _found(folder, _ADULT_PATTERN, names, () if names else leave_out)
    return [
        _source(
            without_extension(path.name),
            adult_codes(path),
            ADULT_SPACING_MM,
            _ADULT_SIZES,
            slice_axis,
        )
        for path in paths
    ]


def load_newborns(
    folder: str | Path,
    slice_axis: SliceAxis,
    heads_folder: str | Path | None = None,
    names: Sequence[str] = (),
    leave_out: Sequence[str] = HELD_OUT_NEWBORNS,
    seed: int = 0,
) -> list[LabelSource]:
    """Read newborn tissue maps, `*_dseg` in and below `folder`, and grow heads around them.

    Each map gives one head: random shells, and beyond them the face, eyes and neck of one
    of the adults' maps in `heads_folder` (held-out ones excepted), or a plain neck without.

    Raises:
        InputError: no map is found, a name has none, or a map holds other values than 0..7.
    """
    random = np.random.default_rng(seed)
    adults = _found(heads_folder, _ADULT_PATTERN, (), HELD_OUT) if heads_folder else []
    sources = []
    for path in _found(folder, _NEWBORN_PATTERN, names, () if names else leave_out):
        codes = newborn_codes(path)
        adult = adult_codes(adults[random.integers(len(adults))]) if adults else None
        centred = _centred(codes, _NEWBORN_SIZES, brain_mask(codes))
        head = grow_head(random, centred, NEWBORN_SPACING_MM, adult)
        name = without_extension(path.name)
        sources.append(_source(name, head, NEWBORN_SPACING_MM, _NEWBORN_SIZES, slice_axis))
    return sources


def adult_codes(path: str | Path) -> UInt8[np.ndarray, "x y z"]:
    """Return structure codes of a SynthSeg label map, canonical; fluid below the brainstem apart.

    Raises:
        InputError: the file cannot be read, or holds a value that SynthSeg does not use.
    """
    values = nifti.load_codes(path)
    table = np.full(max(CODE_OF_SYNTHSEG) + 1, len(STRUCTURES), np.uint8)
    for value, code in CODE_OF_SYNTHSEG.items():
        table[value] = code
    known = (values >= 0) & (values < table.size)
    codes = table[np.where(known, values, 1)]
    if (codes == len(STRUCTURES)).any():
        unknown = np.unique(values[codes == len(STRUCTURES)]).tolist()
        raise InputError(f"'{path}' holds {unknown[:9]}, which are no values of SynthSeg's maps")
    return without_neck_fluid(codes)


def newborn_codes(path: str | Path) -> UInt8[np.ndarray, "x y z"]:
    """Return structure codes of a newborn's tissue map (0..7), canonical, at 0.6 mm (nearest).

    Raises:
        InputError: the file cannot be read or holds other values.
    """
    tissues = nifti.load_labels(path)
    scan = nifti.load_scan(path)
    zoom = [spacing / NEWBORN_SPACING_MM for spacing in scan.spacing_mm]
    places = [
        np.minimum(np.floor((np.arange(int(size * z)) + 0.5) / z).astype(int), size - 1)
        for size, z in zip(tissues.shape, zoom, strict=True)
    ]
    return np.array(CODE_OF_NEWBORN_TISSUE, np.uint8)[tissues[np.ix_(*places)]]


def read_t1_priors(folder: str | Path) -> T1Priors:
    """Read SynthSeg's T1 priors; structures that they lack get those of the nearest kin.

    Raises:
        InputError: a file is missing or of another form.
    """
    folder = Path(folder)
    try:
        values, classes = (np.load(folder / f"{name}.npy") for name in _PARTS_OF_FILES)
        means, spreads = (
            np.load(folder / "prior_means_t1.npy"),
            np.load(folder / "prior_stds_t1.npy"),
        )
        class_of_value = dict(zip(values.tolist(), classes.tolist(), strict=True))
        kin = {
            "deep_grey": "thalamus",
            "cerebellum": "cerebellar_cortex",
            "spinal_fluid": "fluid",
            "scalp_fat": "skin",
        }
        rows = [
            class_of_value[(s.synthseg or STRUCTURES[CODES[kin[s.name]]].synthseg)[0]]
            for s in STRUCTURES
        ]
        table = np.stack([means[0, rows], means[1, rows], spreads[0, rows]]).astype(np.float32)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"'{folder}' holds no T1 priors of SynthSeg: {error}") from error
    return T1Priors(*table)


def _found(
    folder: str | Path, pattern: str, names: Sequence[str], leave_out: Sequence[str]
) -> list[Path]:
    found = {without_extension(path.name): path for path in sorted(Path(folder).glob(pattern))}
    missing = sorted(set(names) - set(found))
    if missing or not found:
        asked = ", ".join(missing) or pattern
        raise InputError(f"'{folder}' holds no label map {asked}; found {len(found)} others")
    kept = [found[name] for name in (names or found) if name not in leave_out]
    if not kept:
        raise InputError(f"'{folder}' holds only label maps that are held out; ask for one by name")
    return kept


def _source(
    name: str,
    codes: UInt8[np.ndarray, "x y z"],
    spacing_mm: float,
    sizes: tuple[int, int, int],
    slice_axis: SliceAxis,
) -> LabelSource:
    centred = _centred(codes, sizes, brain_mask(codes))
    packed = with_depth(centred, spacing_mm)
    slices = slices_along(packed, SLICE_AXES[slice_axis])
    return LabelSource(name, np.ascontiguousarray(slices), spacing_mm)


def _centred(
    codes: UInt8[np.ndarray, "x y z"], sizes: tuple[int, int, int], brain: np.ndarray
) -> UInt8[np.ndarray, "i j k"]:
    """Return the map cut and padded to `sizes`, the middle of the brain's box in the middle."""
    box = bounding_box(brain)
    if box is None:
        raise InputError("a label map without any brain tissue gives no images")
    centred = np.zeros(sizes, np.uint8)
    source, target = [], []
    for (low, high), size, old in zip(box, sizes, codes.shape, strict=True):
        start = (low + high) // 2 - size // 2
        source.append(slice(max(start, 0), min(start + size, old)))
        target.append(slice(max(-start, 0), min(start + size, old) - start))
    centred[tuple(target)] = codes[tuple(source)]
    return centred
