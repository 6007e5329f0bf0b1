"""Wrong label maps, weights and flags: one line that names them, the right exit code, no file.

Scans are in bad_inputs_test.py.
"""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.eval_example import AFFINE, SHAPE, intensities, one_line, run, write_image
from support.threshold_model import threshold_labels

from brainfcn_jax.inference import segmenter
from brainfcn_jax.results.paths import RECORD, output_paths, scan_name
from brainfcn_jax.runtime.locks import LOCK_FILE


@pytest.fixture
def scan(tmp_path: Path) -> str:
    return write_image(tmp_path / "sub-01_T1w.nii.gz", intensities())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out" / "deep"


def test_a_scan_too_large_for_the_memory_is_named(
    scan: str,
    weights: str,
    out: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(segmenter, "prepare", exhausted)
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}") == 1
    assert f"'{scan}' cannot be labelled: not enough memory" in one_line(capsys.readouterr().err)


WRONG_REFERENCES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "does not exist; give an image file"),
    "shape": (
        lambda path: write_image(path, threshold_labels(intensities())[:-1]),
        "is on another grid than '{scan}': 25 x 22 x 12 voxels along x, y, z against "
        "26 x 22 x 12; give labels of this scan",
    ),
    "place": (
        lambda path: write_image(path, threshold_labels(intensities()), AFFINE + 0.1),
        "is on another grid than '{scan}': the same number of voxels, but up to 10 mm away; give "
        "labels of this scan",
    ),
    "unknown value": (
        lambda path: write_image(path, threshold_labels(intensities()) * np.uint8(7)),
        "holds label values 21, which 'tissues' labels do not have; allowed are 0, 1, 2, 3, 4, 5, "
        "6, 7",
    ),
    "4D": (
        lambda path: write_image(path, np.stack([threshold_labels(intensities())] * 2, -1)),
        "is 4D (26, 22, 12, 2); give a file with a single label map",
    ),
    "fractions": (
        lambda path: write_image(path, np.full(SHAPE, 0.5, np.float32)),
        "holds 0.5, which is no label; labels are whole numbers",
    ),
}


@pytest.mark.parametrize("kind", WRONG_REFERENCES)
def test_a_wrong_reference_is_one_line_and_leaves_no_result(
    kind: str,
    scan: str,
    weights: str,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make, said = WRONG_REFERENCES[kind]
    reference = tmp_path / "labels.nii"
    make(reference)
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, f"--reference={reference}") == 1
    line = one_line(capsys.readouterr().err)
    assert line.partition(": ")[2] == f"'{reference}' {said.format(scan=scan)}\n"
    record = output_paths(out, scan_name(scan)).file(RECORD)
    assert {path.name for path in out.iterdir()} == {LOCK_FILE, record.name}


def another_network(path: Path, weights: str) -> None:
    with h5py.File(path, "w") as file:
        file["dense/kernel"] = np.zeros((3, 3), np.float32)


def flipped_bit(path: Path, weights: str) -> None:
    contents = bytearray(Path(weights).read_bytes())
    contents[len(contents) // 2] ^= 1
    path.write_bytes(contents)


def cut_off(path: Path, weights: str) -> None:
    path.write_bytes(Path(weights).read_bytes()[:10_000])


def nothing(path: Path, weights: str) -> None:
    pass


DAMAGED = (
    "is damaged or cut short: its SHA-256 is not the one it was sealed with; copy or download it "
    "again"
)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (nothing, "cannot be read: No such file or directory"),
        (
            another_network,
            "is not a weight file of brainfcn_jax, or its beginning is damaged: it begins with "
            "b'\\x89HDF\\r\\n\\x1a\\n', must begin with b'brainfcn_jax'; give a file that "
            "run_train.py wrote or that came with brainfcn_jax",
        ),
        (flipped_bit, DAMAGED),
        (cut_off, DAMAGED),
    ],
)
def test_wrong_weights_are_one_line_and_exit_code_3(
    make: Callable[[Path, str], None],
    said: str,
    scan: str,
    weights: str,
    out: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "wrong.h5"
    make(path, weights)
    assert run(f"--volume={scan}", f"--weights={path}", f"--out_dir={out}") == 3
    assert one_line(capsys.readouterr().err) == f"run_eval.py: '{path}' {said}\n"
    assert not out.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--contrast=bold"], "contrast"),
        (["--frame=first"], "frame"),
        (["--scheme=freesurfer"], "scheme"),
        (["--volume={folder}/sub-01_T1w.nii"], "would both write"),
        (["--reference=a.nii", "--reference=b.nii"], "1 scans and 2 references"),
        (["--weights="], "--weights must be given"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    wrong: list[str],
    said: str,
    scan: str,
    weights: str,
    out: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={out}"]
    assert run(*arguments, *(word.format(folder=Path(scan).parent) for word in wrong)) == 2
    assert said in one_line(capsys.readouterr().err)
    assert not out.exists()


def test_a_result_never_takes_the_place_of_an_input(
    weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = write_image(tmp_path / "sub-01.nii.gz", intensities())
    reference = write_image(
        tmp_path / "sub-01_desc-tissue_dseg.nii.gz", threshold_labels(intensities())
    )
    before = Path(reference).read_bytes()
    arguments = [f"--volume={scan}", f"--weights={weights}", f"--out_dir={tmp_path}"]
    assert run(*arguments, f"--reference={reference}", "--overwrite") == 2
    assert reference in one_line(capsys.readouterr().err)
    assert Path(reference).read_bytes() == before


def test_an_output_folder_that_is_a_file_is_one_line(
    scan: str, weights: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    assert run(f"--volume={scan}", f"--weights={weights}", f"--out_dir={taken}") == 1
    assert f"'{taken}'" in one_line(capsys.readouterr().err)
    assert taken.read_text() == "mine"
