"""The code keeps the rules that ARCHITECTURE.md states."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "brainfcn_jax"
MODULES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name != "__init__.py" or "def " in path.read_text("utf-8")
}
FILES = [
    *MODULES.values(),
    *ROOT.glob("*.py"),
    *(path for folder in ("configs", "weights", "tests") for path in (ROOT / folder).glob("*.py")),
    *ROOT.glob("benchmarks/**/*.py"),
]
LONGEST_FILE = 300
LONGEST_FUNCTION = 60

MAY_IMPORT = {
    "numpy": {"numpy"},
    "native": {"numpy"},
    "jax": {"numpy", "native", "jax"},
    "io": {"numpy", "native", "jax", "io"},
    "shell": {"numpy", "native", "jax", "io", "shell"},
    "command": {"numpy", "native", "jax", "io", "shell", "command"},
}
ONLY_IMPORTERS = {
    "ctypes": {"allocator", "kernels"},
    "distributed": {"cluster"},
    "fcntl": {"claims"},
    "h5py": {"hdf5"},
    "nibabel": {"nifti"},
    "orbax": {"checkpoint"},
}
JAX_LIBRARIES = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}
EFFECTS = {
    "csv", "io", "json", "logging", "os", "pathlib", "shutil", "subprocess", "sys", "tempfile",
    "time", "urllib", "absl", "tqdm", "matplotlib", "h5py", "nibabel", "orbax",
}  # fmt: skip
SPREADING = {"pmap": "devices", "shard_map": "devices", "distributed": "processes"}


def kinds_in_the_table() -> dict[str, str]:
    """Module name -> kind, from the rows | `module` | kind | what | of ARCHITECTURE.md."""
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    return dict(re.findall(r"^\| `([\w.]+)` \| (\w+) \|", text, flags=re.MULTILINE))


def imported_names(path: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_libraries(path: Path) -> set[str]:
    """First parts of what a file imports from outside the package."""
    return {name.split(".")[0] for name in imported_names(path)} - {"brainfcn_jax"}


def imported_modules(path: Path) -> set[str]:
    """Modules of the package that a file imports."""
    found = set()
    for name in imported_names(path):
        parts = name.split(".")[1:] if name.startswith("brainfcn_jax.") else []
        found |= {".".join(parts[:end]) for end in range(1, len(parts) + 1)} & set(MODULES)
    return found


def modules_of(*kinds: str) -> list[str]:
    """Modules of these kinds."""
    table = kinds_in_the_table()
    return [name for name in MODULES if table.get(name) in kinds]


def test_every_module_is_in_the_table_and_nothing_else_is() -> None:
    table = kinds_in_the_table()
    assert sorted(table) == sorted(MODULES)
    assert set(table.values()) <= set(MAY_IMPORT)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_kinds_it_may(module: str) -> None:
    table = kinds_in_the_table()
    allowed = MAY_IMPORT[table[module]]
    wrong = {
        other: table[other]
        for other in imported_modules(MODULES[module])
        if table[other] not in allowed
    }
    assert not wrong, f"{module} ({table[module]}) imports {wrong}"


def test_modules_import_each_other_in_one_direction() -> None:
    imports = {name: imported_modules(path) for name, path in MODULES.items()}
    while free := [name for name, needed in imports.items() if not needed & set(imports)]:
        for name in free:
            del imports[name]
    assert not imports, f"a circle among {sorted(imports)}"


@pytest.mark.parametrize("library", ONLY_IMPORTERS)
def test_a_library_that_reaches_out_has_its_importer(library: str) -> None:
    importers = {name for name, path in MODULES.items() if library in imported_libraries(path)}
    assert importers == ONLY_IMPORTERS[library]


def test_numpy_modules_never_import_jax() -> None:
    found = {
        name: imported_libraries(MODULES[name]) & JAX_LIBRARIES for name in modules_of("numpy")
    }
    assert not any(found.values()), found


def test_pure_modules_have_no_effects() -> None:
    pure = modules_of("numpy", "jax")
    found = {name: imported_libraries(MODULES[name]) & EFFECTS for name in pure}
    assert not any(found.values()), found
    calls = {
        (name, node.func.id)
        for name in pure
        for node in ast.walk(ast.parse(MODULES[name].read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("open", "print")
    }
    assert not calls


def jax_attributes(path: Path) -> set[str]:
    """Names used as `jax.NAME`."""
    return {
        node.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "jax"
    }


def test_pure_modules_are_compiled_by_others() -> None:
    found = [name for name in modules_of("jax", "numpy") if "jit" in jax_attributes(MODULES[name])]
    assert not found, f"jax.jit in {found}; compile where the function is used"


@pytest.mark.parametrize("attribute", SPREADING)
def test_one_module_spreads_work_over_devices_and_processes(attribute: str) -> None:
    users = {name for name, path in MODULES.items() if attribute in jax_attributes(path)}
    assert users <= {SPREADING[attribute]}


def test_flags_live_in_the_commands() -> None:
    for name in set(MODULES) - set(modules_of("command")):
        imported = " ".join(imported_names(MODULES[name]))
        assert not re.search(r"\b(absl\.(app|flags)|argparse|config_flags)\b", imported), name


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
