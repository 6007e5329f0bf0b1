"""Sealed HDF5: flipped bits, cuts, other files, and files crafted to mislead the reader."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pytest

from brainfcn_jax.errors import WeightsError
from brainfcn_jax.labels import named_table, table_text
from brainfcn_jax.network import model_file, sealed_hdf5, vgg16
from brainfcn_jax.network.model_file import ModelDescription, load_model

DESCRIPTION = ModelDescription(
    stages=4,
    maps=2,
    labels=named_table(("grey", "white")),
    people="adults",
    contrasts=("T1w",),
    find_brain=True,
    colours="neighbours",
    channel_means=(1.0, 2.0, 3.0),
    slice_axis="axial",
    spacing_mm=(1.0, 1.0, 3.0),
    equalise="volume",
    mask_slice="largest",
    licence="CC0-1.0",
    training="by hand",
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    write_crafted(tmp_path / "saved.h5", lambda file: None)
    return tmp_path / "saved.h5"


def write_crafted(path: Path, change: Callable[[h5py.File], None]) -> None:
    """A correctly sealed model file of declared but unwritten arrays, after `change`."""
    attributes = {field.name: getattr(DESCRIPTION, field.name) for field in fields(DESCRIPTION)}
    attributes |= {"labels": table_text(DESCRIPTION.labels), "find_brain": 1}
    sealed_hdf5.write_sealed(path, model_file.MODEL_FORMAT, attributes, {}, overwrite=True)
    with h5py.File(path, "r+") as file:
        for name, shape in DESCRIPTION.parameter_shapes().items():
            file.create_dataset(name, shape, np.float32)
        change(file)
    sealed_hdf5.seal(path)


def replace(file: h5py.File, name: str, shape: tuple[int, ...], dtype: str = "f4") -> None:
    del file[name]
    file.create_dataset(name, shape, dtype, chunks=True)


def test_every_flipped_bit_is_found(tmp_path: Path, saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    rng = np.random.default_rng(1)
    path = tmp_path / "flipped.h5"
    front = [0, 24, 25, 40, 96, 97, 300, 511, 512, 520, 700, 2000]
    for offset in [*front, *rng.integers(0, len(content), 12).tolist(), len(content) - 1]:
        bit = 1 << int(rng.integers(8))
        content[offset] ^= bit
        path.write_bytes(content)
        content[offset] ^= bit
        with pytest.raises(WeightsError, match="damaged"):
            load_model(path)


@pytest.mark.parametrize("kept", [0, 10, 511, 512, 513, 5000, 0.5, 0.9999])
def test_a_cut_file_is_found(tmp_path: Path, saved: Path, kept: float) -> None:
    content = saved.read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(content[: int(kept * len(content)) if 0 < kept < 1 else int(kept)])
    with pytest.raises(WeightsError, match="damaged"):
        load_model(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(WeightsError, match="damaged"):
        load_model(path)


def test_files_that_are_no_weight_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load_model(tmp_path / "absent.h5")
    with pytest.raises(WeightsError, match="Is a directory"):
        load_model(tmp_path)
    (tmp_path / "scan.nii").write_bytes(bytes(400))
    with pytest.raises(WeightsError, match="not a weight file of brainfcn_jax"):
        load_model(tmp_path / "scan.nii")


def test_every_difference_of_another_network_is_listed(tmp_path: Path) -> None:
    def change(file: h5py.File) -> None:
        del file["conv2_1/bias"]
        file.create_dataset("conv9_9/bias", (3,), "f4")
        replace(file, "fusion/kernel", (1, 1, 80, 3))
        replace(file, "fusion/bias", (3,), "f8")

    path = tmp_path / "other.h5"
    write_crafted(path, change)
    with pytest.raises(WeightsError) as caught:
        load_model(path)
    for part in (
        "missing: conv2_1/bias",
        "extra: conv9_9/bias",
        "fusion/kernel is (1, 1, 80, 3), must be (1, 1, 8, 3)",
        "fusion/bias is float64",
    ):
        assert part in str(caught.value)


def vlen_attribute(file: h5py.File) -> None:
    del file.attrs["licence"]
    file.attrs["licence"] = "a string of variable size"


def another_version(file: h5py.File) -> None:
    file.attrs["version"] = 2


def another_kind(file: h5py.File) -> None:
    file.attrs["format"] = np.bytes_(vgg16.BACKBONE_FORMAT)


def soft_link(file: h5py.File) -> None:
    del file["fusion/bias"]
    file["fusion/bias"] = h5py.SoftLink("/conv1_1/bias")


def external_link(file: h5py.File) -> None:
    file["fusion/more"] = h5py.ExternalLink("/etc/passwd", "/")


def external_storage(file: h5py.File) -> None:
    del file["fusion/bias"]
    place = [("/etc/hostname", 0, 12)]
    file.create_dataset("fusion/bias", (3,), "f4", external=place)


def virtual_array(file: h5py.File) -> None:
    del file["fusion/bias"]
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (3,), "f4")
    file.create_virtual_dataset("fusion/bias", layout)


def huge_array(file: h5py.File) -> None:
    replace(file, "fusion/bias", (2**45,))


def huge_network(file: h5py.File) -> None:
    file.attrs["maps"] = 2**40


def object_array(file: h5py.File) -> None:
    replace(file, "fusion/bias", (3,), h5py.string_dtype())


def named_type(file: h5py.File) -> None:
    file["fusion/type"] = np.dtype("f4")


def group_in_itself(file: h5py.File) -> None:
    file["fusion/self"] = file["fusion"]


def missing_attributes(file: h5py.File) -> None:
    del file.attrs["licence"], file.attrs["people"]


def unknown_people(file: h5py.File) -> None:
    file.attrs["people"] = np.bytes_("cats")


def unknown_contrast(file: h5py.File) -> None:
    file.attrs["contrasts"] = [np.bytes_("T1w"), np.bytes_("t1w")]


def unknown_colours(file: h5py.File) -> None:
    file.attrs["colours"] = np.bytes_("red")


def unknown_kind(file: h5py.File) -> None:
    table = table_text(DESCRIPTION.labels).replace("other", "bone")
    file.attrs["labels"] = np.bytes_(table.encode())


def no_table(file: h5py.File) -> None:
    file.attrs["labels"] = np.bytes_("grey, white")


def several_problems(file: h5py.File) -> None:
    unknown_people(file)
    unknown_contrast(file)


def stages_as_text(file: h5py.File) -> None:
    file.attrs["stages"] = np.bytes_("4")


def large_attribute(file: h5py.File) -> None:
    file.attrs["training"] = np.bytes_("a" * 40_000)


def compressed(file: h5py.File) -> None:
    del file["fusion/bias"]
    file.create_dataset("fusion/bias", (3,), "f4", compression="gzip")


def tiny_spacing(file: h5py.File) -> None:
    file.attrs["spacing_mm"] = [1e-9, 1.0, 1.0]


def wild_mean(file: h5py.File) -> None:
    file.attrs["channel_means"] = [np.nan, 1e300, 0.0]


def not_finite(file: h5py.File) -> None:
    file["conv1_1/bias"][3] = np.nan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (vlen_attribute, "attribute licence has the type object"),
        (another_version, "of version 2; needed is brainfcn_jax.model of version 1"),
        (another_kind, "is a brainfcn_jax.vgg16 file"),
        (soft_link, "fusion/bias is a link elsewhere"),
        (external_link, "fusion/more is a link elsewhere"),
        (external_storage, "fusion/bias is kept outside"),
        (virtual_array, "fusion/bias is kept outside"),
        (huge_array, "misshapen: fusion/bias"),
        (huge_network, "maps must be 1 to"),
        (object_array, "fusion/bias is object"),
        (named_type, "fusion/type is not an array"),
        (group_in_itself, "over 1000 items"),
        (missing_attributes, "attribute people is missing; attribute licence is missing"),
        (stages_as_text, "stages is '4', must be"),
        (unknown_people, "people is 'cats', must be adults, newborns or anyone"),
        (unknown_contrast, "contrasts are T1w, t1w; they must be some of T1w, T2w, FLAIR, PDw"),
        (unknown_colours, "colours is 'red', must be neighbours"),
        (unknown_kind, "kind 'bone' is not tissue, ventricle, fluid, lesion or other"),
        (no_table, "is no label table: it lacks the columns index, name, abbreviation, color"),
        (several_problems, "must be adults, newborns or anyone; contrasts are T1w, t1w"),
        (large_attribute, "attribute training is over"),
        (compressed, "fusion/bias is kept in chunks, must be in one piece"),
        (tiny_spacing, "spacing_mm must be 3 numbers in 0.01..100.0"),
        (wild_mean, "channel_means must be 3 numbers in 0..255"),
        (not_finite, "conv1_1/bias is not finite"),
    ],
)
def test_sealed_but_crafted_files_are_refused(
    tmp_path: Path, change: Callable[[h5py.File], None], message: str
) -> None:
    path = tmp_path / "crafted.h5"
    write_crafted(path, change)
    with pytest.raises(WeightsError) as caught:
        load_model(path)
    assert message in str(caught.value)
    assert "crafted.h5" in str(caught.value)


def test_a_crafted_file_without_a_fault_is_read(tmp_path: Path) -> None:
    write_crafted(tmp_path / "sound.h5", lambda file: None)
    assert load_model(tmp_path / "sound.h5").description == DESCRIPTION
