"""Weights, checkpoints and what else is read are data: nothing is unpickled or evaluated."""

import ast
import io
import pickle
import pickletools
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from architecture_test import ROOT, imported_names
from faults.bad_inputs import nifti_bytes
from length_test import FILES, relative
from support.threshold_model import threshold_model
from training.checkpoints_test import assert_equal, restored, save, state_after

from brainfcn_jax.imaging.nifti import load_scan
from brainfcn_jax.network.model_file import load_model, save_model

EXECUTES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
CALLS = {"eval", "exec", "compile", "__import__"}
SHIPPED = [path for path in FILES if path.relative_to(ROOT).parts[0] not in ("tests", "benchmarks")]

_watching = False


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event == "pickle.find_class":
        raise AssertionError(f"unpickled: {arguments}")


sys.addaudithook(_watch)  # Python has no way to take one off again


@pytest.fixture
def nothing_unpickled() -> Iterator[None]:
    """Makes every look-up of an unpickler fail, wherever it is called from."""
    global _watching
    _watching = True
    yield
    _watching = False


def looks_like_a_pickle(content: bytes) -> bool:
    """Whether bytes are a pickle, or an archive that may hold some."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        return True
    try:
        return any(opcode.name == "STOP" for opcode, _, _ in pickletools.genops(content))
    except ValueError:
        return False


@pytest.mark.parametrize("path", SHIPPED, ids=relative)
def test_no_module_can_run_what_it_reads(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported_names(path)} & EXECUTES
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            assert name not in CALLS, f"{name} in line {node.lineno}"
            assert "allow_pickle" not in {keyword.arg for keyword in node.keywords}


def test_the_watch_sees_a_pickle(nothing_unpickled: None) -> None:
    content = pickle.dumps(np.ones(3))
    assert looks_like_a_pickle(content)
    with pytest.raises(AssertionError, match="unpickled"):
        pickle.loads(content)


def test_weights_are_no_pickle(nothing_unpickled: None, tmp_path: Path) -> None:
    save_model(tmp_path / "model.h5", threshold_model())
    assert not looks_like_a_pickle((tmp_path / "model.h5").read_bytes())
    load_model(tmp_path / "model.h5")


def test_checkpoints_are_no_pickles(nothing_unpickled: None, tmp_path: Path) -> None:
    save(tmp_path, 3)
    found = restored(tmp_path)
    assert found is not None
    assert_equal(found[1], state_after(3))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert not looks_like_a_pickle(path.read_bytes()), path


def test_scans_are_no_pickles(nothing_unpickled: None, tmp_path: Path) -> None:
    """Also where NIfTI has an extension for them."""
    image = nibabel.Nifti1Image.from_bytes(nifti_bytes())
    pickled = pickle.dumps(np.ones(3))
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("pypickle", pickled))
    nibabel.save(image, tmp_path / "scan.nii")
    assert load_scan(tmp_path / "scan.nii").data.max() == np.asarray(image.dataobj).max()
