"""What is fuzzed: each target turns bytes into an input, tries it, and fails on a surprise.

A target reads its bytes as decisions: which good input it starts from and what is changed in it. So
every engine that makes bytes can drive it (see fuzz.py). An input may be used or be refused with an
error of ours, in one line that names it; anything else that comes out of a target is a finding.
"""

import contextlib
import dataclasses
import gzip
import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from fuzzing.fuzz_bytes import SPECIAL, SPECIAL_REAL, Choices, Field, edited, numbers_of
from ml_collections import ConfigDict
from nibabel.analyze import AnalyzeHeader
from nibabel.freesurfer.mghformat import MGHHeader, MGHImage
from nibabel.nifti1 import Nifti1Extension, Nifti1Header, Nifti1Image, Nifti1Pair
from nibabel.nifti2 import Nifti2Header, Nifti2Image
from support.threshold_model import DESCRIPTION
from support.tiny_scans import CONFIGS
from training.settings_test import good_values

from brainfcn_jax.commands import runner, train
from brainfcn_jax.errors import BrainfcnError, InputError, UsageError, WeightsError
from brainfcn_jax.imaging.nifti import image_of, load_codes, load_scan
from brainfcn_jax.labels import named_table
from brainfcn_jax.network import sealed_hdf5
from brainfcn_jax.network.fcn import parameter_shapes
from brainfcn_jax.network.model_file import Model, load_model, save_model
from brainfcn_jax.training.settings import Settings
from brainfcn_jax.training.settings_from_config import settings_from_config

Target = Callable[[bytes, Path], None]
"""Tries the input that the bytes stand for; files go into the folder."""

WIDTHS = ((1, 1), (1, 1), (1, 1, 1), (1, 1, 1), (1, 1, 1))
"""Channels of a network with one convolution a stage: its files are read soonest."""

SECRET = b"Jane Doe"
"""Stands in every text of the images; none may come out again."""

WORDS = (
    "root",
    "tissues",
    "axial",
    "a\nb",
    "",
    "{subject}",
    "T1w",
    "\ud800",
    "\x1b[2J",
    "x" * 9999,
)

VOXELS = np.random.default_rng(0).integers(0, 1000, (6, 5, 4)).astype(np.int16)


def images(data: bytes, folder: Path) -> None:
    """A damaged scan or label map is read or refused; what is read makes a map on its grid."""
    choices = Choices(data)
    name, files, fields = choices.among(image_bases())
    read = choices.among((load_scan, load_scan, load_codes))
    for file, content in files.items():
        changed = edited(content, choices, fields)
        if file.endswith(("gz", "mgz")):
            changed = edited(gzip.compress(changed, 1, mtime=0), choices, ())
        (folder / file).write_bytes(changed)
    path = folder / name
    with refusing(InputError, path):
        found = read(path)
        if read is load_scan:
            check_scan(found)


def check_scan(scan: Any) -> None:
    """What holds of everything that was read as a scan."""
    assert scan.data.dtype == np.float32
    assert np.isfinite(scan.data).all()
    assert scan.data.min() < scan.data.max()
    assert all(0.01 <= mm <= 100 for mm in scan.spacing_mm)
    assert not any("\n" in note for note in scan.notes)
    labels = np.zeros(scan.data.shape, np.uint8)
    labels[0, 0, 0] = 1
    written = image_of(labels, scan)
    assert np.allclose(written.header.get_best_affine(), scan.image.affine)
    assert SECRET not in written.to_bytes()


def weights(data: bytes, folder: Path) -> None:
    """A weight file that was changed and sealed again is read or refused."""
    choices = Choices(data)
    resealed = choices.below(16) > 0
    path = folder / "model.h5"
    content = edited(model_base(), choices, ())
    path.write_bytes(content)
    if resealed:
        sealed_hdf5.seal(path)
    with refusing(WeightsError, path):
        model = load_model(path)
        assert not model.description.problems()


def values(data: bytes, folder: Path) -> None:
    """A config with changed keys becomes settings or is refused."""
    choices = Choices(data)
    config = good_values()
    for _ in range(1 + choices.below(3)):
        section = choices.among([config, *(s for s in config.values() if isinstance(s, dict))])
        key = choices.among([*section, "unknown"])
        if choices.below(8) == 0:
            section.pop(key, None)
        else:
            section[key] = value(choices)
    with refusing(UsageError):
        assert isinstance(settings_from_config(ConfigDict(config)), Settings)


def overrides(data: bytes, folder: Path) -> None:
    """Flags that change a config's keys are read or refused with exit code 2 and one line."""
    choices = Choices(data)
    argv = ["run_train.py", f"--config={CONFIGS / 'testing.py'}", "--config.data.root=scans"]
    for _ in range(1 + choices.below(3)):
        argv.append(f"--config.{choices.among(override_keys())}={text_of(choices)}")

    def define(flag_values: Any) -> None:
        train.define_flags(flag_values, argv)

    def command(flag_values: Any) -> None:
        settings_from_config(flag_values.config)

    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = runner.exit_code(define, command, "", argv)
    assert code in (0, 2), (code, said.getvalue())
    assert said.getvalue().count("\n") == code // 2, said.getvalue()
    assert len(said.getvalue()) < 5000, said.getvalue()


