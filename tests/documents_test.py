"""What the documents say is so: commands run, links lead somewhere, flags and messages exist.

The blocks of a page are run in their order, but for those under `<!-- not run: REASON -->`.
"""

import ast
import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args, get_type_hints

import nibabel
import pytest
from absl import flags
from support.children import users_environment
from support.eval_example import AFFINE, intensities
from support.threshold_model import threshold_model

from brainfcn_jax.commands import runner, segment_flags, train
from brainfcn_jax.labels import TISSUES, table_text
from brainfcn_jax.network.model_file import save_model
from brainfcn_jax.results.sidecars import volume_columns
from brainfcn_jax.training.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [*DOCS, ROOT / "README.md"]

BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
PROGRAM = re.compile(r"(run_eval\.py|brainfcn-eval|run_train\.py|brainfcn-train)\s")
FLAG = re.compile(r"(?<=[\s`])--([a-z][\w.-]*)")

OF_OTHERS = {
    "cleanenv", "cpus", "cpuset-cpus", "cpus-per-task", "docformat", "download", "env",
    "kill-on-bad-exit", "nthreads", "out", "output-directory", "repeats", "scan",
    "skip_bids_validation", "source", "user",
}  # fmt: skip
"""Flags in prose that are of other commands and of benchmarks; one is named as missing."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and why it is not run, if it is not."""

    kind: str
    text: str
    reason: str | None


def blocks(page: Path, kinds: tuple[str, ...] = ("bash", "python")) -> list[Block]:
    """The blocks of a page that are programs."""
    found = [
        Block(match["kind"], match["text"], match["reason"])
        for match in BLOCK.finditer(page.read_text("utf-8"))
    ]
    return [block for block in found if block.kind in kinds]


def to_run(name: str) -> list[Block]:
    """The blocks of a page that are run, in their order."""
    return [block for block in blocks(ROOT / name) if block.reason is None]


def run_in_order(programs: Sequence[Block], folder: Path, **variables: str) -> str:
    """What blocks say when they are run in a folder beside the project's own."""
    for own in ("configs", "tests", "weights", "run_eval.py", "run_train.py"):
        (folder / own).symlink_to(ROOT / own)
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{os.environ['PATH']}"
    environment = {**users_environment(), "PATH": path, **variables}
    said = ""
    for block in programs:
        program = ["bash", "-euo", "pipefail", "-c"] if block.kind == "bash" else ["python", "-c"]
        run = subprocess.run(
            [*program, block.text], cwd=folder, env=environment, capture_output=True, text=True
        )
        assert run.returncode == 0, f"{block.text}\n{run.stdout}\n{run.stderr}"
        said += run.stdout
    return said


def test_the_first_command_of_the_readme_labels_a_brain(tmp_path: Path) -> None:
    page = ROOT / "README.md"
    install, *_, label = blocks(page)[0].text.splitlines()
    assert install.endswith("pip install -c constraints.txt -e . &&")
    run_in_order([Block("bash", label, None)], tmp_path)
    assert "`out/demo_desc-tissue_report.html`" in page.read_text("utf-8")
    assert (tmp_path / "out" / "demo_desc-tissue_report.html").is_file()


def test_every_block_is_run_or_says_why_not() -> None:
    ran = {f"docs/{name}.md" for name in ("tutorial", "training", "api")}
    left = {str(page.relative_to(ROOT)) for page in PAGES if to_run(str(page.relative_to(ROOT)))}
    assert left == ran


def test_the_tutorial_gives_files_volumes_and_a_page(tmp_path: Path) -> None:
    said = run_in_order(to_run("docs/tutorial.md"), tmp_path)
    assert re.search(r"^WM\t\d+\t\d+\.\d", said, re.MULTILINE)
    assert re.search(r"white matter: \d{3} ml, \d\d% of the intracranial space", said)
    assert (tmp_path / "results" / "demo_desc-tissue_report.html").is_file()


