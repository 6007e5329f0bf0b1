"""How much of a head is brain, as the finder sees it, by which a scan counts as stripped or not.

    python benchmarks/head_share.py [--model=neonate_t2w] [--cut] SCAN ...

Prints for each scan the share of the head that is brain, the brain's ml, and whether that counts as
skull-stripped. With --cut every scan, a whole head, is cut to the box of its brain and to slabs
of 8 and 6 cm through it, which are the whole heads that come nearest to stripped ones.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from arguments import Flags
from harness import Table, brain_of, open_model

from brainfcn_jax.imaging.boxes import Box, box_slices
from brainfcn_jax.imaging.nifti import Scan, load_scan

SLABS_MM = (80.0, 60.0)


def cuts(scan: Scan, box: Box) -> Iterator[tuple[str, Scan]]:
    """Yield the scan in the box of its brain, and slabs of that box's middle."""
    yield "box of its brain", _cut_to(scan, box)
    for slab_mm in SLABS_MM:
        half, middle = round(slab_mm / scan.spacing_mm[2] / 2), sum(box[2]) // 2
        x, y = ((0, size) for size in scan.data.shape[:2])
        slab = (x, y, (max(0, middle - half), middle + half))
        yield f"slab of {slab_mm:g} mm", _cut_to(scan, slab)


def _cut_to(scan: Scan, box: Box) -> Scan:
    return replace(scan, data=np.ascontiguousarray(scan.data[box_slices(box)]))


def main(arguments: Sequence[str]) -> None:
    """Print a row for each scan, and for each cut."""
    flags = Flags(__doc__)
    flags.model()
    flags.add_argument("--cut", action="store_true", help="Also cut to the brain's box and slabs.")
    flags.add_argument("scans", nargs="+")
    asked = flags.parse_args(arguments)
    model = open_model(asked.model, asked.weights)
    table = Table("scan", ["share", "ml"])

    for path in asked.scans:
        scan = load_scan(path)
        brain = brain_of(model, scan)
        found = [(Path(path).name, brain)]
        if asked.cut and brain is not None:
            found += [(f"  {name}", brain_of(model, part)) for name, part in cuts(scan, brain.box)]
        for name, part in found:
            if part is None:
                table.row(name, ["none", ""])
            else:
                cells = [f"{part.head_share:.2f}", f"{part.volume_ml:.0f}"]
                table.row(name, cells, "stripped" if part.stripped else "")


if __name__ == "__main__":
    main(sys.argv[1:])
