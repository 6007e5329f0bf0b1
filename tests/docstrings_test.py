"""The examples in the docstrings of the public names and main pure functions do what they say."""

import doctest
import importlib
import inspect
from pathlib import Path

import jax
import numpy as np
import pytest
from support.eval_example import intensities, write_image
from support.threshold_model import threshold_model

from brainfcn_jax.network.model_file import save_model

EXAMPLES = (
    "brainfcn_jax.api.segment",
    "brainfcn_jax.api.load_model",
    "brainfcn_jax.inference.segmented_scan.SegmentedScan",
    "brainfcn_jax.inference.segmenter.Segmenter",
    "brainfcn_jax.network.fcn.volume_to_stacks",
    "brainfcn_jax.imaging.equalisation.equalise",
    "brainfcn_jax.network.fcn.SegmentationNetwork",
    "brainfcn_jax.training.step.train_step",
    "brainfcn_jax.inference.postprocessing.clean_labels",
    "brainfcn_jax.measures.metrics.dice",
    "brainfcn_jax.measures.metrics.hausdorff_95_mm",
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_image(tmp_path / "sub-01_T1w.nii.gz", intensities())
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    save_model(tmp_path / "runs" / "mine" / "best.h5", threshold_model())
    module = importlib.import_module(name.rpartition(".")[0])
    documented = getattr(module, name.rpartition(".")[2])
    names = {**vars(module), "jax": jax, "np": np}
    example = doctest.DocTestParser().get_doctest(
        inspect.getdoc(documented) or "", names, name, None, None
    )
    assert example.examples, f"{name} has no example"
    assert doctest.DocTestRunner().run(example).failed == 0