def test_training_leaves_the_files_that_the_guide_lists(tmp_path: Path) -> None:
    run_in_order(to_run("docs/training.md"), tmp_path, JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    page = (ROOT / "docs/training.md").read_text("utf-8")
    part = page.partition("## The folder of the run")[2].partition("\n## ")[0]
    listed = set(re.findall(r"^\| `([\w.]+)/?` \|", part, re.MULTILINE))
    assert {path.name for path in (tmp_path / "tiny" / "run").iterdir()} == listed


def test_the_example_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(tmp_path / "model.h5", threshold_model())
    monkeypatch.setattr(
        "brainfcn_jax.network.shipped_models.find_model", lambda name: tmp_path / "model.h5"
    )
    nibabel.save(nibabel.Nifti1Image(intensities(), AFFINE), "demo_T1w.nii.gz")
    (example,) = [block for block in to_run("docs/api.md") if block.kind == "python"]
    exec(example.text, {})
    assert Path("tissues.nii.gz").is_file()


def test_the_reference_is_made_from_the_docstrings(tmp_path: Path) -> None:
    (command,) = [block.text for block in to_run("docs/api.md") if block.kind == "bash"]
    modules = re.findall(r"brainfcn_jax\.[\w.]+", command)
    assert all((ROOT / f"{module.replace('.', '/')}.py").is_file() for module in modules)
    run = re.sub(r"brainfcn_jax\.(?!\w+\.volumes|errors)[\w.]+", "", command.replace("\\\n", " "))
    subprocess.run(f"'{sys.executable}' -m {run}", shell=True, cwd=tmp_path, check=True)
    page = (tmp_path / "api" / "brainfcn_jax" / "measures" / "volumes.html").read_text("utf-8")
    assert "volume_table" in page


def anchors(page: Path) -> set[str]:
    """The parts of a page that a link can lead to, as GitHub and others name them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        if "://" in link:
            continue
        name, _, part = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not part or part in anchors(target), link


def flag_names() -> dict[str, set[str]]:
    """The flags of the two commands."""
    names = {}
    for word, define in (("eval", segment_flags.define_flags), ("train", train.define_flags)):
        values = flags.FlagValues()
        define(values, *([["run_train.py"]] if word == "train" else []))
        runner.define_common_flags(values)
        names[word] = set(values) | {"help"}
    return names


def config_keys() -> set[str]:
    """The keys that configs may have, by their dotted names."""
    keys = {field.name for field in dataclasses.fields(Settings)}
    for section, kind in get_type_hints(Settings).items():
        parts = [part for part in (kind, *get_args(kind)) if dataclasses.is_dataclass(part)]
        keys |= {f"{section}.{field.name}" for part in parts for field in dataclasses.fields(part)}
    return keys


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_flags_exist(page: Path) -> None:
    names, keys = flag_names(), config_keys()
    text = page.read_text("utf-8")
    for command in "\n".join(b.text for b in blocks(page)).replace("\\\n", " ").splitlines():
        if PROGRAM.search(command):
            *_, program, given = PROGRAM.split(command)
            for flag in FLAG.findall(f" {given.partition(' #')[0]}"):
                known = names["eval" if "eval" in program else "train"]
                assert flag.replace("-", "_") in known or flag.removeprefix("config.") in keys, flag
    everywhere = names["eval"] | names["train"] | OF_OTHERS
    for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", BLOCK.sub("", text)):
        for flag in FLAG.findall(f" {code}"):
            ours = flag.replace("-", "_") in everywhere or flag in everywhere
            assert ours or flag.removeprefix("config.") in {*keys, "KEY"}, flag


def texts_of_the_code() -> list[str]:
    """Every text in the package, "..." where a value is put in."""
    texts = []
    for path in (ROOT / "brainfcn_jax").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else "..." for p in node.values]
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


def test_messages_are_those_of_the_code() -> None:
    messages = re.findall(r"^### `(.+)`$", (ROOT / "docs/faq.md").read_text("utf-8"), re.MULTILINE)
    texts = texts_of_the_code()
    assert len(messages) > 20
    for message in messages:
        pieces = [re.escape(piece.strip()) for piece in message.split("...") if piece.strip()]
        pattern = re.compile(".*?".join(pieces), re.DOTALL)
        assert any(pattern.search(text) for text in texts), message


def test_columns_and_colours_are_those_of_the_code() -> None:
    page = (ROOT / "docs/files.md").read_text("utf-8")
    for column in volume_columns(TISSUES):
        assert f"`{column}`" in page
    for row in table_text(TISSUES, kinds=False).splitlines()[1:]:
        index, name, abbreviation, colour, mapping = row.split("\t")
        assert f"| {index} | {name} | {abbreviation} | `{colour}` | {mapping} |" in page


def test_the_container_is_built_from_files_that_there_are() -> None:
    taken = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / name).exists() for name in taken)
    assert {"brainfcn_jax", "configs", "weights", "pyproject.toml", "setup.py"} <= set(taken)
