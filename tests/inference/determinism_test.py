"""The same input gives the same bytes, run after run and with any threads; batches only round.

In the network of full width, with the shipped model and whatever convolutions this machine takes,
and with XLA's. Orders and numbers of scans are tried in segment_many_test.py, workers in
cluster_test.py, the same seed of a training in loop_test.py.
"""

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from children import users_environment

from brainfcn_jax import segment
from brainfcn_jax.api import SegmentedScan, load_model
from brainfcn_jax.inference.prediction import ready_network
from brainfcn_jax.network import kernels
from brainfcn_jax.network.model_file import Model

SHAPE = (34, 38, 11)
ROOT = Path(__file__).parents[2]

ONE_PROCESS = """
import hashlib, sys
sys.path.insert(0, "tests")
from inference.determinism_test import head, result_bytes
from brainfcn_jax import segment
from brainfcn_jax.inference.prediction import ready_network
from brainfcn_jax.network import kernels
for whose in ("here", "xla"):
    if whose == "xla":
        kernels.fastest = lambda precision: "xla"
        ready_network.cache_clear()
    plain, resampled = (
        segment(head(spacing_mm), keep_probabilities=True)
        for spacing_mm in ((1, 1, 1), (0.8, 0.8, 1.6))
    )
    print(hashlib.sha256(result_bytes(plain)).hexdigest())
    print(hashlib.sha256(resampled.labels.tobytes()).hexdigest())
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
    sums = np.array(found.segmentation.soft_voxels)
    arrays = (found.labels, found.uncertainty, probabilities, sums)
    return b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


@pytest.fixture(params=["here", "xla"])
def convolutions(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's fastest convolutions, and XLA's."""
    if request.param == "xla":
        if kernels.fastest("float32") == "xla":
            pytest.skip("this machine has no others")
        monkeypatch.setattr(kernels, "fastest", lambda precision: "xla")
    ready_network.cache_clear()
    yield
    ready_network.cache_clear()


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
        sums = other.segmentation.soft_voxels, usual.segmentation.soft_voxels
        np.testing.assert_allclose(*sums, rtol=1e-6)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processors cannot be chosen")
def test_one_thread_gives_the_bytes_of_several() -> None:
    """Of a resampled scan the labels: numpy's products, by which it is, may round otherwise."""
    processors = sorted(os.sched_getaffinity(0))

    def digests(allowed: list[int]) -> list[str]:
        run = subprocess.run(
            [sys.executable, "-c", ONE_PROCESS],
            cwd=ROOT,
            env=users_environment(),
            preexec_fn=functools.partial(os.sched_setaffinity, 0, allowed),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert run.returncode == 0, run.stderr
        return run.stdout.split()

    several = digests(processors)
    assert len(several) == 4
    assert digests(processors[:1]) == several
