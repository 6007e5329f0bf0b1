"""How much of a head is brain, as the finder sees it, by which a scan counts as stripped or not.

    python benchmarks/head_share.py [--newborns] SCAN ...
    python benchmarks/head_share.py --cut HEAD ...

Prints for each scan the share of the head that is brain, the brain's ml, and whether that counts as
skull-stripped. With --cut every scan, a whole head, is cut to the box of its brain and to slabs
of 8 and 6 cm through it, which are the whole heads that come nearest to stripped ones.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from absl import app, flags

from brainfcn_jax.imaging.boxes import Box, box_slices
from brainfcn_jax.imaging.nifti import Scan, load_scan
from brainfcn_jax.imaging.resampling import centred_grid
from brainfcn_jax.inference.brain import Brain, find_brain, finder_for
from brainfcn_jax.network.model_file import load_model
from brainfcn_jax.network.shipped_models import DEFAULT_MODEL, find_model

_NEWBORNS = flags.DEFINE_bool("newborns", False, "They are newborns'.")
_CUT = flags.DEFINE_bool("cut", False, "Also cut to the brain's box and to slabs.")

SLABS_MM = (80.0, 60.0)


def cuts(scan: Scan, brain: Brain) -> Iterator[tuple[str, Scan]]:
    """The scan in the box of its brain, and slabs of that box's middle with all around them."""
    box = brain.box(centred_grid(scan.data.shape, scan.spacing_mm), 0.0)
    yield "box of its brain", cut_to(scan, box)
    low, high = box[2]
    for slab_mm in SLABS_MM:
        half = round(slab_mm / scan.spacing_mm[2] / 2)
        middle = (low + high) // 2
        x, y = ((0, size) for size in scan.data.shape[:2])
        slab = (x, y, (max(0, middle - half), middle + half))
        yield f"slab of {slab_mm:g} mm", cut_to(scan, slab)


def cut_to(scan: Scan, box: Box) -> Scan:
    """What of a scan is in a box of its voxels."""
    return replace(scan, data=np.ascontiguousarray(scan.data[box_slices(box)]))


def main(argv: list[str]) -> None:
    """Prints a row for each scan, and for each cut."""
    model = "neonate_t2w" if _NEWBORNS.value else DEFAULT_MODEL
    finder = finder_for(load_model(find_model(model)).description)
    assert finder is not None  # those models go with one

    def show(name: str, scan: Scan) -> Brain | None:
        brain = find_brain(finder, scan)
        if brain is None:
            print(f"{name:44} no brain")
            return None
        voxel_ml = np.prod([line.spacing_mm for line in brain.grid]) * 1e-3
        ml = float((brain.outward_mm == 0).sum() * voxel_ml)
        stripped = "stripped" if brain.skull_stripped else ""
        print(f"{name:44} {brain.head_share:.2f} {ml:6.0f} ml  {stripped}", flush=True)
        return brain

    for path in argv[1:]:
        scan = load_scan(path)
        brain = show(Path(path).name, scan)
        if _CUT.value and brain is not None:
            for name, part in cuts(scan, brain):
                show(f"  {name}", part)


if __name__ == "__main__":
    app.run(main)
