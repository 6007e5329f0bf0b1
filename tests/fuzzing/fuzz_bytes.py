"""Bytes read as decisions, and changes of a good file that they decide on."""

from typing import Any, Literal

import numpy as np

SPECIAL = (0, 1, -1, 2, 3, 4, 7, 8, 16, 127, 128, 255, 348, 540, 32767, 32768, 2**31 - 1, 2**31)
SPECIAL_REAL = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, 352.0, 1e-40, 1e-9, 1e9, 1e30, 3e38),
    *(np.nan, np.inf, -np.inf),
)

Field = tuple[int, np.dtype]
"""Where a number of a header begins, and its type."""


def numbers_of(header: np.dtype, endianness: Literal["<", ">"]) -> tuple[Field, ...]:
    """Every number in a header of this structured type, those in arrays one by one."""
    assert header.fields is not None
    found = []
    for kind, offset, *_ in header.fields.values():
        if kind.base.kind in "iuf":
            number = kind.base.newbyteorder(endianness)
            count = int(np.prod(kind.shape, dtype=int))
            found += [(offset + place * number.itemsize, number) for place in range(count)]
    return tuple(found)


class Choices:
    """Decisions read off a string of bytes; 0 when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def below(self, count: int) -> int:
        """A number from 0, below `count`."""
        width = 1 if count <= 256 else 3
        taken = self._data[self._place : self._place + width]
        self._place += width
        return int.from_bytes(taken) % count

    def among(self, items: Any) -> Any:
        """One of several."""
        return items[self.below(len(items))]

    def rest(self) -> bytes:
        """What has not been read."""
        taken = self._data[self._place :]
        self._place = len(self._data)
        return taken


def edited(content: bytes, choices: Choices, fields: tuple[Field, ...]) -> bytes:
    """The content after up to four changes: numbers of the header, bits, bytes, words, cuts."""
    data = bytearray(content)
    for _ in range(choices.below(5)):
        if not data:
            break
        change = choices.below(8)
        at = choices.below(len(data))
        if change <= 2 and fields:
            offset, kind = choices.among(fields)
            number = choices.among(SPECIAL_REAL if kind.kind == "f" else SPECIAL)
            with np.errstate(all="ignore"):
                packed = np.array(number).astype(kind).tobytes()
            data[offset : offset + len(packed)] = packed
        elif change == 3:
            data[at] ^= 1 << choices.below(8)
        elif change == 4:
            data[at] = choices.below(256)
        elif change == 5:
            del data[at:]
        elif change == 6:
            start = choices.below(len(data))
            data[at:at] = data[start : start + choices.below(64)]
        else:
            aligned = at & ~7
            data[aligned : aligned + 8] = (choices.among(SPECIAL) % 2**64).to_bytes(8, "little")
    return bytes(data)
