"""Counts how large a checkout of this repository is and how far one scan travels in it.

    python tests/support/counting.py [CHECKOUT] [--list]

prints a table; `--list` adds what each number counts. CHECKOUT (unless given, this one) may be of
another commit: it is counted alike. Its files are read, and its `segment` runs in a process of its
own, with the models in its `weights/`.

Stays: functions of the package entered, between the call of `segment` on a head of 40x40x8 voxels
    of 4 mm by the shipped `adult_t1w` and its return, with the scan's data among their arguments,
    once each; those of the room `measures`, which measure the labels, apart. Data are arrays of
    three dimensions and more (network kernels of 3x3 and 1x1 aside), images of nibabel's, and
    objects of the package, tuples, lists and dicts that hold one. Not counted: what JAX traces
    and then runs without Python, lambdas, comprehensions.
Turns: calls of one of `TURNS`; the rooms `WAY_OF_A_SCAN` are on one scan's way.
Types of one scan: classes of `ROOMS_OF_A_SCAN`, without those with a leading underscore, that have
    a field annotated as a volume ("x y z", "slice height width", "*shape"), a `Path` called path,
    scan, volume or folder, a field called scan or verdict, or one of such a class.
Tissues: modules outside `KNOW_TISSUES` that import one of `TISSUES` or ask a module for it
    (`labels.CSF`); and those that import any constant of `labels`.
Lines: code lines hold more than comments and docstrings. A function's length is in code lines, its
    parameters leave out self and cls.
"""

import ast
import io
import os
import re
import subprocess
import sys
import threading
import tokenize
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import nibabel
import numpy as np

PACKAGE = "brainfcn_jax"
TISSUES = {"COGM", "BGT", "WM", "BS", "CB", "VENT", "CSF"}
OF_PLAUSIBLE_VOLUMES = ("measures.plausible_volumes", "measures.expectations")
KNOW_TISSUES = ("labels", "schemes", "synthesis", *OF_PLAUSIBLE_VOLUMES)
TURNS = {"moveaxis", "swapaxes", "rollaxis", "transpose", "permute_dims", "rot90"}
TURNS |= {"apply_orientation", "as_reoriented"}
WAY_OF_A_SCAN = ("api", "imaging", "inference", "measures")
ROOMS_OF_A_SCAN = ("imaging", "inference", "measures", "results", "cohort")
VOLUME = r"\b(x y z|i j k|slice height width)\b|\*shape\b"

Trees = dict[str, ast.Module]
Named = dict[str, list[str]]
"""What a row of the table counts: the row's name, and a text for each thing counted."""


def modules(checkout: Path) -> Trees:
    """Return the syntax tree of each module of the package, by its dotted name in it."""
    folder = checkout / PACKAGE
    paths = {path.relative_to(folder).with_suffix(""): path for path in folder.rglob("*.py")}
    return {".".join(name.parts): ast.parse(paths[name].read_text()) for name in sorted(paths)}


def within(module: str, rooms: tuple[str, ...]) -> bool:
    """Return whether a module is one of some rooms, or lies in one."""
    return f"{module}.".startswith(tuple(f"{room}." for room in rooms))


def turns(trees: Trees) -> Named:
    """Find the modules in which axes are turned, and how often."""
    found = Counter(
        module
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in TURNS
    )
    rows: Named = {"modules that turn axes, on a scan's way": [], "modules that do, elsewhere": []}
    on_the_way, elsewhere = rows.values()
    for module, calls in found.items():
        (on_the_way if within(module, WAY_OF_A_SCAN) else elsewhere).append(f"{module}: {calls}")
    return rows


def types_of_one_scan(trees: Trees) -> Named:
    """Find the classes that hold one scan, its way or its result, and the field that says so."""
    fields = {
        f"{module}.{node.name}": [
            (ast.unparse(field.target), ast.unparse(field.annotation))
            for field in node.body
            if isinstance(field, ast.AnnAssign)
        ]
        for module, tree in trees.items()
        for node in ast.walk(tree)
        if within(module, ROOMS_OF_A_SCAN) and isinstance(node, ast.ClassDef)
        if not node.name.startswith("_")
    }
    found: dict[str, str] = {}
    while True:
        kinds = "|".join([VOLUME, *(rf"\b{name.rpartition('.')[2]}\b" for name in found)])
        more = {
            name: field
            for name, own in reversed(fields.items())
            for field, kind in own
            if re.search(kinds, kind)
            or field in {"scan", "verdict"}
            or (field in {"path", "volume", "folder"} and re.search(r"\bPath\b", kind))
        }
        if more.keys() == found.keys():
            return {"types of one scan": [f"{name} ({more[name]})" for name in sorted(more)]}
        found = more


def tissues_by_name(trees: Trees) -> Named:
    """Find the modules that need not know the seven tissues and import or name one."""
    rows: Named = {"modules that name a tissue": [], "modules with a constant of labels": []}
    for module, tree in trees.items():
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        imported = {(node.module, alias.name) for node in imports for alias in node.names}
        asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        constants = {name for place, name in imported if place == f"{PACKAGE}.labels"}
        named = TISSUES & (asked | {name for _, name in imported})
        found = (named, {name for name in constants if name.isupper()})
        for row, names in zip(rows.values(), found, strict=True):
            if names and not within(module, KNOW_TISSUES):
                row.append(f"{module}: {', '.join(sorted(names))}")
    return rows


