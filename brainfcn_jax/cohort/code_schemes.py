"""What the codes of a label map mean, by the files beside it (input).

Source: the Brain Imaging Data Structure 1.10, derivatives (segmentations) and the inheritance
principle, bids-specification.readthedocs.io.
"""

import contextlib
import csv
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import Int32

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.file_names import without_extension
from brainfcn_jax.labels import BACKGROUND, TISSUES
from brainfcn_jax.results.sidecars import label_values
from brainfcn_jax.schemes import TISSUE_SCHEME, CodeScheme
from brainfcn_jax.text import first_few

_BELOW_DATA_SET = ("sub-", "ses-", "anat")
_LARGEST_CODE = 2**15 - 1

_MEANINGS = {
    word.casefold(): tissue.index
    for tissue in TISSUES.with_background
    for word in (tissue.abbreviation, tissue.name)
}
"""Label values by the words for them."""


def told_scheme(path: Path) -> CodeScheme | None:
    """Return the codes of a label map as its sidecar or else its label table tells them, else None.

    A sidecar is NAME_dseg.json beside NAME_dseg.nii.gz, with this program's "LabelMap". A label
    table is NAME_dseg.tsv, or one for several label maps with fewer of the name's words
    (desc-tissue_dseg.tsv, dseg.tsv), beside it or above its sub-*, ses-* and anat folders; the one
    that is nearest, then the one with the most words, counts, if each of its labels is a tissue.

    Raises:
        InputError: this program's sidecar tells of labels that are not the tissues.
    """
    sidecar = path.with_name(f"{without_extension(path.name)}.json")
    told = None
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, RecursionError):
        told = dict(json.loads(sidecar.read_text("utf-8"))["LabelMap"])
    if told == label_values(TISSUES):
        return TISSUE_SCHEME
    if told:
        raise InputError(
            f"'{path}' is of {first_few(list(map(str, told)))}, as '{sidecar.name}' tells, and "
            f"label schemes are about {first_few(TISSUES.names)}; score it where it is made, with "
            "--reference beside --volume"
        )
    table = find_label_table(path)
    return None if table is None else tissue_codes(table)


def find_label_table(path: Path) -> Path | None:
    """Find the label table of a label map, as `told_scheme` says; return None without one."""
    words = set(without_extension(path.name).split("_"))
    folders = [path.absolute().parent]
    while folders[-1].name.startswith(_BELOW_DATA_SET):
        folders.append(folders[-1].parent)
    for folder in folders:
        tables = [table for table in folder.glob("*dseg.tsv") if words >= {*table.stem.split("_")}]
        if tables:
            return max(tables, key=lambda table: len(table.stem.split("_")))
    return None


def tissue_codes(path: Path) -> CodeScheme | None:
    """Read a BIDS label table; return None where a label is no tissue or it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
        codes = {int(row["index"]): _meaning(row) for row in rows}
    except (OSError, ValueError, LookupError, TypeError, csv.Error):
        return None
    if not codes or len(codes) < len(rows) or not 0 <= min(codes) <= max(codes) <= _LARGEST_CODE:
        return None
    return CodeScheme(path.name, MappingProxyType({BACKGROUND: BACKGROUND, **codes}), ())


def refuse_ambiguous(path: Path, codes: Int32[np.ndarray, "x y z"], scheme: CodeScheme) -> None:
    """Raise InputError when this program's labels could be meant, which `scheme` reads otherwise.

    It could be so when each code is one of this program's, and one means another tissue.
    """
    found = np.unique(codes).tolist()
    ours = TISSUE_SCHEME.codes
    differing = [code for code in found if ours.get(code) != scheme.codes.get(code)]
    if differing and all(code in ours for code in found):
        raise InputError(
            f"'{path}' holds {first_few(differing)}, which mean one tissue in {scheme.name!r} and "
            "another in this program's labels, and no file beside it says which; give "
            f"--prediction_scheme={scheme.name} or --prediction_scheme={TISSUE_SCHEME.name}"
        )


def _meaning(row: Mapping[str, str | None]) -> int:
    """Return the label value that a row's words stand for; LookupError when they stand for none."""
    for column in ("abbreviation", "name"):
        if (word := (row.get(column) or "").casefold()) in _MEANINGS:
            return _MEANINGS[word]
    raise LookupError(row)
