"""The table of bad scans: what `run_eval.py` says to each, word for word.

Every scan here ends in exit code 1, one line on stderr that starts with the file's name, and no
result written. Scans that are repaired are in repaired_inputs_test.py, bad label maps, weights and
flags in wrong_input_test.py.
"""

import gzip
from pathlib import Path

import numpy as np
import pytest
from faults.bad_inputs import (
    DATATYPE,
    DIM,
    MAGIC,
    PIXDIM,
    QUATERNION,
    SLOPE,
    SROW_X,
    VALUES,
    VOX_OFFSET,
    Maker,
    altered,
    annexed,
    as_they_are,
    bomb,
    colour,
    cut,
    dangling,
    flipped,
    lone_header,
    looped,
    mgh_without_orientation,
    nan_in_the_middle,
    nifti_bytes,
    pipe,
    voxels,
)
from support.eval_example import one_line, run
from support.threshold_model import threshold_model

from brainfcn_jax.network.model_file import save_model
from brainfcn_jax.results.paths import RECORD, output_paths, scan_name
from brainfcn_jax.runtime.locks import LOCK_FILE

DAMAGED = "is damaged: its compressed data end early or are altered; copy it again"
NO_KIND = (
    "is neither a NIfTI, an MGH nor an Analyze volume: it begins with {}; convert it to NIfTI, or "
    "copy it again if it was one"
)
UNPACKED = (
    "is not compressed, though its name says so: it begins with {}; copy it again or correct its "
    "name"
)
TOO_SHORT = "is too short for an image: it has {} bytes; copy it again"
CUT = "is truncated: its header declares 592 bytes, 'scan.nii' has {}; copy it again"
BOMB = (
    "unpacks to over 67109456 bytes, though its header declares 592; it is damaged or made to fill "
    "the memory"
)
MOST = "; read are at most 536870912, and 32767 along an axis"
FLAT = "is 2D {}; give a volume of at least 2x2x2 voxels"
REAL = "; give a scan with real intensities"
COLOUR = "is a colour image; give a scan with one intensity a voxel"
SIZES = "has voxel sizes {} in its header; repair it first"
NOWHERE = "cannot be placed in space: its {}; repair the header first"
EMPTY = "is empty: every voxel is {}; give a scan with content"
NONE_FINITE = "holds no finite value (all are NaN or infinite); give another scan"
NO_SCAN = (
    "holds no T1w scan; read are files ending in .nii, .nii.gz, .mgh, .mgz, .hdr, .img (turn DICOM "
    "files into these with dcm2niix)"
)
LINK = "is a symbolic link that leads to no file; give an image"
LONG = "cannot be opened: File name too long; give another file"
NARROW = "holds values from {}, too close together for float32; multiply them by a large number"
UNREADABLE = "cannot be read as an image: {}; copy it again"
START = nifti_bytes()[:12]
WORDS = b"texttexttext"
GET = "get it first (`datalad get`, `git annex get` or `git lfs pull`)"

FILES: dict[str, tuple[str, Maker, str]] = {
    "missing": ("scan.nii", lambda path: None, "does not exist; give an image file"),
    "folder": ("scan.nii", lambda path: path.mkdir(), NO_SCAN),
    "link to itself": ("scan.nii", looped, LINK),
    "link to nothing": ("scan.nii", dangling, LINK),
    "pipe": ("scan.nii", pipe, "is a device or a pipe; give an image file"),
    "long name": ("s" * 300 + ".nii", lambda path: None, LONG),
    "long path": ("/".join(["f" * 200] * 25) + "/scan.nii", lambda path: None, LONG),
    "other ending": (
        "scan.dcm",
        as_they_are(b"text"),
        "is no image that is read; those end in .nii, .nii.gz, .mgh, .mgz, .hdr, .img",
    ),
    "0 bytes": ("scan.nii", as_they_are(b""), "is empty: it has 0 bytes; copy it again"),
    "0 bytes, gz": ("scan.nii.gz", as_they_are(b""), "is empty: it has 0 bytes; copy it again"),
    "a word": ("scan.nii", as_they_are(b"a letter"), TOO_SHORT.format(8)),
    "a text": ("scan.nii", as_they_are(b"text" * 200), NO_KIND.format(b"texttexttext")),
    "a text, gz": ("scan.nii.gz", as_they_are(b"text" * 9), UNPACKED.format(b"texttexttext")),
    "packed text": ("scan.nii", as_they_are(gzip.compress(b"text" * 99)), NO_KIND.format(WORDS)),
    "annex link": ("scan.nii.gz", annexed, f"is a link to content that is not here; {GET}"),
    "other magic": ("scan.nii", altered((MAGIC, "4s", b"what")), NO_KIND.format(START)),
    "zeros": (
        "scan.mgh",
        as_they_are(bytes(400)),
        UNREADABLE.format("Unknown MGH format version"),
    ),
    "no orientation": (
        "scan.mgh",
        mgh_without_orientation,
        "gives no orientation (goodRASFlag is 0); repair it first",
    ),
    "no voxels": ("scan.hdr", lone_header, "has no voxels: 'scan.img' is missing"),
    "no header": ("scan.img", as_they_are(bytes(240)), "has no header: 'scan.hdr' is missing"),
    "cut at 100": ("scan.nii", as_they_are(nifti_bytes()[:100]), TOO_SHORT.format(100)),
    "cut at 347": ("scan.nii", as_they_are(nifti_bytes()[:347]), NO_KIND.format(START)),
    "cut at 348": ("scan.nii", as_they_are(nifti_bytes()[:348]), CUT.format(348)),
    "cut at 352": ("scan.nii", as_they_are(nifti_bytes()[:352]), CUT.format(352)),
    "cut at 591": ("scan.nii", as_they_are(nifti_bytes()[:591]), CUT.format(591)),
    **{f"gz cut at {s}": ("scan.nii.gz", cut(s), DAMAGED) for s in (0.05, 0.3, 0.6, 0.9, 0.99)},
    **{
        f"gz flipped at {s}": ("scan.nii.gz", flipped(s), DAMAGED)
        for s in (0.02, 0.3, 0.6, 0.99, 1)
    },
    "bomb": ("scan.nii.gz", bomb, BOMB),
}