TARGETS: dict[str, Target] = {
    "images": images,
    "weights": weights,
    "values": values,
    "overrides": overrides,
}


@contextlib.contextmanager
def refusing(kind: type[BrainfcnError], path: Path | None = None) -> Iterator[None]:
    """Lets pass a refusal of that kind, if it is one line that begins with the path."""
    try:
        yield
    except kind as error:
        message = str(error)
        assert path is None or message.startswith(f"'{path}' "), message
        assert "\n" not in message, message
        assert len(message) < 5000, message
        cause: BaseException | None = error
        while cause is not None and (cause := cause.__cause__) is not None:
            assert not isinstance(cause, MemoryError | AssertionError | RecursionError), cause


@cache
def image_bases() -> tuple[tuple[str, dict[str, bytes], tuple[Field, ...]], ...]:
    """Good images of each format: the name to read, the files, the numbers in the header."""
    affine = np.diag([-1, 2, 3, 1.0])
    first, second = Nifti1Image(VOXELS, affine), Nifti2Image(VOXELS, affine)
    pair, mgh = Nifti1Pair(VOXELS, affine), MGHImage(VOXELS, affine)
    for image in (first, second, pair):
        image.set_qform(affine, 1)
        for text in ("descrip", "aux_file", "intent_name"):
            image.header[text] = SECRET
        image.header.extensions.append(Nifti1Extension("comment", SECRET))
    of_first, of_second, of_analyze = (
        numbers_of(kind.template_dtype, "<") for kind in (Nifti1Header, Nifti2Header, AnalyzeHeader)
    )
    of_mgh = numbers_of(MGHHeader._hdrdtype, ">")
    analyze = AnalyzeHeader(endianness="<")
    analyze.set_data_shape(VOXELS.shape)
    analyze.set_data_dtype(np.int16)
    halves = {key: io.BytesIO() for key in ("header", "image")}
    pair.to_file_map(Nifti1Pair.make_file_map(halves))
    stored, voxels = mgh.to_bytes() + SECRET, VOXELS.tobytes(order="F")
    return (
        ("scan.nii", {"scan.nii": first.to_bytes()}, of_first),
        ("scan.nii.gz", {"scan.nii.gz": first.to_bytes()}, of_first),
        ("scan.nii", {"scan.nii": second.to_bytes()}, of_second),
        (
            "scan.img",
            {"scan.hdr": halves["header"].getvalue(), "scan.img": halves["image"].getvalue()},
            of_first,
        ),
        ("scan.hdr", {"scan.hdr": analyze.binaryblock, "scan.img": voxels}, of_analyze),
        ("scan.mgh", {"scan.mgh": stored}, of_mgh),
        ("scan.mgz", {"scan.mgz": stored}, of_mgh),
    )


@cache
def model_base() -> bytes:
    """A good weight file of the smallest network."""
    description = dataclasses.replace(DESCRIPTION, maps=1, labels=named_table(("grey",)))
    shapes = parameter_shapes(description.stages, description.maps, 2, WIDTHS)
    params = {
        layer: {name: np.zeros(shape, np.float32) for name, shape in names.items()}
        for layer, names in shapes.items()
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        save_model(path, Model(params, description))
        return path.read_bytes()


@cache
def override_keys() -> tuple[str, ...]:
    """The dotted keys of a config, and some that it does not have."""
    config = good_values()
    dotted = [
        f"{name}.{key}" for name, part in config.items() if isinstance(part, dict) for key in part
    ]
    return (*config, *dotted, "unknown", "data.unknown", "data.root.unknown", "", "data.", "a b")


def value(choices: Choices, depth: int = 0) -> Any:
    """Any plain value: numbers, words, tuples and sections of them."""
    match choices.below(10 if depth < 3 else 6):
        case 0:
            return choices.among(SPECIAL)
        case 1:
            return choices.among(SPECIAL_REAL)
        case 2:
            return choices.among((None, True, False))
        case 3:
            return choices.among(WORDS)
        case 4:
            return 10 ** (choices.below(256) * 20)
        case 5:
            return (choices.below(1000) - 500) / 100
        case 6 | 7:
            return tuple(value(choices, depth + 1) for _ in range(choices.below(5)))
        case 8:
            return [value(choices, depth + 1) for _ in range(choices.below(300))]
        case _:
            names = (choices.among(WORDS[:4]) for _ in range(choices.below(4)))
            return {name: value(choices, depth + 1) for name in names}


def text_of(choices: Choices) -> str:
    """What stands behind the = of a flag: a value as Python writes it, or any text at all."""
    if choices.below(4) == 0:
        return choices.rest().decode("utf-8", "surrogateescape").replace("\0", "")
    try:
        return str(value(choices))
    except ValueError:  # more digits than Python writes
        return "9" * 5000
