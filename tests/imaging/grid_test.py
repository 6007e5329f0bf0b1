import itertools

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.grid import (
    Grid,
    affine_fault,
    check_affine,
    corner_distance_mm,
    placing_form,
    same_voxels,
)

SHAPE = (3, 4, 5)


def affine_of(linear: np.ndarray, origin: tuple[float, ...] = (-10.0, 20.0, 3.0)) -> np.ndarray:
    return np.vstack([np.column_stack([linear, origin]), [0, 0, 0, 1]]).astype(float)


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    return np.linalg.qr(rng.normal(size=(3, 3)))[0]


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32 - 1), shear=st.floats(-0.3, 0.3))
def test_canonical_is_nibabels_closest_canonical(seed: int, shear: float) -> None:
    rng = np.random.default_rng(seed)
    linear = random_rotation(rng) @ [[1, shear, 0], [0, 1, 0], [0, 0, 1]]
    affine = affine_of(linear @ np.diag(rng.uniform(0.3, 5, 3)))
    array = rng.normal(size=SHAPE)
    grid, orientation = Grid(SHAPE, affine), io_orientation(affine)
    canonical = grid.to_canonical(array)
    np.testing.assert_array_equal(canonical, apply_orientation(array, orientation))
    np.testing.assert_allclose(grid.canonical.affine_mm, affine @ inv_ornt_aff(orientation, SHAPE))
    assert grid.canonical.shape == canonical.shape
    np.testing.assert_array_equal(grid.from_canonical(canonical), array)
    np.testing.assert_allclose(
        grid.canonical.spacing_mm, nibabel.affines.voxel_sizes(grid.canonical.affine_mm)
    )


def test_a_canonical_grid_is_its_own() -> None:
    grid = Grid(SHAPE, affine_of(np.diag([1.0, 2.0, 3.0])))
    assert grid.orientation.tolist() == [[0, 1], [1, 1], [2, 1]]
    assert grid.canonical.shape == SHAPE
    assert grid.spacing_mm == (1, 2, 3)
    np.testing.assert_array_equal(grid.canonical.affine_mm, grid.affine_mm)


def test_lia_by_hand() -> None:
    """FreeSurfer's order: i to the left, j downwards, k to the front."""
    linear = np.array([[-1, 0, 0], [0, 0, 2], [0, -3, 0]])
    grid = Grid(SHAPE, affine_of(linear))
    assert grid.orientation.tolist() == [[0, -1], [2, -1], [1, 1]]
    assert grid.canonical.shape == (3, 5, 4)
    assert grid.canonical.spacing_mm == (1, 2, 3)
    array = np.arange(60).reshape(SHAPE)
    assert grid.to_canonical(array)[0, 1, 0] == array[2, 3, 1]


def test_trailing_axes_stay_last() -> None:
    grid = Grid(SHAPE, affine_of(np.array([[0, 0, 2], [-1, 0, 0], [0, 1, 0]])))
    channels = np.random.default_rng(0).normal(size=(*SHAPE, 2))
    canonical = grid.to_canonical(channels)
    assert canonical.shape == (5, 3, 4, 2)
    np.testing.assert_array_equal(canonical[..., 1], grid.to_canonical(channels[..., 1]))
    np.testing.assert_array_equal(grid.from_canonical(canonical), channels)
    assert canonical.flags.c_contiguous
    assert grid.from_canonical(canonical).flags.f_contiguous


def test_every_orientation_keeps_the_voxels_places() -> None:
    for axes, signs in itertools.product(
        itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)
    ):
        linear = np.zeros((3, 3))
        linear[list(axes), range(3)] = np.array(signs) * [1.0, 2.0, 3.0]
        grid = Grid(SHAPE, affine_of(linear))
        places = np.moveaxis(np.indices(SHAPE), 0, -1) @ linear.T + grid.affine_mm[:3, 3]
        canonical = grid.to_canonical(places)
        for axis in range(3):
            assert (np.diff(canonical[..., axis], axis=axis) > 0).all()
        np.testing.assert_allclose(canonical[0, 0, 0], grid.canonical.affine_mm[:3, 3])


@pytest.mark.parametrize(
    ("linear", "fault"),
    [
        (np.diag([1, np.nan, 1]), "is not finite"),
        (np.diag([1, np.inf, 1]), "is not finite"),
        (np.diag([1, 0, 1]), "has voxel sizes 1 x 0 x 1 mm"),
        (np.diag([1, 1e-4, 1]), "has voxel sizes 1 x 0.0001 x 1 mm"),
        (np.diag([1, 1000, 1]), "has voxel sizes 1 x 1000 x 1 mm"),
        (np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]]), "is singular"),
    ],
)
def test_affines_that_place_nothing(linear: np.ndarray, fault: str) -> None:
    assert affine_fault(affine_of(linear)) == fault
    with pytest.raises(InputError, match=f"its sform {fault}; repair the header first"):
        check_affine(affine_of(linear), "its sform")


