"""What the generator may do to an image, as frozen numbers (numpy only).

Lengths are in mm; intensities are relative to white matter (adult) or fluid (newborn) = 1;
fractions are shares of the generated images.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, Protocol

from brainfcn_jax.imaging.choices import SliceAxis

Kind = Literal["adult", "newborn", "any_adult", "any_newborn"]
ADULT_KINDS: tuple[Kind, ...] = ("adult", "any_adult")
Range = tuple[float, float]


@dataclass(frozen=True)
class Deformation:
    """Affine: standard deviations of rotation, stretch and shear, `size` a limit (log scale).

    Elastic: knots `coarse_mm` and `fine_mm` apart, displaced by a standard deviation drawn
    between 0 and the limit.
    """

    rotation_degrees: float = 6.0
    far_fraction: float = 0.15
    far_degrees: float = 25.0
    size: float = 0.10
    stretch: float = 0.05
    shear: float = 0.04
    coarse_mm: float = 36.0
    coarse_limit_mm: float = 3.0
    fine_mm: float = 14.0
    fine_limit_mm: float = 0.9


@dataclass(frozen=True)
class Anatomy:
    """Grey matter thicker than in the label map, and leaves of the cerebellum.

    Attributes:
        thick_fraction: share of the heads whose grey matter grows into the fluid, by a voxel of
            the label map at most.
        thickness_mm: how far apart places of different thickness are.
        leafy_fraction: share of the heads whose cerebellar cortex shows leaves.
        leaf_mm: from one leaf to the next.
        leaf_warp_mm: how far apart places are where the leaves run differently.
    """

    thick_fraction: float = 0.75
    thickness_mm: float = 8.0
    leafy_fraction: float = 0.75
    leaf_mm: Range = (3.0, 9.0)
    leaf_warp_mm: float = 14.0


@dataclass(frozen=True)
class PulseSequence:
    """Ranges of one sequence of spin echoes.

    Attributes:
        share: how often it is drawn, beside the others.
        tr_ms: repetition times.
        te_ms: echo times.
        nulls_fluid: whether an inversion before cancels fluid, as in FLAIR and newborns' T1w.
        fat_suppressed_fraction: share of its scans with fat suppressed.
    """

    share: float
    tr_ms: Range
    te_ms: Range
    nulls_fluid: bool = False
    fat_suppressed_fraction: float = 0.3


_T2W = PulseSequence(0.4, (2500.0, 8000.0), (75.0, 135.0))
_FLAIR = PulseSequence(0.3, (6000.0, 11000.0), (80.0, 150.0), True, 0.5)
_PDW = PulseSequence(0.15, (2000.0, 4500.0), (8.0, 40.0))
_T1W = PulseSequence(0.15, (400.0, 900.0), (7.0, 18.0), False, 0.1)

ADULT_SEQUENCES = (_T2W, _FLAIR, _PDW, _T1W)
NEWBORN_T1W = (
    replace(_T1W, share=0.2, tr_ms=(500.0, 1400.0)),
    PulseSequence(0.4, (3500.0, 8000.0), (7.0, 18.0), nulls_fluid=True),
)
"""Without an inversion newborns' cortex and white matter differ by a tenth, with one by half."""
NEWBORN_SEQUENCES = (replace(_T2W, share=0.25, te_ms=(90.0, 200.0)), *NEWBORN_T1W)


@dataclass(frozen=True)
class Contrasts:
    """Intensities of the structures and of what is within them.

    Attributes:
        wild_fraction: images in which every structure has any intensity.
        sequence_fraction: images as one of `sequences` gives them.
        sequences: what sequences there are.
        remapped_fraction: images in which a random curve maps the contrast that was measured; all
            that are left of the three have it as it is.
        mean_spread_used: part of the measured spread between scans that is drawn from.
        contrast_spread: standard deviation of the stretch of the contrast (log scale).
        brain_spread_used: part of the measured spread within a brain's structure.
        other_spread_used: the same outside the brain.
        texture_mm: from one knot of the texture to the next.
        bias: standard deviation of the strength of the bias field (log scale).
        bias_mm: from one of its knots to the next.
        strong_bias_fraction: images whose bias field is strong.
    """

    wild_fraction: float = 0.12
    sequence_fraction: float = 0.0
    sequences: tuple[PulseSequence, ...] = ADULT_SEQUENCES
    remapped_fraction: float = 0.0
    mean_spread_used: float = 0.45
    contrast_spread: float = 0.12
    brain_spread_used: Range = (0.10, 0.40)
    other_spread_used: Range = (0.5, 1.0)
    texture_mm: float = 4.0
    bias: float = 0.09
    bias_mm: float = 70.0
    strong_bias_fraction: float = 0.10

    def __post_init__(self) -> None:
        """Raises ValueError where there are more images than all."""
        if self.wild_fraction + self.sequence_fraction + self.remapped_fraction > 1:
            raise ValueError("the fractions of wild, sequences' and remapped images exceed 1")


@dataclass(frozen=True)
class Acquisition:
    """Resolution, noise and faults of a scanner. `blur_mm` is a standard deviation."""

    blur_mm: Range = (0.45, 0.8)
    thick_fraction: float = 0.35
    thick_mm: Range = (1.5, 5.5)
    thick_along_slices: float = 0.7
    in_plane_fraction: float = 0.3
    in_plane_mm: Range = (1.0, 1.3)
    ringing_fraction: float = 0.10
    ghost_fraction: float = 0.08
    ghost: float = 0.12
    noise: Range = (0.005, 0.08)
    gamma: float = 0.15