def code_lines(text: str) -> set[int]:
    """Return the numbers of the lines that hold more than comments and docstrings."""
    held = {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type != tokenize.COMMENT and token.string.strip()
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            held -= set(range(node.lineno, (node.end_lineno or 0) + 1))
    return held


def lines(checkout: Path) -> Named:
    """Find long files, and the lines of the package, the configs and the benchmarks."""
    rows: Named = {"files over 300 lines": []}
    for folder in (PACKAGE, "configs", "benchmarks"):
        texts = {path: path.read_text("utf-8") for path in (checkout / folder).rglob("*.py")}
        long = [str(path) for path, text in texts.items() if text.count("\n") > 300]
        rows["files over 300 lines"] += long
        for name, count in (("code lines", code_lines), ("all lines", str.splitlines)):
            rows[f"{name}, {folder}"] = [""] * sum(len(count(text)) for text in texts.values())
    return rows


def functions(checkout: Path) -> Named:
    """Find the functions of the package with many parameters and many lines."""
    limits = ("6 parameters", "25 lines", "60 lines")
    rows: Named = {f"functions over {limit}": [] for limit in limits}
    for path in sorted((checkout / PACKAGE).rglob("*.py")):
        text = path.read_text("utf-8")
        code = code_lines(text)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = len(code & set(range(node.lineno, (node.end_lineno or 0) + 1)))
                given = [arg for arg in ast.iter_child_nodes(node.args) if isinstance(arg, ast.arg)]
                many = len([arg for arg in given if arg.arg not in {"self", "cls"}])
                place = f"{path.relative_to(checkout)}:{node.lineno} {node.name}"
                sizes = ((many, 6), (length, 25), (length, 60))
                for row, (size, most) in zip(rows.values(), sizes, strict=True):
                    row += [f"{place}: {size}"] * (size > most)
    return rows


def stays(checkout: Path) -> Named:
    """Find the functions that a scan's data enter, by running `segment` of a checkout."""
    program, own = [sys.executable, __file__, "--watch"], {"PYTHONPATH": str(checkout)}
    said = subprocess.check_output(program, cwd=checkout, env={**os.environ, **own}, text=True)
    rows: Named = {"stays from segment to labels": [], "stays in measures": []}
    labelling, measuring = rows.values()
    for name in said.splitlines():
        (measuring if within(name, ("measures",)) else labelling).append(name)
    return rows


def watch_one_scan() -> None:
    """Print the functions that one scan's data enter, in their order."""
    from brainfcn_jax import load_model, segment

    model, scan, entered = load_model("adult_t1w"), small_head(), dict[str, None]()
    threading.setprofile(watcher(entered))
    sys.setprofile(watcher(entered))
    segment(scan, model)
    sys.setprofile(None)
    print(*entered, sep="\n")


def small_head() -> nibabel.Nifti1Image:
    """Return a head of 40x40x8 voxels of 4 mm: a brain in fluid, skull and skin, with noise."""
    x, y, z = np.meshgrid(*(np.arange(n) - n / 2 + 0.5 for n in (40, 40, 8)), indexing="ij")
    radius = np.sqrt((x / 17) ** 2 + (y / 19) ** 2 + (z / 30) ** 2)
    levels = [90 * (radius < 0.6), 40 * (radius < 0.8), 20 * (radius < 0.86), 80 * (radius < 1)]
    noise = np.random.default_rng(0).normal(0, 3, radius.shape) * (radius < 1)
    data = (np.maximum.reduce(levels) + noise).clip(0).astype(np.float32)
    return nibabel.Nifti1Image(data, np.diag([4, 4, 4, 1]))


def watcher(entered: dict[str, None]) -> Callable[[FrameType, str, Any], None]:
    """Return a profile function that notes each function of the package that data enter."""

    def watch(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        folder, _, module = code.co_filename.rpartition(f"/{PACKAGE}/")
        if event != "call" or not folder or code.co_name.startswith("<"):
            return
        extra = bool(code.co_flags & 4) + bool(code.co_flags & 8)  # *args, **kwargs
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + extra]
        values = [frame.f_locals[name] for name in names if name in frame.f_locals]
        traced = any("Tracer" in type(value).__name__ for value in values)
        if not traced and any(map(holds_data, values)):
            module = module.removesuffix(".py").replace("/", ".")
            entered[f"{module}.{code.co_qualname}:{code.co_firstlineno}"] = None

    return watch


def holds_data(value: Any, depth: int = 0) -> bool:
    """Return whether a value is a scan's data or holds them, at most four objects deep."""
    if isinstance(value, np.ndarray) or type(value).__name__ == "ArrayImpl":
        return value.ndim >= 3 and value.shape[:2] not in {(1, 1), (3, 3)}
    if isinstance(value, tuple | list | dict):
        items = list(value.values() if isinstance(value, dict) else value)
    else:
        ours = type(value).__module__.startswith(PACKAGE) and hasattr(value, "__dict__")
        items = list(vars(value).values()) if ours else []
    inside = depth < 4 and any(holds_data(item, depth + 1) for item in items)
    return inside or isinstance(value, nibabel.spatialimages.SpatialImage)


def main(arguments: list[str]) -> None:
    """Print the table of a checkout."""
    given = [argument for argument in arguments if argument != "--list"]
    checkout = Path(given[0] if given else Path(__file__).parents[2]).resolve()
    trees = modules(checkout)
    rows = stays(checkout) | turns(trees) | types_of_one_scan(trees) | tissues_by_name(trees)
    for name, found in (rows | functions(checkout) | lines(checkout)).items():
        print(f"{len(found):6}  {name}")
        if "--list" in arguments and any(found):
            print(*(f"          {line}" for line in found), sep="\n")


if __name__ == "__main__":
    watch_one_scan() if sys.argv[1:] == ["--watch"] else main(sys.argv[1:])
