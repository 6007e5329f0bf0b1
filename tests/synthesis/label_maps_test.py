"""Label maps read for the generator, heads grown, and the command that writes examples."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainfcn_jax.commands import runner
from brainfcn_jax.commands.synthesise import define_flags, generate_command
from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging import nifti
from brainfcn_jax.labels import BACKGROUND, CSF
from brainfcn_jax.synthesis import generator, known_maps, label_maps
from brainfcn_jax.synthesis.intensities import t1_contrast
from brainfcn_jax.synthesis.newborn_head import grow_head
from brainfcn_jax.synthesis.packed_labels import DEPTH_ZERO, NARROW, with_depth, without_neck_fluid
from brainfcn_jax.synthesis.ranges import ADULT_SEQUENCES
from brainfcn_jax.synthesis.recipes import RECIPES, Kind, any_adult_recipe
from brainfcn_jax.synthesis.structures import CODE_OF_SYNTHSEG, CODES, STRUCTURES, TISSUE_OF_CODE


def ball(size: int, limits: dict[int, float]) -> np.ndarray:
    """Values in balls around the middle of a cube; later ones lie inside earlier ones."""
    x, y, z = np.ogrid[:size, :size, :size]
    middle = (size - 1) / 2
    radius = np.sqrt((x - middle) ** 2 + (y - middle) ** 2 + (z - middle) ** 2)
    values = np.zeros((size, size, size), np.int16)
    for value, limit in limits.items():
        values[radius <= limit] = value
    return values


def write(path: Path, values: np.ndarray, spacing_mm: float = 1.0) -> None:
    """A NIfTI file of whole numbers."""
    image = nibabel.Nifti1Image(values, np.diag([spacing_mm] * 3 + [1.0]))
    nibabel.save(image, path)


@pytest.fixture
def adults(tmp_path: Path) -> Path:
    """A folder like SynthSeg's: one map to train on, one held out, priors of all classes."""
    folder = tmp_path / "adults"
    folder.mkdir()
    for number in ("01", "17"):
        values = ball(40, {511: 18, 515: 16, 24: 14, 3: 12, 2: 9})
        values[:, :, :4][values[:, :, :4] == 511] = 24
        values[18:22, 18:22, 8:12] = 16
        write(folder / f"training_seg_{number}.nii.gz", values)
    used = sorted(CODE_OF_SYNTHSEG)
    np.save(folder / "generation_labels.npy", used)
    np.save(folder / "generation_classes_contrast_specific.npy", np.arange(len(used)))
    means = np.stack([100.0 + np.arange(len(used)), np.full(len(used), 10.0)])
    np.save(folder / "prior_means_t1.npy", means)
    np.save(folder / "prior_stds_t1.npy", means / 10)
    return folder


def test_every_structure_has_a_code_and_adults_values_are_unique() -> None:
    assert len(STRUCTURES) <= NARROW
    values = [value for structure in STRUCTURES for value in structure.synthseg]
    assert len(values) == len(set(values))


def test_an_adult_map_is_centred_and_slices_first(adults: Path) -> None:
    (source,) = label_maps.load_adults(adults, "axial")
    assert source.name == "training_seg_01"
    assert source.packed.shape == (256, 176, 248)
    codes = source.packed & (NARROW - 1)
    assert codes[128, 88, 124] == CODES["white_matter"]
    assert source.packed[128, 88, 124] >> 8 < DEPTH_ZERO < source.packed[0, 0, 0] >> 8


def test_fluid_below_the_brainstem_is_background(adults: Path) -> None:
    codes = label_maps.adult_codes(adults / "training_seg_01.nii.gz")
    assert not (TISSUE_OF_CODE[codes[:, :, :8]] == CSF).any()
    assert (codes[:, :, :8] == CODES["spinal_fluid"]).any()
    assert (TISSUE_OF_CODE[codes[:, :, 8:]] == CSF).any()


def test_without_a_brainstem_fluid_stays() -> None:
    codes = np.full((3, 3, 3), CODES["fluid"], np.uint8)
    assert (without_neck_fluid(codes) == CODES["fluid"]).all()


def test_an_unknown_value_and_an_empty_folder_are_named(adults: Path, tmp_path: Path) -> None:
    write(adults / "training_seg_01.nii.gz", ball(20, {2: 8, 999: 3}))
    with pytest.raises(InputError, match="999"):
        label_maps.load_adults(adults, "axial")
    with pytest.raises(InputError, match="no label map"):
        label_maps.load_adults(tmp_path / "nothing", "axial")
    with pytest.raises(InputError, match="training_seg_99"):
        label_maps.load_adults(adults, "axial", names=["training_seg_99"])
    with pytest.raises(InputError, match="no T1 priors"):
        label_maps.read_t1_priors(tmp_path)


