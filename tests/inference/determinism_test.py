"""The same input gives the same bytes, run after run; batches and threads only round.

In the network of full width, with the shipped model and whatever convolutions this machine takes,
and with XLA's. Orders and numbers of scans are tried in segment_many_test.py, workers in
cluster_test.py, the same seed of a training in loop_test.py.
"""

import functools
import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from support.children import users_environment
from support.segmented import soft_voxels

from brainfcn_jax import segment
from brainfcn_jax.api import SegmentedScan, load_model
from brainfcn_jax.network import kernels
from brainfcn_jax.network.model_file import Model

SHAPE = (34, 38, 11)
ROOT = Path(__file__).parents[2]

ONE_PROCESS = """
import sys
sys.path.insert(0, "tests")
import numpy as np
from inference.determinism_test import head
from brainfcn_jax import segment
from brainfcn_jax.network import kernels
from support.segmented import soft_voxels
for whose in ("here", "xla"):
    if whose == "xla":
        kernels.fastest = lambda precision: "xla"
    for name, spacing_mm in (("plain", (1, 1, 1)), ("resampled", (0.8, 0.8, 1.6))):
        found = segment(head(spacing_mm), keep_probabilities=True)
        np.savez(
            f"{sys.argv[1]}/{whose}_{name}.npz",
            labels=found.labels,
            uncertainty=found.uncertainty,
            probabilities=found.probabilities,
            soft_voxels=np.array(soft_voxels(found)),
        )
"""


def head(spacing_mm: tuple[float, float, float]) -> nibabel.Nifti1Image:
    """A ball that grows brighter inwards, with noise."""
    middle = np.reshape([size / 2 for size in SHAPE], (3, 1, 1, 1))
    radii = np.reshape((15, 17, 7), (3, 1, 1, 1))
    distance = np.sqrt((((np.indices(SHAPE) - middle) / radii) ** 2).sum(0))
    noise = np.random.default_rng(0).integers(0, 80, SHAPE)
    data = np.where(distance < 1, 200 + 600 * (1 - distance) + noise, 0).astype(np.int16)
    return nibabel.Nifti1Image(data, np.diag([*spacing_mm, 1.0]))


def result_bytes(found: SegmentedScan) -> bytes:
    """All that is computed of a scan."""
    probabilities = found.probabilities
    assert probabilities is not None
    sums = np.array(soft_voxels(found))
    arrays = (found.labels, found.uncertainty, probabilities, sums)
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(params=["here", "xla"])
def convolutions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's fastest convolutions, and XLA's."""
    if request.param == "xla":
        if kernels.fastest("float32") == "xla":
            pytest.skip("this machine has no others")
        monkeypatch.setattr(kernels, "fastest", lambda precision: "xla")


@pytest.mark.parametrize("spacing_mm", [(1, 1, 1), (0.8, 0.8, 1.6)], ids=["plain", "resampled"])
@pytest.mark.usefixtures("convolutions")
def test_batches_of_any_size_agree_but_for_rounding(
    model: Model, spacing_mm: tuple[float, float, float]
) -> None:
    scan = head(spacing_mm)

    def found(batch_slices: int) -> SegmentedScan:
        return segment(scan, model, keep_probabilities=True, batch_slices=batch_slices)

    usual = found(8)
    assert usual.probabilities is not None
    assert len(np.unique(usual.labels)) > 1
    assert result_bytes(found(8)) == result_bytes(usual)
    for batch_slices in (1, 3):
        other = found(batch_slices)
        # XLA's products and sums add up in an order that depends on the batch.
        assert (other.labels == usual.labels).mean() >= 0.9999
        assert other.probabilities is not None
        np.testing.assert_allclose(other.probabilities, usual.probabilities, atol=2**-10)
        np.testing.assert_allclose(other.uncertainty, usual.uncertainty, atol=2**-11)
        sums = soft_voxels(other), soft_voxels(usual)
        np.testing.assert_allclose(*sums, rtol=1e-6)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be chosen")
def test_one_thread_gives_the_labels_of_several_and_rounds_maps_in_the_last_place(
    tmp_path: Path,
) -> None:
    """XLA shares loops out over threads, and rounds their ends otherwise than their middles."""
    processors = sorted(os.sched_getaffinity(0))
    for name, allowed in (("several", processors), ("one", processors[:1])):
        folder = tmp_path / name
        folder.mkdir()
        run = subprocess.run(
            [sys.executable, "-c", ONE_PROCESS, str(folder)],
            cwd=ROOT,
            env=users_environment(),
            preexec_fn=functools.partial(os.sched_setaffinity, 0, allowed),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert run.returncode == 0, run.stderr
    files = sorted((tmp_path / "several").iterdir())
    assert len(files) == 4
    for file in files:
        several, one = np.load(file), np.load(tmp_path / "one" / file.name)
        np.testing.assert_array_equal(one["labels"], several["labels"])
        for name in ("uncertainty", "probabilities"):
            np.testing.assert_allclose(one[name], several[name], rtol=0, atol=2**-11)
        np.testing.assert_allclose(one["soft_voxels"], several["soft_voxels"], rtol=1e-6)