HEADERS: dict[str, tuple[Maker, str]] = {
    "dim -6": (
        altered((DIM, "4h", (3, -6, 5, 4))),
        "declares an impossible size (-6, 5, 4); copy it again",
    ),
    "dim 0": (
        altered((DIM, "4h", (3, 6, 0, 4))),
        "declares an impossible size (6, 0, 4); copy it again",
    ),
    "no axes": (altered((DIM, "h", 0)), "declares an impossible size (0,); copy it again"),
    "9 axes": (
        altered((DIM, "h", 9)),
        UNREADABLE.format("vox offset 0 too low for single file nifti1"),
    ),
    "huge": (
        altered((DIM, "4h", (3, 30000, 30000, 30000))),
        f"declares 27000000000000 voxels (30000, 30000, 30000){MOST}",
    ),
    "large": (
        altered((DIM, "4h", (3, 800, 800, 800))),
        "is truncated: its header declares 1024000352 bytes, 'scan.nii' has 592; copy it again",
    ),
    "many frames": (
        altered((DIM, "5h", (4, 800, 800, 800, 20))),
        "declares 20480000352 bytes; read are at most 17179869184",
    ),
    "offset nan": (
        altered((VOX_OFFSET, "f", np.nan)),
        UNREADABLE.format("cannot convert float NaN to integer"),
    ),
    "offset inf": (
        altered((VOX_OFFSET, "f", np.inf)),
        UNREADABLE.format("cannot convert float infinity to integer"),
    ),
    "offset -1": (
        altered((VOX_OFFSET, "f", -1)),
        UNREADABLE.format("vox offset -1 too low for single file nifti1"),
    ),
    "offset 1e9": (
        altered((VOX_OFFSET, "f", 1e9)),
        "is truncated: its header declares 1000000240 bytes, 'scan.nii' has 592; copy it again",
    ),
    "slope 1e38": (altered((SLOPE, "2f", (1e38, 0))), NONE_FINITE),
    "slope 1e-38": (altered((SLOPE, "2f", (1e-38, 0))), NARROW.format("2e-38 to 9.97e-36")),
    "intercept nan": (
        altered((SLOPE, "2f", (1, np.nan))),
        UNREADABLE.format("Valid slope but invalid intercept nan"),
    ),
    "size 0": (altered((PIXDIM + 8, "f", 0), codes=(1, 0)), SIZES.format("1 x 0 x 3")),
    "size -2": (altered((PIXDIM + 8, "f", -2), codes=(1, 0)), SIZES.format("1 x -2 x 3")),
    "size nan": (
        altered((PIXDIM + 8, "f", np.nan), codes=(1, 0)),
        NOWHERE.format("qform is not finite"),
    ),
    "size inf": (
        altered((PIXDIM + 8, "f", np.inf), codes=(1, 0)),
        NOWHERE.format("qform is not finite"),
    ),
    "size 1e30": (
        altered((PIXDIM + 8, "f", 1e30), codes=(1, 0)),
        NOWHERE.format("qform has voxel sizes 1 x 1e+30 x 3 mm"),
    ),
    "size 1e-9": (
        altered((PIXDIM + 8, "f", 1e-9), codes=(1, 0)),
        NOWHERE.format("qform has voxel sizes 1 x 1e-09 x 3 mm"),
    ),
    "size 0, no form": (altered((PIXDIM + 8, "f", 0), codes=(0, 0)), SIZES.format("1 x 0 x 3")),
    "sform 0": (
        altered((SROW_X, "4f", (0, 0, 0, 0)), codes=(0, 1)),
        NOWHERE.format("affine has voxel sizes 0 x 2 x 3 mm"),
    ),
    "sform flat": (
        altered((SROW_X, "4f", (0, 2, 0, 0)), codes=(0, 1)),
        NOWHERE.format("affine has voxel sizes 0 x 2.82843 x 3 mm"),
    ),
    "sform nan": (
        altered((SROW_X, "4f", (np.nan, 0, 0, 0)), codes=(0, 1)),
        NOWHERE.format("affine is not finite"),
    ),
    "sform 1e30": (
        altered((SROW_X, "4f", (1e30, 0, 0, 0)), codes=(0, 1)),
        NOWHERE.format("affine has voxel sizes 1e+30 x 2 x 3 mm"),
    ),
    "quaternion": (
        altered((QUATERNION, "3f", (2, 2, 2)), codes=(1, 0)),
        UNREADABLE.format("w2 should be positive, but is -1.100000e+01"),
    ),
    "quaternion nan": (
        altered((QUATERNION, "3f", (np.nan, 0, 0)), codes=(1, 0)),
        NOWHERE.format("qform is not finite"),
    ),
    "both forms": (
        altered((QUATERNION, "3f", (2, 2, 2)), (SROW_X, "4f", (0, 0, 0, 0))),
        NOWHERE.format("qform is not finite"),
    ),
    "unknown type": (
        altered((DATATYPE, "h", 1234)),
        UNREADABLE.format("data code 1234 not recognized"),
    ),
    "bits": (altered((DATATYPE, "h", 1)), UNREADABLE.format("data code 1 not supported")),
}