def test_a_scan_too_far_away_is_damaged() -> None:
    far = affine_of(np.eye(3), (7e22, 0, 0))
    assert affine_fault(far) == "lies 7e+22 mm from where positions are counted from"


def test_sheared_and_mirrored_affines_are_fine() -> None:
    assert affine_fault(affine_of(np.array([[-1, 0.5, 0], [0, 1, 0], [0, 0, 7]]))) is None


def test_corner_distance_by_hand() -> None:
    grid = Grid(SHAPE, affine_of(np.eye(3)))
    assert corner_distance_mm(grid, grid.affine_mm) == 0
    shifted = affine_of(np.eye(3), (-10, 23, 7))
    assert corner_distance_mm(grid, shifted) == 5
    stretched = affine_of(np.diag([1, 1, 1.5]))
    assert corner_distance_mm(grid, stretched) == 2  # the fifth slice, 4 * 0.5 mm away


def test_which_of_two_affines_places_the_voxels() -> None:
    sound, absent, damaged = affine_of(np.eye(3)), np.zeros((4, 4)), np.full((4, 4), np.nan)
    assert placing_form(SHAPE, sound, absent) == placing_form(SHAPE, sound, sound) == ("sform", ())
    assert placing_form(SHAPE, absent, sound) == ("qform", ())
    for sform, qform, used, note in [
        (sound, affine_of(np.eye(3), (-10, 23, 7)), "sform", "up to 5.0 mm apart"),
        (sound, affine_of(np.eye(3), (-10, 20.2, 3)), "sform", "up to 0.2 mm apart"),
        (sound, damaged, "sform", "qform is damaged"),
        (damaged, sound, "qform", "sform is damaged"),
        (absent, absent, None, "no orientation"),
    ]:
        found, notes = placing_form(SHAPE, sform, qform)
        assert found == used
        assert note in notes[0]
    for sform, qform in [(damaged, absent), (absent, damaged), (damaged, damaged)]:
        with pytest.raises(InputError, match="cannot be placed in space"):
            placing_form(SHAPE, sform, qform)


def test_the_same_voxels_in_another_order_are_the_same() -> None:
    scan = Grid(SHAPE, affine_of(np.eye(3)))
    mirrored = Grid(SHAPE, affine_of(np.diag([-1, 1, 1]), (-8, 20, 3)))
    assert same_voxels(mirrored, scan, "scan.nii") is mirrored
    rounded = Grid(SHAPE, affine_of(np.eye(3), (-10.0001, 20, 3)))
    assert same_voxels(rounded, scan, "scan.nii") is scan


def test_nearly_equal_grids_between_two_orientations_are_brought_home_alike() -> None:
    half = np.sqrt(0.5)
    angle = np.array([[half, -half, 0], [half, half, 0], [0, 0, 1]])
    grids = [
        Grid((4, 4, 4), affine_of(angle + np.array([[e, 0, 0], [0, e, 0], [0, 0, 0]])))
        for e in (-1e-6, 1e-6)
    ]
    assert same_voxels(grids[1], grids[0], "scan.nii") is grids[0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Grid((3, 4, 6), affine_of(np.eye(3))), "3 x 4 x 6 voxels along x, y, z against 3 x 4 x 5"),
        (Grid(SHAPE, affine_of(np.eye(3), (-10, 20, 4))), "up to 1 mm away"),
        (Grid(SHAPE, affine_of(np.diag([-1, 1, 1]))), "up to 2 mm away"),
    ],
)
def test_other_grids_are_refused(labels: Grid, message: str) -> None:
    with pytest.raises(InputError, match=f"another grid than 'scan.nii': .*{message}"):
        same_voxels(labels, Grid(SHAPE, affine_of(np.eye(3))), "scan.nii")


def test_the_volume_of_a_voxel() -> None:
    assert Grid(SHAPE, affine_of(np.diag([-3.0, 3, 3]))).voxel_mm3 == 27
    sheared = np.array([[1, 0.5, 0], [0, 2, 0.25], [0, 0, 4.0]])
    assert Grid(SHAPE, affine_of(sheared)).voxel_mm3 == 8
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0] * 1.5
    assert Grid(SHAPE, affine_of(turned)).voxel_mm3 == pytest.approx(1.5**3, rel=1e-12)