@dataclass(frozen=True)
class FieldOfView:
    """What of the head is seen.

    Attributes:
        stripped_fraction: images without skull; of these `snug_fraction` keep the brain and the
            fluid of narrow sulci only, `tight_fraction` are cut at the brain's closed surface,
            and the others up to `loose_mm` away from it.
        mask_wobble_mm: how far a mask strays, as a standard deviation.
        silent_fraction: share of the heads whose background is 0, without noise.
        defaced_fraction: share of the heads whose face is 0.
        cut_fraction: chance for each axis that one end is not in the field of view.
        brain_mm: extent of a brain along x, y and z; images that are shorter along the slices
            move up and down over it.
        shift_mm: standard deviation of where a head lies in the image.
        low_shift_mm: how much lower than centred a whole head may lie in view (neck).
    """

    brain_mm: tuple[float, float, float]
    stripped_fraction: float = 0.5
    snug_fraction: float = 0.45
    tight_fraction: float = 0.25
    tight_mm: Range = (-0.5, 1.5)
    loose_mm: Range = (0.8, 6.0)
    mask_wobble_mm: float = 1.0
    silent_fraction: float = 0.3
    defaced_fraction: float = 0.35
    deface_mm: Range = (46.0, 72.0)
    cut_fraction: float = 0.08
    shift_mm: float = 6.0
    low_shift_mm: float = 25.0


@dataclass(frozen=True)
class Recipe:
    """All that is static about a generator: the image's grid and the ranges drawn from.

    Attributes:
        shape: slices, rows and columns of an image.
        spacing_mm: size of its (cubic) voxels.
        source_spacing_mm: size of the label maps' voxels.
        slice_axis: 'axial', 'coronal' or 'sagittal', as the label maps were loaded.
        label_smoothing_mm: how much smoother the tissues are than the map that the image is made
            from (see `drawn_labels`).
    """

    shape: tuple[int, int, int]
    spacing_mm: float
    source_spacing_mm: float
    slice_axis: SliceAxis
    view: FieldOfView
    deformation: Deformation = field(default_factory=Deformation)
    anatomy: Anatomy = field(default_factory=Anatomy)
    contrasts: Contrasts = field(default_factory=Contrasts)
    acquisition: Acquisition = field(default_factory=Acquisition)
    label_smoothing_mm: float = 0.0


def adult_recipe(
    shape: tuple[int, int, int] = (176, 160, 192), slice_axis: SliceAxis = "axial"
) -> Recipe:
    """Adult heads at 1 mm, most as T1w gradient echoes show them, some as spin echoes do."""
    return Recipe(
        shape,
        1.0,
        1.0,
        slice_axis,
        FieldOfView(brain_mm=(140.0, 176.0, 150.0)),
        contrasts=Contrasts(sequence_fraction=0.15, sequences=(_T1W,)),
        label_smoothing_mm=1.0,
    )


def newborn_recipe(
    shape: tuple[int, int, int] = (144, 144, 176), slice_axis: SliceAxis = "axial"
) -> Recipe:
    """Newborn heads at 0.8 mm, from label maps at 0.6 mm."""
    view = FieldOfView(
        brain_mm=(90.0, 112.0, 92.0),
        stripped_fraction=0.4,
        loose_mm=(0.8, 4.0),
        deface_mm=(32.0, 46.0),
        low_shift_mm=15.0,
        shift_mm=4.0,
    )
    deformation = Deformation(
        size=0.18, far_degrees=40.0, coarse_mm=28.0, coarse_limit_mm=3.0, fine_mm=10.0,
        fine_limit_mm=0.9,
    )  # fmt: skip
    anatomy = Anatomy(thick_fraction=0.3, leaf_mm=(2.5, 6.0), leaf_warp_mm=10.0)
    contrasts = Contrasts(bias_mm=50.0, texture_mm=3.0)
    acquisition = Acquisition(
        blur_mm=(0.3, 0.6), thick_fraction=0.5, thick_mm=(1.0, 3.5), in_plane_mm=(0.8, 1.1)
    )
    return Recipe(shape, 0.8, 0.6, slice_axis, view, deformation, anatomy, contrasts, acquisition)


def any_adult_recipe(
    shape: tuple[int, int, int] = (176, 160, 192), slice_axis: SliceAxis = "axial"
) -> Recipe:
    """Adult heads at 1 mm in scans of any contrast, many of them of thick slices."""
    recipe = adult_recipe(shape, slice_axis)
    return replace(
        recipe,
        contrasts=replace(
            recipe.contrasts,
            wild_fraction=0.15,
            sequence_fraction=0.4,
            sequences=ADULT_SEQUENCES,
            remapped_fraction=0.1,
            bias=0.12,
        ),
        acquisition=replace(recipe.acquisition, thick_fraction=0.45, thick_mm=(1.5, 6.0)),
    )


def any_newborn_recipe(
    shape: tuple[int, int, int] = (144, 144, 176), slice_axis: SliceAxis = "axial"
) -> Recipe:
    """Newborn heads at 0.8 mm in scans of any contrast."""
    recipe = newborn_recipe(shape, slice_axis)
    contrasts = replace(
        recipe.contrasts,
        wild_fraction=0.1,
        sequence_fraction=0.5,
        remapped_fraction=0.15,
        sequences=NEWBORN_SEQUENCES,
    )
    return replace(recipe, contrasts=contrasts)


class _RecipeOf(Protocol):
    def __call__(self, shape: tuple[int, int, int] = ..., slice_axis: SliceAxis = ...) -> Recipe:
        """The recipe for images of `shape`, slices first."""


RECIPES: Mapping[Kind, _RecipeOf] = MappingProxyType(
    {
        "adult": adult_recipe,
        "newborn": newborn_recipe,
        "any_adult": any_adult_recipe,
        "any_newborn": any_newborn_recipe,
    }
)
"""What makes the recipe of each kind: people, in the contrast of their model or in any."""
