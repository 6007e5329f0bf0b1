"""HDF5 files of arrays, sealed with a SHA-256 (input/output, the only user of h5py).

A sealed file is HDF5 behind a 512-byte user block, which every HDF5 reader skips. The block holds
the SHA-256 of all that follows, so any flipped bit and any cut is found before the HDF5 library
parses a byte. The root attributes name the format, its version and whatever describes the arrays;
each array is a dataset named "layer/name". Types, sizes and places are checked before anything is
read: nothing is executable, and no link leads out of the file.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from brainfcn_jax.errors import BrainfcnError, WeightsError
from brainfcn_jax.runtime.atomic_files import new_file

FORMAT_VERSION = 1
STORAGES = ("float32", "float16")
SEAL_BYTES = 512

_MAGIC = b"brainfcn_jax sealed HDF5\n"
_MAX_ITEMS = 1000
_MAX_ATTRIBUTE_BYTES = 32_768
_HDF5_ERRORS = (OSError, KeyError, RuntimeError, ValueError, TypeError)

Arrays = dict[str, np.ndarray]
"""Arrays by "layer/name"."""
Shapes = Mapping[str, tuple[int, ...]]


def shape_differences(found: Shapes, expected: Shapes) -> list[str]:
    """Return every missing, extra and misshapen array, one sentence a kind; empty without any."""
    misshapen = [
        f"{name} is {found[name]}, must be {expected[name]}"
        for name in sorted(expected.keys() & found.keys())
        if found[name] != expected[name]
    ]
    groups = {
        "missing": sorted(expected.keys() - found.keys()),
        "extra": sorted(found.keys() - expected.keys()),
        "misshapen": misshapen,
    }
    return [f"{word}: {', '.join(names)}" for word, names in groups.items() if names]


def refuse(path: str | Path, what: str, problems: list[str]) -> None:
    """Raise WeightsError with every problem in one message, if there is any."""
    if problems:
        raise WeightsError(f"'{path}' {what}: {'; '.join(problems)}")


@contextmanager
def readable(path: str | Path) -> Iterator[BufferedIOBase]:
    """Yield the file opened as bytes; WeightsError when the system does not let it be read."""
    try:
        with open(path, "rb") as stream:
            yield stream
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read: {error.strerror or error}") from error


def is_sealed(path: str | Path) -> bool:
    """Return whether the file begins like one that `write_sealed` wrote."""
    with readable(path) as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def write_sealed(
    path: str | Path,
    kind: str,
    attributes: Mapping[str, Any],
    arrays: Arrays,
    *,
    overwrite: bool,
    storage: str = "float32",
) -> None:
    """Write arrays and attributes (int, str, tuple of str, tuple of float) as a sealed file.

    The HDF5 library writes to memory: it crashes where a disk is full.

    Raises:
        WeightsError: an array is not finite as `storage`, or a text is over 32 KiB.
        OutputError: the file exists and `overwrite` is false, or it cannot be written.
    """
    assert storage in STORAGES, storage
    with np.errstate(over="ignore"):
        stored = {name: np.asarray(array).astype(storage) for name, array in arrays.items()}
    header = {"format": kind, "version": FORMAT_VERSION, **attributes}
    encoded = {name: _encoded(value) for name, value in header.items()}
    problems = [f"{name} is not finite as {storage}" for name in _not_finite(stored)]
    problems += [
        f"{name} is over {_MAX_ATTRIBUTE_BYTES} bytes"
        for name, value in encoded.items()
        if value.nbytes > _MAX_ATTRIBUTE_BYTES
    ]
    refuse(path, "cannot hold these weights", problems)
    contents = BytesIO()
    with h5py.File(contents, "w", userblock_size=SEAL_BYTES) as file:
        file.attrs.update(encoded)
        for name, array in stored.items():
            file.create_dataset(name, data=array)
    with new_file(path, overwrite) as temporary:
        temporary.write_bytes(contents.getbuffer())
        seal(temporary)


def seal(path: str | Path) -> None:
    """Put the SHA-256 of all that follows the user block into the user block."""
    with open(path, "r+b") as stream:
        block = _seal_of(stream)
        stream.seek(0)
        stream.write(block)


@contextmanager
def sealed_file(path: str | Path, kind: str) -> Iterator[h5py.File]:
    """Yield a sealed file of one kind, opened after its seal was checked.

    Raises:
        WeightsError: the file is missing, damaged, not sealed, or of another kind or version.
    """
    with readable(path) as stream:
        block = stream.read(SEAL_BYTES)
        if not block.startswith(_MAGIC):
            raise WeightsError(
                f"'{path}' is not a weight file of brainfcn_jax, or its beginning is damaged: it "
                f"begins with {block[:8]!r}, must begin with {_MAGIC[:12]!r}; give a file that "
                "run_train.py wrote or that came with brainfcn_jax"
            )
        if block != _seal_of(stream):
            raise WeightsError(
                f"'{path}' is damaged or cut short: its SHA-256 is not the one it was sealed with; "
                "copy or download it again"
            )
    with plain_file(path) as file:
        header = read_attributes(file, ("format", "version"))
        if header != {"format": kind, "version": FORMAT_VERSION}:
            raise WeightsError(
                f"'{path}' is a {header['format']} file of version {header['version']}; needed is "
                f"{kind} of version {FORMAT_VERSION}"
            )
        yield file


@contextmanager
def plain_file(path: str | Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file for reading; what the HDF5 library cannot read becomes a WeightsError."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except BrainfcnError:
        raise
    except _HDF5_ERRORS as error:
        raise WeightsError(f"'{path}' is not HDF5, or damaged: {error}") from error


def read_attributes(file: h5py.File, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the named root attributes, as int, str, tuple of str or tuple of float.

    Raises:
        WeightsError: some are missing, too long or of another type (all are listed).
    """
    problems, found = [], {}
    for name in names:
        if name not in file.attrs:
            problems.append(f"attribute {name} is missing")
            continue
        identity = file.attrs.get_id(name)
        size = identity.dtype.itemsize * int(np.prod(identity.shape, dtype=object))
        if identity.dtype.kind not in "ifS" or len(identity.shape) > 1:
            problems.append(f"attribute {name} has the type {identity.dtype}{identity.shape}")
        elif size > _MAX_ATTRIBUTE_BYTES:
            problems.append(f"attribute {name} is over {_MAX_ATTRIBUTE_BYTES} bytes")
        else:
            found[name] = _decoded(file.attrs[name])
    refuse(file.filename, "has another description", problems)
    return found


