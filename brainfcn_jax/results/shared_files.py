"""What the scans of one results folder share: its description, label table and colours (output).

A shared file that is there already is never replaced, not even with --overwrite: one with other
contents is the user's, is kept, and gets a note. Delete it to have it written anew.
Source: the Brain Imaging Data Structure 1.10, derivatives, bids-specification.readthedocs.io.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from brainfcn_jax.errors import OutputError
from brainfcn_jax.labels import LabelTable, table_text
from brainfcn_jax.results.label_tables import (
    freeview_table,
    fsleyes_table,
    itksnap_table,
    slicer_table,
)
from brainfcn_jax.results.paths import GROUP_FILES, GROUP_RECORD, RECORD, OutputPaths
from brainfcn_jax.results.provenance import Provenance
from brainfcn_jax.results.result_files import patterns_in_bids, patterns_not_in_bids
from brainfcn_jax.results.tables import json_text
from brainfcn_jax.runtime.atomic_files import new_file

BIDS_VERSION = "1.10.0"
DESCRIPTION = "dataset_description.json"
IGNORED = ".bidsignore"
LABEL_TABLE = "desc-tissue_dseg.tsv"
COLOUR_TABLES = {
    "desc-tissue_freeview.txt": freeview_table,
    "desc-tissue_itksnap.txt": itksnap_table,
    "desc-tissue_slicer.ctbl": slicer_table,
    "desc-tissue_fsleyes.lut": fsleyes_table,
}

SHARED = (
    DESCRIPTION,
    IGNORED,
    LABEL_TABLE,
    *COLOUR_TABLES,
    *GROUP_FILES,
    GROUP_RECORD,
)
"""Names of all files of a results folder that are not of one scan."""

RAW = "raw"
"""How sidecars call the data set that the scans come from, in BIDS URIs and in DatasetLinks."""


def shared_files(
    outputs: OutputPaths, provenance: Provenance, source_dataset: str | None = None
) -> dict[Path, str]:
    """Return the shared files of a results folder and their contents.

    Args:
        outputs: of one scan of them.
        provenance: of the results.
        source_dataset: folder of the BIDS data set that the scans come from, or None.
    """
    labels, root = provenance.description.labels, outputs.root
    contents = {
        DESCRIPTION: json_text(dataset_description(root, provenance, source_dataset)),
        IGNORED: "".join(f"{pattern}\n" for pattern in ignored(labels, outputs.folder == root)),
        LABEL_TABLE: table_text(labels, kinds=False),
        **{name: table(labels) for name, table in COLOUR_TABLES.items()},
    }
    return {root / name: text for name, text in contents.items()}


def ignored(labels: LabelTable, flat: bool) -> list[str]:
    """Return the patterns of .bidsignore.

    BIDS wants what it knows in subjects' folders, and not in `flat` ones, the folder of all
    results itself.
    """
    shared = (*COLOUR_TABLES, *GROUP_FILES, GROUP_RECORD, f"*_{RECORD}")
    return [*shared, *patterns_not_in_bids(labels), *(patterns_in_bids(labels) if flat else ())]


def dataset_description(
    root: Path, provenance: Provenance, source_dataset: str | None
) -> dict[str, Any]:
    """Return the contents of dataset_description.json; links are relative to `root`."""
    what = "Brain tissues" if provenance.description.labels.fills_brain else "Labels"
    description: dict[str, Any] = {
        "Name": f"{what}, segmented by brainfcn_jax",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": provenance.generated_by(),
    }
    if source_dataset is not None:
        link = Path(os.path.relpath(Path(source_dataset).resolve(), root.resolve())).as_posix()
        description["DatasetLinks"] = {RAW: link}
    return description


def write_shared_files(files: Mapping[Path, str]) -> tuple[str, ...]:
    """Write those that are not there; notes on those that are there with other contents.

    Raises:
        OutputError: one cannot be written.
    """
    return tuple(note for path, text in files.items() for note in _write_or_keep(path, text))


def _write_or_keep(path: Path, text: str) -> tuple[str, ...]:
    if not os.path.lexists(path):
        try:
            with new_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        except OutputError:
            if not os.path.lexists(path):
                raise  # else another process has written it by now
    try:
        found = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        found = ""
    if found == text:
        return ()
    if path.name != IGNORED:
        return (f"'{path}' was there with other contents and is kept as it is",)
    missing = set(text.split()) - set(found.split())
    if not missing:
        return ()
    return (
        f"'{path}' was there and is kept as it is; so that BIDS validators accept the results, "
        f"add to it: {' '.join(sorted(missing))}",
    )
