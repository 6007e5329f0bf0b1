"""All files of one segmented scan, written: maps, tables, sidecars, picture and page (output)."""

from pathlib import Path

import numpy as np

from brainfcn_jax.imaging.nifti import Scan
from brainfcn_jax.imaging.nifti_writing import save_label_map, save_map
from brainfcn_jax.results.contents import LabelMap, Lines, RealMap, ScanContents
from brainfcn_jax.results.options import Wanted
from brainfcn_jax.results.paths import sidecar_path
from brainfcn_jax.results.result_files import result_files
from brainfcn_jax.results.shared_files import shared_files, write_shared_files
from brainfcn_jax.results.tables import write_json, write_table, write_text
from brainfcn_jax.runtime.atomic_files import new_file


def write_results(contents: ScanContents, wanted: Wanted, overwrite: bool) -> tuple[str, ...]:
    """Write all files of a scan, each beside its name and renamed, and what scans share.

    It returns sentences for the user, and raises OutputError when a result exists already or cannot
    be written.
    """
    planned, scan = contents.planned, contents.segmented.scan
    notes = write_shared_files(
        shared_files(planned.outputs, contents.provenance, wanted.source_dataset)
    )
    for file in result_files(contents.segmented.description.labels):
        if not file.wanted(planned, wanted):
            continue
        path = planned.outputs.file(file.ending)
        _write(path, file.content(contents), scan, overwrite, wanted.csv)
        if file.sidecar is not None:
            write_json(sidecar_path(path), file.sidecar(contents), overwrite)
    return notes


def _write(
    path: Path,
    content: LabelMap | RealMap | Lines | bytes | str,
    scan: Scan,
    overwrite: bool,
    csv: bool,
) -> None:
    if isinstance(content, list):
        write_table(path, content, overwrite, csv)
    elif isinstance(content, str):
        write_text(path, content, overwrite)
    elif isinstance(content, bytes):
        with new_file(path, overwrite) as temporary:
            temporary.write_bytes(content)
    elif content.dtype == np.uint8:
        save_label_map(path, content, scan, overwrite)
    else:
        save_map(path, content, scan, overwrite)
