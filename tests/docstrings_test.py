"""Docstrings say what functions do, from their first word on, and their examples are true."""

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
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


FIRST_WORDS = re.compile(
    "Add|Align|Bring|Check|Choose|Claim|Compare|Connect|Convolve|Count|Cut|Define|Delete|Describe|"
    "Do|Draw|End|Fetch|Fill|Find|Flag|Generate|Give|Go|Grow|Halve|Have|Interpolate|Join|Keep|Label|"
    "Leave|Let|Load|Lock|Make|Measure|Move|Multiply|Note|Open|Outline|Pass|Place|Plan|Put|Raise|"
    "Read|Record|Remove|Report|Resample|Return|Run|Sample|Say|Score|Segment|Set|Show|Split|Spread|"
    "Strip|Subtract|Take|Tell|Train|Turn|Unpack|Vary|Wait|Warn|Write|Yield"
)
"""What functions do; a class and a property are named, not told what they do."""


def functions() -> Iterator[tuple[str, str]]:
    """Every function of the package that is no property, and the first word of its docstring."""
    for path in sorted((Path(__file__).parents[1] / "brainfcn_jax").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef) or (text := ast.get_docstring(node)) is None:
                continue
            if not any("property" in ast.unparse(decorator) for decorator in node.decorator_list):
                word = text.split()[0].rstrip(",:;")
                if word == "Return" and node.returns and ast.unparse(node.returns) == "None":
                    word = "Return, which it does not"
                yield f"{path.name}:{node.lineno} {node.name}", word


def test_a_docstring_begins_with_what_the_function_does() -> None:
    others = [f"{place}: {word}" for place, word in functions() if not FIRST_WORDS.fullmatch(word)]
    assert not others, f"name what it does first, or add the verb to the list: {others}"