CONTENTS: dict[str, tuple[Maker, str]] = {
    "RGB": (colour("R", "G", "B"), COLOUR),
    "RGBA": (colour("R", "G", "B", "A"), COLOUR),
    "complex64": (voxels(VALUES.astype(np.complex64)), f"holds complex64 values{REAL}"),
    "complex128": (voxels(VALUES.astype(np.complex128)), f"holds complex128 values{REAL}"),
    "2D": (voxels(VALUES[:, :, 0]), FLAT.format("(6, 5)")),
    "one slice": (voxels(VALUES[:, :, :1]), FLAT.format("(6, 5, 1)")),
    "4D": (
        voxels(np.stack([VALUES] * 3, -1)),
        "is 4D (6, 5, 4, 3); give one volume (`nib-roi -t 0:1 IN OUT` saves the first) or, to "
        "segment, choose one with --frame=0..2",
    ),
    "5D": (
        voxels(np.zeros((6, 5, 4, 1, 3), np.int16)),
        "is 5D (6, 5, 4, 1, 3); give a single volume",
    ),
    "zeros": (voxels(VALUES * 0), EMPTY.format(0)),
    "sevens": (voxels(VALUES * 0 + 7), EMPTY.format(7)),
    "NaN": (voxels(np.full(VALUES.shape, np.nan)), NONE_FINITE),
    "minus infinite": (voxels(np.full(VALUES.shape, -np.inf)), NONE_FINITE),
    "1e300": (voxels(VALUES * 1e300 + 1e299), NONE_FINITE),
    "1e-300": (voxels(VALUES * 1e-300), EMPTY.format(0)),
    "1e-40": (voxels(VALUES * 1e-40), NARROW.format("2e-40 to 9.97e-38")),
    "NaN in the middle": (
        voxels(nan_in_the_middle()),
        "is NaN or infinite in 5.6 % of the head (12 voxels, at 3-4 x 2-4 x 3-4 of its grid), and "
        "up to 0.1 % is filled from neighbours; give the scan from before the step that left these "
        "holes",
    ),
}

TABLE = {
    **FILES,
    **{name: ("scan.nii", *row) for name, row in (HEADERS | CONTENTS).items()},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A weight file of a narrow network."""
    path = tmp_path_factory.mktemp("weights") / "threshold.h5"
    save_model(path, threshold_model())
    return str(path)


@pytest.mark.parametrize("kind", TABLE)
def test_a_bad_scan_is_one_line_and_leaves_no_result(
    kind: str,
    weights: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, make, message = TABLE[kind]
    scan = tmp_path / name
    make(scan)
    out = tmp_path / "out"
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}") == 1
    captured = capsys.readouterr()
    assert one_line(captured.err).partition(": ")[2] == f"'{scan}' {message}\n"
    assert captured.out == ""
    left = {path.name for path in out.iterdir()} if out.exists() else set()
    assert left <= {LOCK_FILE, output_paths(out, scan_name(name)).file(RECORD).name}


def test_the_table_is_long() -> None:
    assert len(TABLE) >= 60
