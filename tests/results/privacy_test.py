"""What names a person in a scan's header, and where it lay on disk, is in none of the results."""

import gzip
import socket
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from architecture_test import MODULES, imported_names
from nibabel.nifti1 import Nifti1Extension
from support.eval_example import AFFINE, intensities, run
from support.threshold_model import threshold_model

from brainfcn_jax.network.model_file import save_model

PERSON = b"DOE^JANE"


def telling_nifti(path: Path) -> None:
    """Writes the name into every text of a NIfTI header and into three extensions."""
    image = nibabel.Nifti1Image(intensities(), AFFINE)
    for text in ("descrip", "aux_file", "intent_name", "db_name"):
        image.header[text] = PERSON
    for kind in ("comment", "dicom", "afni"):
        image.header.extensions.append(Nifti1Extension(kind, PERSON))
    nibabel.save(image, path)
    assert gzip.decompress(path.read_bytes()).count(PERSON) == 7


def telling_nifti2(path: Path) -> None:
    """Writes the name into the texts of a NIfTI-2 header, and into a form that has no code."""
    image = nibabel.Nifti2Image(intensities(), AFFINE)
    image.header["qform_code"] = 0
    image.header["quatern_b"] = np.frombuffer(PERSON)[0]
    for text in ("descrip", "aux_file", "intent_name", "unused_str"):
        image.header[text] = PERSON
    nibabel.save(image, path)


def telling_mgz(path: Path) -> None:
    """Writes the name behind the voxels, where FreeSurfer keeps its command lines."""
    image: Any = nibabel.MGHImage(intensities(), AFFINE)
    path.write_bytes(gzip.compress(image.to_bytes() + PERSON))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every connection fail."""

    def refused(*_: object) -> None:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)


def test_one_module_can_reach_the_network() -> None:
    networks = {"socket", "ssl", "http", "urllib.request", "requests", "ftplib", "smtplib"}
    importers = {
        module
        for module, path in MODULES.items()
        for name in imported_names(path)
        if networks & {name, name.rpartition(".")[0], name.partition(".")[0]}
    }
    assert importers == {"network.vgg16"}


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("scan.nii.gz", telling_nifti),
        ("scan.nii", telling_nifti2),
        ("scan.mgz", telling_mgz),
    ],
)
def test_no_result_names_the_person_or_the_folder(name: str, write: Any, tmp_path: Path) -> None:
    folder = tmp_path / "clinic_of_dr_roe"
    folder.mkdir()
    write(folder / name)
    save_model(folder / "threshold.h5", threshold_model())
    out = tmp_path / "out"
    arguments = [f"--volume={folder / name}", f"--weights={folder / 'threshold.h5'}"]
    assert run(*arguments, f"--out_dir={out}") == 0
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) >= 2
    for path in files:
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        assert PERSON not in content, path
        assert b"clinic_of_dr_roe" not in content, path
