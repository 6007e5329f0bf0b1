"""The scan that a dependency ships: nilearn's MNI152 template, a real brain (input/output).

The average of 152 adults at 1 mm (ICBM 152 nonlinear 2009, symmetric), without the skull, and maps
of its grey and white matter.
"""

from pathlib import Path

from brainfcn_jax.nilearn_files import nilearn_file

DEMO = "demo"
"""What stands for the demo's scan where a scan is asked for."""

_FILE = "datasets/data/mni_icbm152_{image}_tal_nlin_sym_09a_converted.nii.gz"


def demo_scan() -> Path:
    """The T1w template; raises as `demo_file` does."""
    return demo_file("t1")


def demo_file(image: str) -> Path:
    """The file of the template's "t1", or of its map of grey matter "gm" or white matter "wm".

    The maps hold 0 to 255, where 255 is certain.
    Raises InputError when nilearn, or its file, is not installed.
    """
    return nilearn_file(_FILE.format(image=image), "the demo's scan")
