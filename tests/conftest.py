"""Tests run stricter than production.

Eight simulated devices, no silent rank promotion, and every annotation of the package, shapes
included, checked at each call.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

DEVICES = 8

os.environ["JAX_PLATFORMS"] = "cpu"
_flags = re.sub(r"--xla_force_host_platform_device_count=\d+", "", os.environ.get("XLA_FLAGS", ""))
os.environ["XLA_FLAGS"] = f"{_flags} --xla_force_host_platform_device_count={DEVICES}".strip()
os.environ["MPLBACKEND"] = "agg"
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # else set by the process that started this one
    _programs = tempfile.mkdtemp(prefix="brainfcn-test-programs-")
    os.environ["JAX_COMPILATION_CACHE_DIR"] = _programs
    atexit.register(shutil.rmtree, _programs, ignore_errors=True)
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # tiny programs run once or twice

import hypothesis  # noqa: E402
import jax  # noqa: E402  (reads the variables above when it is imported)
from jaxtyping import install_import_hook  # noqa: E402

hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")
jax.config.update("jax_numpy_rank_promotion", "raise")
install_import_hook("brainfcn_jax", "beartype.beartype")

from support.threshold_model import threshold_model  # noqa: E402  (imports the package)

from brainfcn_jax.network.model_file import save_model  # noqa: E402


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """A weight file of a narrow network whose labels are thresholds of the intensity."""
    path = tmp_path / "threshold.h5"
    save_model(path, threshold_model())
    return str(path)


@pytest.fixture(scope="session")
def devices() -> list[jax.Device]:
    """The simulated devices."""
    return jax.devices()


def pytest_report_header() -> str:
    """What the tests run on, for the log."""
    return f"jax {jax.__version__}, {jax.device_count()} simulated {jax.default_backend()} devices"
