"""What is refused in an image file before any memory is taken for its voxels.

Messages of the errors lack the file's name: `naming` puts it in front.
"""

import gzip
import logging
import math
import os
import stat
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, cast

import numpy as np

from brainfcn_jax.errors import InputError
from brainfcn_jax.text import listed

MAXIMUM_BYTES = 16 * 1024**3
"""Files whose header declares more than this, all frames together, are refused."""

TRAILING_BYTES = 64 * 1024**2
"""What may follow the voxels in a compressed file; one that unpacks to more is refused."""

LARGEST_HEADER = 540
"""Bytes of a NIfTI-2 header, the largest of those that are read."""

_COMPRESSED = (".gz", ".mgz")
_PAIRS = (".hdr", ".img")
_GZIP = b"\x1f\x8b"
_ANNEX = "/annex/objects/"
_LFS_POINTER = b"version https://git-lfs"
_GET_CONTENT = "get it first (`datalad get`, `git annex get` or `git lfs pull`)"
_LARGEST_COMPRESSION = 1032
_SHOWN_BYTES = 12
_PIECE = 1024**2
_WITH_GZIP_HEADER = 31
_SHORTEST_HEADER = 284

_reading = ContextVar("reading", default=False)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Make an InputError that starts with the path of whatever goes wrong with a file within.

    What nibabel would log of it is left out, since the error says it; other threads log as ever.
    """
    logging.getLogger("nibabel.global").addFilter(_is_from_elsewhere)  # once: no second is added
    outer = _reading.set(True)
    try:
        with np.errstate(all="ignore"):
            yield
    except InputError as error:
        raise InputError(f"'{path}' {error}") from error
    except MemoryError as error:
        raise InputError(f"'{path}' does not fit into the memory that is free") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"'{path}' is damaged: its compressed data end early or are altered; copy it again"
        ) from error
    except Exception as error:  # a damaged file makes nibabel raise nearly any kind
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"'{path}' cannot be read as an image: {reason}; copy it again") from error
    finally:
        _reading.reset(outer)


def _is_from_elsewhere(record: logging.LogRecord) -> bool:
    return not _reading.get()


def check_path(path: str | Path, extensions: Sequence[str]) -> None:
    """Raise InputError unless there is a regular file with one of these endings, with content."""
    try:
        found = os.stat(path)
    except OSError as error:
        if os.path.islink(path):
            raise _link_without_content(path) from error
        if isinstance(error, FileNotFoundError):
            raise InputError("does not exist; give an image file") from error
        raise InputError(f"cannot be opened: {error.strerror}; give another file") from error
    if stat.S_ISDIR(found.st_mode):
        raise InputError("is a folder; give an image file")
    if not stat.S_ISREG(found.st_mode):
        raise InputError("is a device or a pipe; give an image file")
    if not str(path).lower().endswith(tuple(extensions)):
        raise InputError(f"is no image that is read; those end in {', '.join(extensions)}")
    if found.st_size == 0:
        raise InputError("is empty: it has 0 bytes; copy it again")


def _link_without_content(path: str | Path) -> InputError:
    """Make the error for a symbolic link that leads nowhere."""
    if _ANNEX in Path(os.readlink(path)).as_posix():
        return InputError(f"is a link to content that is not here; {_GET_CONTENT}")
    return InputError("is a symbolic link that leads to no file; give an image")


def header_path(path: str | Path) -> Path:
    """Return the file that holds the header: the .hdr beside an .img, else the file itself."""
    path = Path(path)
    if path.suffix.lower() != ".img":
        return path
    header = path.with_suffix(".HDR" if path.suffix.isupper() else ".hdr")
    if not header.is_file():
        raise InputError(f"has no header: '{header.name}' is missing")
    return header


def first_bytes(path: str | Path, count: int = LARGEST_HEADER) -> bytes:
    """Return the beginning of a file, unpacked where it is compressed.

    Raises:
        InputError: it may not be read.
    """
    try:
        with open(path, "rb") as stream:
            start = stream.read(count)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot be read: {reason}; check who may read it") from error
    if not is_compressed(path):
        return start
    with gzip.open(path) as packed:
        return packed.read(count)


def unknown_kind(path: str | Path, start: bytes) -> InputError:
    """Make the error for a file that begins like none of the formats that are read."""
    if start.startswith(_LFS_POINTER) or _ANNEX.encode() in start:
        return InputError(f"holds a pointer to content that is not here; {_GET_CONTENT}")
    if is_called_compressed(path) and not is_compressed(path):
        return InputError(
            f"is not compressed, though its name says so: it begins with {start[:_SHOWN_BYTES]!r}; "
            "copy it again or correct its name"
        )
    if len(start) < _SHORTEST_HEADER:
        return InputError(f"is too short for an image: it has {len(start)} bytes; copy it again")
    return InputError(
        "is neither a NIfTI, an MGH nor an Analyze volume: it begins with "
        f"{start[:_SHOWN_BYTES]!r}; convert it to NIfTI, or copy it again if it was one"
    )


def is_called_compressed(path: str | Path) -> bool:
    """Return whether a file's name says that it is compressed."""
    return str(path).lower().endswith(_COMPRESSED)


