"""What the generator may do to an image, as types of frozen numbers (plain Python).

Lengths are in mm; intensities are relative to white matter (adult) or fluid (newborn) = 1;
fractions are shares of the generated images.
"""

from dataclasses import dataclass

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


ADULT_SEQUENCES = (
    PulseSequence(0.4, (2500.0, 8000.0), (75.0, 135.0)),
    PulseSequence(0.3, (6000.0, 11000.0), (80.0, 150.0), True, 0.5),
    PulseSequence(0.15, (2000.0, 4500.0), (8.0, 40.0)),
    PulseSequence(0.15, (400.0, 900.0), (7.0, 18.0), False, 0.1),
)
"""T2w, FLAIR, PDw and T1w."""


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
        """Raise ValueError where there are more images than all."""
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
