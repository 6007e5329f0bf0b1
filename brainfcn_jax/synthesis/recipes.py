"""What the generator does to the images of each kind: the numbers of `ranges` (plain Python)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

from brainfcn_jax.imaging.choices import SliceAxis
from brainfcn_jax.synthesis.ranges import (
    ADULT_SEQUENCES,
    Acquisition,
    Anatomy,
    Contrasts,
    Deformation,
    FieldOfView,
    PulseSequence,
)

Kind = Literal["adult", "newborn", "any_adult", "any_newborn"]
ADULT_KINDS: tuple[Kind, ...] = ("adult", "any_adult")

_T2W, _, _, _T1W = ADULT_SEQUENCES
NEWBORN_T1W = (
    replace(_T1W, share=0.2, tr_ms=(500.0, 1400.0)),
    PulseSequence(0.4, (3500.0, 8000.0), (7.0, 18.0), nulls_fluid=True),
)
"""Without an inversion newborns' cortex and white matter differ by a tenth, with one by half."""
NEWBORN_SEQUENCES = (replace(_T2W, share=0.25, te_ms=(90.0, 200.0)), *NEWBORN_T1W)


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
    """Return adult heads at 1 mm, most as T1w gradient echoes show them, some as spin echoes do."""
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
    """Return newborn heads at 0.8 mm, from label maps at 0.6 mm."""
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
    """Return adult heads at 1 mm in scans of any contrast, many of them of thick slices."""
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
    """Return newborn heads at 0.8 mm in scans of any contrast."""
    recipe = newborn_recipe(shape, slice_axis)
    contrasts = replace(
        recipe.contrasts,
        wild_fraction=0.1,
        sequence_fraction=0.5,
        remapped_fraction=0.15,
        sequences=NEWBORN_SEQUENCES,
    )
    return replace(recipe, contrasts=contrasts)


RECIPES: Mapping[Kind, Callable[..., Recipe]] = MappingProxyType(
    {
        "adult": adult_recipe,
        "newborn": newborn_recipe,
        "any_adult": any_adult_recipe,
        "any_newborn": any_newborn_recipe,
    }
)
"""What makes the recipe of each kind: people, in the contrast of their model or in any."""


def coarse(recipe: Recipe, spacing_mm: float) -> Recipe:
    """Return the recipe in large voxels, for what finds the brain.

    Contrasts, places and thick slices vary more than for tissues.
    """
    finest, fine, thick = (voxels * spacing_mm for voxels in (0.4, 0.8, 3.5))
    return replace(
        recipe,
        spacing_mm=spacing_mm,
        label_smoothing_mm=0.0,
        view=replace(
            recipe.view, stripped_fraction=0.35, snug_fraction=0.4, cut_fraction=0.15,
            shift_mm=6 * spacing_mm, low_shift_mm=25 * spacing_mm,
        ),
        deformation=replace(recipe.deformation, far_fraction=0.25),
        contrasts=replace(
            recipe.contrasts, wild_fraction=0.3, sequence_fraction=0.25,
            other_spread_used=(0.5, 2.0), bias=0.15, texture_mm=6.0,
        ),
        acquisition=replace(
            recipe.acquisition, blur_mm=(finest, fine), thick_fraction=0.5,
            thick_mm=(spacing_mm, thick), thick_along_slices=0.5,
            in_plane_mm=(spacing_mm, 1.5 * spacing_mm),
        ),
    )  # fmt: skip


def masked_head_recipe(size: int, spacing_mm: float) -> Recipe:
    """Return how much a real head with a brain mask is varied, in a cube of `size` voxels.

    `masked_heads.varied` takes from it what it names, and nothing else.
    """
    return Recipe(
        (size, size, size), spacing_mm, spacing_mm, "axial",
        FieldOfView(
            (140.0, 176.0, 150.0), stripped_fraction=0.25, loose_mm=(-1.0, 4.0),
            cut_fraction=0.15, shift_mm=12.0,
        ),
        Deformation(
            rotation_degrees=7.0, far_fraction=0.2, far_degrees=20.0, size=0.08, stretch=0.05
        ),
        contrasts=Contrasts(remapped_fraction=0.4, bias=0.2),
        acquisition=Acquisition(
            thick_fraction=0.4, thick_mm=(2 * spacing_mm, 3 * spacing_mm), noise=(0.0, 0.05)
        ),
    )  # fmt: skip