def array_shapes(file: h5py.File) -> dict[str, tuple[int, ...]]:
    """Return shape of every array in the file by its whole name, read from the headers alone."""
    return {name: dataset.shape for name, dataset in _datasets(file).items()}


def read_arrays(file: h5py.File, expected: Shapes) -> Arrays:
    """Return all arrays as float32, once their names, shapes and storage are as expected.

    Raises:
        WeightsError: listing every missing, extra or misshapen array and every array of another
            type, kept outside the file or in (compressed) chunks, or with values that are not
            finite.
    """
    datasets = _datasets(file)
    shapes = {name: dataset.shape for name, dataset in datasets.items()}
    problems = shape_differences(shapes, expected)
    for name, dataset in datasets.items():
        if dataset.dtype not in map(np.dtype, STORAGES):
            problems.append(f"{name} is {dataset.dtype}, must be {' or '.join(STORAGES)}")
        if dataset.is_virtual or dataset.external:
            problems.append(f"{name} is kept outside the file")
        if dataset.chunks is not None:
            problems.append(f"{name} is kept in chunks, must be in one piece")
    refuse(file.filename, "holds the arrays of another network", problems)
    arrays = {name: np.asarray(datasets[name][()], dtype=np.float32) for name in expected}
    problems = [f"{name} is not finite" for name in _not_finite(arrays)]
    refuse(file.filename, "holds unusable values", problems)
    return arrays


def _seal_of(stream: BufferedIOBase) -> bytes:
    stream.seek(SEAL_BYTES)
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return (_MAGIC + f"sha256 {digest}\n".encode()).ljust(SEAL_BYTES, b"\0")


def _not_finite(arrays: Arrays) -> list[str]:
    return [name for name, array in arrays.items() if not np.isfinite(array).all()]


def _encoded(value: Any) -> np.ndarray:
    """Return an attribute value of fixed size: HDF5's strings of variable size are never used."""
    if isinstance(value, str):
        return np.asarray(value.encode() or b"\0", dtype="S")
    if isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        return np.asarray([item.encode() for item in value], dtype="S")
    return np.asarray(value, dtype=np.int64 if isinstance(value, int) else np.float64)


def _decoded(value: Any) -> Any:
    array = np.asarray(value)
    items = array.tolist()
    if array.dtype.kind == "S":
        return tuple(item.decode() for item in items) if array.ndim else items.decode()
    return tuple(items) if array.ndim else items


def _datasets(file: h5py.File) -> dict[str, h5py.Dataset]:
    """Return every dataset by its whole name; refuse links out of the file or within it."""
    found: dict[str, h5py.Dataset] = {}
    groups: list[tuple[str, h5py.Group]] = [("", file)]
    visited = 0
    while groups:
        prefix, group = groups.pop()
        for key in group:
            visited += 1
            name = f"{prefix}{key}"
            if visited > _MAX_ITEMS:
                raise WeightsError(f"'{file.filename}' holds over {_MAX_ITEMS} items")
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise WeightsError(f"'{file.filename}' is refused: {name} is a link elsewhere")
            item = group[key]
            if isinstance(item, h5py.Group):
                groups.append((f"{name}/", item))
            elif isinstance(item, h5py.Dataset):
                found[name] = item
            else:
                raise WeightsError(f"'{file.filename}' is refused: {name} is not an array")
    return found
