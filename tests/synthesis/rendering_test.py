"""Generated scans: reproducible, consistent with their labels, compiled once."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import UInt16

from brainfcn_jax.imaging.choices import SliceAxis
from brainfcn_jax.labels import BACKGROUND, COGM, CSF, WM
from brainfcn_jax.synthesis.drawn_labels import drawn
from brainfcn_jax.synthesis.intensities import Contrast, newborn_t2_contrast
from brainfcn_jax.synthesis.packed_labels import with_depth
from brainfcn_jax.synthesis.ranges import Acquisition, Anatomy, Contrasts, Deformation, FieldOfView
from brainfcn_jax.synthesis.recipes import Recipe
from brainfcn_jax.synthesis.rendering import Example, generate
from brainfcn_jax.synthesis.structures import CODES, TISSUE_OF_CODE

SHAPE = (20, 24, 28)
STILL = Deformation(
    rotation_degrees=0.0, far_fraction=0.0, size=0.0, stretch=0.0, shear=0.0, coarse_limit_mm=0.0,
    fine_limit_mm=0.0,
)  # fmt: skip
PLAIN = Contrasts(
    wild_fraction=0.0, mean_spread_used=0.0, contrast_spread=0.0, brain_spread_used=(0.0, 0.0),
    other_spread_used=(0.0, 0.0), bias=0.0,
)  # fmt: skip
SHARP = Acquisition(
    blur_mm=(0.1, 0.1), thick_fraction=0.0, in_plane_fraction=0.0, ringing_fraction=0.0,
    ghost_fraction=0.0, noise=(1e-6, 1e-6), gamma=0.0,
)  # fmt: skip
WHOLE = FieldOfView(
    brain_mm=(16.0, 16.0, 16.0), stripped_fraction=0.0, silent_fraction=0.0, defaced_fraction=0.0,
    cut_fraction=0.0, shift_mm=0.0, low_shift_mm=0.0,
)  # fmt: skip
AS_MAPPED = Anatomy(thick_fraction=0.0, leafy_fraction=0.0)
IDENTITY = Recipe(SHAPE, 1.0, 1.0, "axial", WHOLE, STILL, AS_MAPPED, PLAIN, SHARP)


def head() -> UInt16[np.ndarray, "s h w"]:
    """Balls in each other: white matter, cortex, fluid, bone, skin; and one eye in front."""
    s, h, w = np.ogrid[:20, :24, :28]
    radius = np.sqrt((s - 9.5) ** 2 + (h - 11.5) ** 2 + (w - 13.5) ** 2)
    codes = np.zeros(SHAPE, np.uint8)
    for name, limit in (("skin", 9), ("bone", 8), ("fluid", 7), ("cortex", 6), ("white_matter", 4)):
        codes[radius <= limit] = CODES[name]
    codes[9:11, 11:13, 23:26] = CODES["eye"]
    return with_depth(codes, 1.0)


@cache
def compiled(recipe: Recipe) -> Callable[..., Example]:
    """The generator of a recipe."""
    return jax.jit(partial(generate, recipe=recipe))


def made(recipe: Recipe, seed: int = 0) -> Example:
    """One scan of the ball head."""
    return compiled(recipe)(jax.random.key(seed), jnp.asarray(head()), newborn_t2_contrast())


def test_without_any_chance_the_label_map_itself_comes_back() -> None:
    example = made(IDENTITY)
    expected = TISSUE_OF_CODE[head() & 31]
    mirrored = expected[:, ::-1]
    assert any(np.array_equal(example.tissues, known) for known in (expected, mirrored))
    mean = np.asarray(newborn_t2_contrast().mean)[head() & 31]
    np.testing.assert_allclose(np.asarray(example.image), mean, atol=1e-3)


def test_tissues_are_drawn_smoother_than_the_image() -> None:
    mapped, smoothed = made(IDENTITY), made(replace(IDENTITY, label_smoothing_mm=1.0))
    np.testing.assert_array_equal(smoothed.image, mapped.image)
    np.testing.assert_array_equal(smoothed.tissues, drawn(mapped.tissues, 1.0, 1.0))
    assert not np.array_equal(smoothed.tissues, mapped.tissues)


@pytest.mark.parametrize("slice_axis", ["axial", "coronal", "sagittal"])
def test_same_key_same_scan_and_another_key_another(slice_axis: SliceAxis) -> None:
    recipe = Recipe(SHAPE, 1.0, 1.0, slice_axis, replace(WHOLE, stripped_fraction=0.5))
    first, again, other = made(recipe), made(recipe), made(recipe, seed=1)
    np.testing.assert_array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)
    for example in (first, other):
        assert example.image.dtype == jnp.float32
        assert example.tissues.dtype == jnp.uint8
        assert bool(jnp.isfinite(example.image).all())
        assert float(example.image.min()) >= 0
        assert set(np.unique(example.tissues)) <= {BACKGROUND, COGM, WM, CSF}


def test_a_snug_mask_keeps_the_brain_without_the_fluid_around_it() -> None:
    view = replace(
        WHOLE, stripped_fraction=1.0, snug_fraction=1.0, tight_fraction=0.0, tight_mm=(3.0, 3.0),
        mask_wobble_mm=0.0,
    )  # fmt: skip
    example = made(replace(IDENTITY, view=view))
    assert set(np.unique(example.tissues)) == {BACKGROUND, COGM, WM}
    np.testing.assert_array_equal(np.asarray(example.image) > 0, np.asarray(example.tissues) > 0)


def test_a_loose_mask_shows_bone_that_is_no_tissue() -> None:
    view = replace(
        WHOLE, stripped_fraction=1.0, snug_fraction=0.0, tight_fraction=0.0, loose_mm=(2.6, 2.6),
        mask_wobble_mm=0.0,
    )  # fmt: skip
    example = made(replace(IDENTITY, view=view))
    shown = np.asarray(example.image) > 0
    labelled = np.asarray(example.tissues) > 0
    assert shown[labelled].all()
    assert 0 < (shown & ~labelled).sum() < labelled.sum()


def test_a_defaced_head_lacks_its_eye_and_nothing_of_its_brain() -> None:
    whole = made(IDENTITY)
    view = replace(WHOLE, defaced_fraction=1.0, deface_mm=(4.0, 4.0))
    example = made(replace(IDENTITY, view=view))
    np.testing.assert_array_equal(example.tissues, whole.tissues)
    assert float(whole.image[9, 11, 25]) > 0.5
    assert float(example.image[9, 11, 25]) == 0


def test_left_out_field_of_view_carries_no_labels() -> None:
    example = made(replace(IDENTITY, view=replace(WHOLE, cut_fraction=1.0)))
    gone = np.asarray(example.image) == 0
    assert gone.any()
    assert not np.asarray(example.tissues)[gone].any()


def test_one_compilation_serves_all_keys_and_maps() -> None:
    traces = []

    def counted(key: jax.Array, packed: jax.Array, contrast: Contrast) -> Example:
        traces.append(1)
        return generate(key, packed, contrast, IDENTITY)

    counting = jax.jit(counted)
    for seed in range(3):
        packed = jnp.asarray(np.roll(head(), seed, axis=0))
        counting(jax.random.key(seed), packed, newborn_t2_contrast())
    assert len(traces) == 1
