"""Files and functions are so short that one sees them at once."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("brainfcn_jax", "configs", "weights", "benchmarks", "tests")
FILES = [
    *ROOT.glob("*.py"),
    *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))),
]
LONGEST_FILE = 300
LONGEST_FUNCTION = 60


def relative(path: Path) -> str:
    """A file's path below the project's folder."""
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            assert lines <= LONGEST_FUNCTION, f"{node.name} has {lines} lines"