def is_compressed(path: str | Path) -> bool:
    """Return whether a file is compressed, whatever its name; an .img, of voxels alone, is not."""
    if Path(path).suffix.lower() == ".img":
        return False
    with open(path, "rb") as stream:
        return stream.read(len(_GZIP)) == _GZIP


@contextmanager
def unlike_its_name(path: str | Path) -> Iterator[tuple[IO[bytes] | None, tuple[str, ...]]]:
    """Open a file that is compressed though its name does not say so, or the reverse; a note then.

    None stands for a file that is as its name says, which needs no help.
    """
    compressed = is_compressed(path)
    if compressed == is_called_compressed(path) or Path(path).suffix.lower() in _PAIRS:
        yield None, ()
    elif compressed:
        with gzip.open(path) as packed:
            yield cast(IO[bytes], packed), ("the file is gzipped, though its name does not say so",)
    else:
        with open(path, "rb") as plain:
            yield plain, ("the file is not gzipped, though its name says so",)


def check_stored_sizes(header: bytes, layout: str, offset: int) -> None:
    """Raise InputError when the voxel sizes as stored (nibabel mends them) are unusable.

    Args:
        header: the header's bytes.
        layout: how the three sizes are packed, as in `struct`.
        offset: where they begin.
    """
    sizes = struct.unpack_from(layout, header, offset)
    if not all(0 < size < math.inf for size in sizes):
        raise InputError(f"has voxel sizes {listed(sizes)} in its header; repair it first")


def check_file_is_whole(path: Path, declared_bytes: int) -> tuple[str, ...]:
    """Return notes on a file that holds `declared_bytes`, and more that is passed over.

    Readers stop after the last voxel, before the checksum at the end of a compressed file. So it
    is unpacked once up to there, piece by piece.

    Raises:
        InputError: it holds less, or far more.
        EOFError, zlib.error: it is cut off or altered (see `naming`).
    """
    if not path.is_file():
        raise InputError(f"has no voxels: '{path.name}' is missing")
    compressed = is_compressed(path)
    found_bytes = path.stat().st_size
    if declared_bytes > MAXIMUM_BYTES:
        raise InputError(f"declares {declared_bytes} bytes; read are at most {MAXIMUM_BYTES}")
    if declared_bytes > found_bytes * (_LARGEST_COMPRESSION if compressed else 1):
        raise InputError(
            f"is truncated: its header declares {declared_bytes} bytes, '{path.name}' has "
            f"{found_bytes}{' (compressed)' if compressed else ''}; copy it again"
        )
    return _check_unpacked(path, declared_bytes) if compressed else ()


def _check_unpacked(path: Path, declared_bytes: int) -> tuple[str, ...]:
    unpacked, most = 0, declared_bytes + TRAILING_BYTES
    notes: tuple[str, ...] = ()
    with open(path, "rb") as packed:
        try:
            for count in _unpacked_counts(packed):
                unpacked += count
                if unpacked > most:
                    break
        except _TrailingBytesError as error:
            if error.whole_bytes < declared_bytes:
                raise error.reason from None
            notes = ("other bytes follow the compressed data and are passed over",)
    if unpacked < declared_bytes:
        raise InputError(
            f"is truncated: its header declares {declared_bytes} bytes, '{path.name}' unpacks to "
            f"{unpacked}; copy it again"
        )
    if unpacked > most:
        raise InputError(
            f"unpacks to over {most} bytes, though its header declares {declared_bytes}; it is "
            "damaged or made to fill the memory"
        )
    return notes


class _TrailingBytesError(Exception):
    """What follows whole gzip streams, which hold so many bytes, is no other one, or damaged."""

    def __init__(self, whole_bytes: int, reason: Exception) -> None:
        super().__init__(whole_bytes)
        self.whole_bytes = whole_bytes
        self.reason = reason


def _unpacked_counts(packed: IO[bytes]) -> Iterator[int]:
    """Unpack gzip streams that follow one another, yielding how many bytes come out at a time.

    Their checksums and lengths are checked. Zeros after them are padding.
    """
    whole_bytes, rest = 0, packed.read(_PIECE)
    while rest:
        stream, found_bytes = zlib.decompressobj(_WITH_GZIP_HEADER), 0
        try:
            while rest and not stream.eof:
                count = len(stream.decompress(rest, _PIECE))
                found_bytes += count
                yield count
                rest = stream.unconsumed_tail or stream.unused_data or packed.read(_PIECE)
            if not stream.eof:
                raise EOFError
        except (EOFError, zlib.error) as error:
            if whole_bytes:
                raise _TrailingBytesError(whole_bytes, error) from error
            raise
        whole_bytes += found_bytes
        while rest and not (rest := rest.lstrip(b"\0")):
            rest = packed.read(_PIECE)
