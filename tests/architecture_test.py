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
    if path.parent != PACKAGE or path.name != "__init__.py"
}
WORDS = {"errors", "labels", "schemes", "text"}
SCANS = WORDS | {"runtime", "imaging"}
ONE_SCAN = SCANS | {"measures", "network", "inference"}
ROOMS = {
    "errors": WORDS,
    "labels": WORDS,
    "schemes": WORDS,
    "text": WORDS,
    "runtime": WORDS,
    "imaging": WORDS | {"runtime"},
    "measures": WORDS | {"imaging"},
    "network": SCANS,
    "inference": SCANS | {"measures", "network"},
    "synthesis": SCANS,
    "training": ONE_SCAN | {"synthesis"},
    "results": ONE_SCAN,
    "cohort": ONE_SCAN | {"results"},
    "api": ONE_SCAN - {"runtime"},
    "commands": ONE_SCAN | {"synthesis", "training", "results", "cohort"},
}
"""The order of the folders (and of the modules beside them): what each may import from."""

PURE_NUMPY = {
    "errors",
    "imaging.array_order",
    "imaging.boxes",
    "imaging.choices",
    "imaging.file_names",
    "imaging.flatness",
    "imaging.grid",
    "imaging.histograms",
    "imaging.missing_voxels",
    "imaging.outliers",
    "imaging.resampling",
    "imaging.slicing",
    "imaging.surroundings",
    "imaging.voxel_checks",
    "inference.postprocessing",
    "inference.slice_batches",
    "labels",
    "measures.contrast_checks",
    "measures.expectations",
    "measures.metrics",
    "measures.quality",
    "measures.simplex_search",
    "measures.summary",
    "measures.symmetry",
    "measures.volumes",
    "network.parameters",
    "results.label_tables",
    "results.pages.charts",
    "results.pages.slices",
    "synthesis.known_maps",
    "synthesis.masked_heads",
    "schemes",
    "synthesis.newborn_head",
    "synthesis.packed_labels",
    "synthesis.ranges",
    "synthesis.recipes",
    "synthesis.structures",
    "text",
    "training.batches",
    "training.config_bases",
    "training.settings",
    "training.settings_reader",
    "training.time_left",
}
"""Never import jax, touch no file, compile nothing."""

PURE_JAX = {
    "network.convolution",
    "network.fcn",
    "network.tile_kernels",
    "network.vector_kernels",
    "synthesis.acquisition",
    "synthesis.anatomy",
    "synthesis.deformation",
    "synthesis.intensities",
    "synthesis.rendering",
    "training.augmentation",
    "training.optimizer",
    "training.step",
}
"""Touch no file, and are compiled by others."""

ONLY_IMPORTERS = {
    "ctypes": {"network.kernels", "runtime.jax_environment"},
    "distributed": {"cohort.cluster"},
    "fcntl": {"runtime.locks"},
    "h5py": {"network.sealed_hdf5"},
    "nibabel": {"imaging.grid", "imaging.image_files", "imaging.nifti", "imaging.nifti_writing"},
    "orbax": {"training.checkpoints"},
    "tqdm": {
        "commands.compare",
        "commands.progress_bar",
        "runtime.messages",
        "training.progress",
    },
}
JAX_LIBRARIES = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}
EFFECTS = {
    "csv", "io", "json", "logging", "os", "pathlib", "shutil", "subprocess", "sys", "tempfile",
    "time", "urllib", "absl", "tqdm", "matplotlib", "h5py", "nibabel", "orbax",
}  # fmt: skip
ARITHMETIC = ("nibabel.orientations.",)
"""Parts of these libraries that touch no file."""

TURNS = {"moveaxis", "swapaxes", "transpose", "rollaxis"}
TURNED_IN = {
    "imaging.grid": "between a scan's file and the canonical frame",
    "imaging.slicing": "between volumes and slices",
    "inference.prediction": "the classes of a compiled batch",
    "network.convolution": "a kernel, for its gradient",
}
"""Where axes are turned, and which."""

CANONICAL = {"api", "imaging", "inference", "measures", "network", "results"}
"""The rooms whose arrays are (x, y, z) throughout."""

TISSUE_NAMES = {"COGM", "BGT", "WM", "BS", "CB", "VENT", "CSF"}
KNOW_TISSUES = {"labels", "measures.expectations", "schemes"}

SPREADING = {
    "pmap": "training.devices",
    "shard_map": "training.devices",
    "distributed": "training.processes",
}


def room(module: str) -> str:
    """The folder that a module lies in, or its own name when it lies in none."""
    return module.split(".")[0]


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


def test_the_page_has_a_row_for_every_room_and_no_other() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    first_cells = re.findall(r"^\| (`.*?) \|", text, flags=re.MULTILINE)
    named = {name.rstrip("/") for cell in first_cells for name in re.findall(r"`([\w/]+)`", cell)}
    assert named == set(ROOMS) == {room(module) for module in MODULES}


def test_every_folder_says_what_it_is_for() -> None:
    folders = {path.parent for path in MODULES.values()} - {PACKAGE}
    silent = [
        folder.name
        for folder in folders
        if not ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
    ]
    assert not silent


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_from_the_rooms_it_may(module: str) -> None:
    allowed = ROOMS[room(module)] | {room(module)}
    wrong = {other for other in imported_modules(MODULES[module]) if room(other) not in allowed}
    assert not wrong, f"{module} imports {wrong}"


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
    found = {name: imported_libraries(MODULES[name]) & JAX_LIBRARIES for name in PURE_NUMPY}
    assert not any(found.values()), found


def test_pure_modules_have_no_effects() -> None:
    pure = PURE_NUMPY | PURE_JAX
    found = {
        name: {
            imported.split(".")[0]
            for imported in imported_names(MODULES[name])
            if not imported.startswith(ARITHMETIC)
        }
        & EFFECTS
        for name in pure
    }
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
    found = [name for name in PURE_NUMPY | PURE_JAX if "jit" in jax_attributes(MODULES[name])]
    assert not found, f"jax.jit in {found}; compile where the function is used"


@pytest.mark.parametrize("attribute", SPREADING)
def test_one_module_spreads_work_over_devices_and_processes(attribute: str) -> None:
    users = {name for name, path in MODULES.items() if attribute in jax_attributes(path)}
    assert users <= {SPREADING[attribute]}


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) in CANONICAL])
def test_axes_are_turned_in_few_places(module: str) -> None:
    turned = {
        name.id if isinstance(name, ast.Name) else name.attr
        for name in ast.walk(ast.parse(MODULES[module].read_text("utf-8")))
        if isinstance(name, ast.Name | ast.Attribute)
    }
    assert module in TURNED_IN or not turned & TURNS


def test_no_tissue_is_known_by_name_but_where_its_anatomy_is_meant() -> None:
    named = {f"brainfcn_jax.labels.{name}" for name in TISSUE_NAMES}
    found = {
        name
        for name, path in MODULES.items()
        if room(name) != "synthesis" and named & set(imported_names(path))
    }
    assert found <= KNOW_TISSUES, f"{found - KNOW_TISSUES} would fail with other tables of labels"


def test_flags_live_in_the_commands() -> None:
    for name in (module for module in MODULES if room(module) != "commands"):
        imported = " ".join(imported_names(MODULES[name]))
        assert not re.search(r"\b(absl\.(app|flags)|argparse|config_flags)\b", imported), name