def test_priors_are_brought_to_white_matter_one(adults: Path) -> None:
    priors = label_maps.read_t1_priors(adults)
    contrast = t1_contrast(priors.mean, priors.mean_spread, priors.spread)
    assert float(contrast.mean[CODES["white_matter"]]) == pytest.approx(1)
    assert priors.mean[CODES["scalp_fat"]] == priors.mean[CODES["skin"]]


def test_narrow_fluid_is_marked_and_wide_fluid_is_not() -> None:
    codes = np.full((30, 30, 30), CODES["fluid"], np.uint8)
    codes[5:25, 5:25, 5:25] = CODES["cortex"]
    codes[14:16, 10:20, 5:25] = CODES["fluid"]
    packed = with_depth(codes, 1.0)
    assert ((packed[14:16, 12:18, 10:20] & NARROW) > 0).all()
    assert not (packed[:3] & NARROW).any()


@pytest.mark.parametrize("with_adult", [False, True])
def test_a_grown_head_keeps_the_map_and_surrounds_it(adults: Path, with_adult: bool) -> None:
    values = ball(60, {CODES["fluid"]: 14, CODES["cortex"]: 12, CODES["white_matter"]: 9})
    codes = values.astype(np.uint8)
    codes[29:31, 29:31, 16:22] = CODES["brainstem"]
    adult = label_maps.adult_codes(adults / "training_seg_01.nii.gz") if with_adult else None
    head = grow_head(np.random.default_rng(0), codes, 1.0, adult)
    inside = codes > 0
    np.testing.assert_array_equal(head[inside], codes[inside])
    names = {STRUCTURES[code].name for code in np.unique(head[~inside])}
    assert {"air", "bone", "scalp_fat", "skin"} <= names
    outside = TISSUE_OF_CODE[head[~inside]]
    assert set(np.unique(outside)) <= {BACKGROUND, CSF}


def run(*arguments: str) -> int:
    """The command's exit code."""
    return runner.exit_code(define_flags, generate_command, "", ["generate", *arguments])


def test_the_command_writes_pairs_and_a_sheet(
    adults: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_maps, "_ADULT_SIZES", (40, 40, 40))
    small = {"any_adult": lambda slice_axis: any_adult_recipe((12, 32, 32), slice_axis)}
    monkeypatch.setattr(generator, "RECIPES", small)
    out = tmp_path / "out"
    arguments = (f"--source={adults}", f"--out_dir={out}", "--count=2", "--kind=any_adult")
    assert run(*arguments) == 0
    assert (out / "examples.png").stat().st_size > 1000
    for index in range(2):
        image = nifti.load_scan(out / f"{index:03d}_training_seg_01.nii")
        labels = nifti.load_labels(out / f"{index:03d}_training_seg_01_dseg.nii.gz", image)
        assert image.data.shape == labels.shape == (32, 32, 12)
        assert image.spacing_mm == (1.0, 1.0, 1.0)
    assert run(*arguments) == 1


def test_adults_are_labelled_as_people_draw_and_any_contrast_is_drawn() -> None:
    adult, other = RECIPES["adult"](), RECIPES["any_adult"]()
    assert adult.label_smoothing_mm == other.label_smoothing_mm == 1.0
    assert other.contrasts.sequences == ADULT_SEQUENCES
    assert set(adult.contrasts.sequences) < set(ADULT_SEQUENCES)


@pytest.mark.parametrize("kind", RECIPES)
def test_each_kind_leaves_out_its_own(
    adults: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    asked: list[object] = []

    def note(*given: object) -> list[label_maps.LabelSource]:
        asked.extend(given)
        return []

    people = kind.removeprefix("any_")
    monkeypatch.setattr(generator, f"load_{people}s", note)
    generator.load_generator(kind, adults)
    by_kind = {"adult": known_maps.HELD_OUT, "newborn": known_maps.HELD_OUT_NEWBORNS}
    assert asked[-1] == by_kind[people]


def test_a_folder_of_held_out_maps_alone_is_refused(adults: Path) -> None:
    with pytest.raises(InputError, match="only label maps that are held out"):
        label_maps.load_adults(adults, "axial", leave_out=("training_seg_01", "training_seg_17"))


def test_the_command_says_what_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--count=1") == 2
    assert "--source, --out_dir must be given" in capsys.readouterr().err
