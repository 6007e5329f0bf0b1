"""Which label maps no model is trained on: said once."""

import ast
from pathlib import Path

from brainfcn_jax.synthesis.known_maps import HELD_OUT, HELD_OUT_FETUSES

ROOT = Path(__file__).parents[2]
ONE_PLACE = ROOT / "brainfcn_jax" / "synthesis" / "known_maps.py"


def strings(path: Path) -> set[str]:
    """Every text in a file's code, docstrings left out."""
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    spoken = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = (n for n in nodes if isinstance(n, ast.Constant) and id(n) not in spoken)
    return {constant.value for constant in constants if isinstance(constant.value, str)}


def test_which_maps_are_held_out_is_said_in_one_place() -> None:
    names = (*HELD_OUT, *HELD_OUT_FETUSES, "training_seg_")
    folders = (ROOT / folder for folder in ("brainfcn_jax", "configs", "benchmarks"))
    files = {path for folder in folders for path in folder.rglob("*.py")} - {ONE_PLACE}
    said = {path.name: text for path in files for text in strings(path) if text.endswith(names)}
    assert not said
    assert HELD_OUT_FETUSES[0] in strings(ONE_PLACE)
