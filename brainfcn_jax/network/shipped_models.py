"""The models that ship with the package, found by name and checked (input/output)."""

import hashlib
from collections.abc import Iterable
from os import PathLike, fspath
from pathlib import Path

from brainfcn_jax.errors import UsageError, WeightsError
from brainfcn_jax.imaging.contrasts import KNOWN

SHIPPED_MODELS = {
    "adult_t1w": "adults, T1w, whole head or skull-stripped",
    "adult_any": "adults, T1w, T2w, FLAIR or PDw, whole head or skull-stripped",
    "neonate_t2w": "newborns, T2w, whole head or skull-stripped",
    "neonate_any": "newborns, T2w or T1w, whole head or skull-stripped",
}
"""What each model is for, by its name."""

DEFAULT_MODEL, ANY_MODEL = "adult_t1w", "adult_any"
"""What labels adults' scans unless their name or the user says another contrast than T1w, and what
labels those."""

AUTO = "auto"
"""The model is chosen by the scans' contrasts: see `model_for`."""

FINDER = "brain"
"""What finds the brain in a head, before a model labels it."""

DIGESTS = "SHA256SUMS"
"""The SHA-256 of every shipped weight file, in the form of `sha256sum *.h5 > SHA256SUMS`."""

_REMEDY = "install the package again, or give a weight file of your own with --weights=FILE"


def weights_folder() -> Path:
    """Return where the shipped weight files are: in the package where installed, else beside it."""
    package = Path(__file__).parents[1]
    installed = package / "weights_files"
    return installed if installed.is_dir() else package.parent / "weights"


def model_for(contrasts: Iterable[str | None]) -> str:
    """Return the model for adults' scans of these contrasts; None is one that nothing is known of.

    Each scan's model depends on that scan alone. It is `DEFAULT_MODEL` for what no model knows.

    Raises:
        UsageError: they are for different models, whose volumes do not compare.
    """
    models = {
        contrast or "no contrast": ANY_MODEL if contrast in KNOWN[1:] else DEFAULT_MODEL
        for contrast in contrasts
    }
    if len(set(models.values())) > 1:
        raise UsageError(
            f"the scans' names say {' and '.join(sorted(models))}, which two models label, and the "
            "volumes of two models do not compare: make a run for each into its own --out_dir "
            f"(--contrast chooses from folders), or take --model={ANY_MODEL} for all"
        )
    return next(iter(models.values()), DEFAULT_MODEL)


def weight_file(
    model: str | None,
    weights: str | PathLike[str] | None,
    contrasts: Iterable[str | None] = (),
) -> str:
    """Return the path of the weights to use: the user's file, else those of a shipped model.

    Args:
        model: the name of a shipped model; None: that for the contrasts, unless `weights` is given.
        weights: a weight file of the user's own, which is not looked at; None: a shipped model's.
        contrasts: of the scans, as far as they are known.

    Raises:
        UsageError: both are given, no shipped model has that name, or the contrasts are for two.
        WeightsError: the shipped model is missing or damaged.
    """
    if model is not None and weights is not None:
        raise UsageError("model and weights are both given; give one of them")
    if weights is not None:
        return fspath(weights)
    return str(find_model(model or model_for(contrasts)))


def find_model(name: str, folder: Path | None = None) -> Path:
    """Return the weight file of a shipped model, checked against its published SHA-256.

    `folder` is `weights_folder()` unless another is given.

    Raises:
        UsageError: no shipped model has that name.
        WeightsError: its file, or the list of SHA-256, is missing or damaged.
    """
    if name not in SHIPPED_MODELS:
        raise UsageError(f"no model is called {name!r}; choose one of {', '.join(SHIPPED_MODELS)}")
    return shipped_file(name, folder)


def shipped_file(name: str, folder: Path | None = None) -> Path:
    """Return the weight file of a shipped model or the `FINDER`, checked as `find_model` does.

    Raises:
        WeightsError: its file, or the list of SHA-256, is missing or damaged.
    """
    folder = weights_folder() if folder is None else folder
    path = folder / f"{name}.h5"
    if not path.is_file():
        raise WeightsError(
            f"the model {name!r} is not in this copy: '{path}' is missing; {_REMEDY}, or train "
            f"the model with configs/{name}.py"
        )
    expected = read_digests(folder / DIGESTS).get(path.name)
    if expected is None:
        raise WeightsError(f"'{folder / DIGESTS}' does not list {path.name}; {_REMEDY}")
    found = file_digest(path)
    if found != expected:
        raise WeightsError(
            f"the model {name!r} is damaged: '{path}' has SHA-256 {found}, must be {expected}; "
            f"{_REMEDY}"
        )
    return path


def read_digests(path: Path) -> dict[str, str]:
    """Return SHA-256 in lower case by file name; WeightsError when the list cannot be read."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"'{path}' is missing or cannot be read; {_REMEDY}") from error
    entries = [line.split(maxsplit=1) for line in lines if line.strip()]
    if any(len(entry) != 2 for entry in entries):
        raise WeightsError(f"'{path}' is damaged; {_REMEDY}")
    return {name.removeprefix("*"): digest.lower() for digest, name in entries}


def file_digest(path: str | Path) -> str:
    """Return the SHA-256 of a file; WeightsError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"'{path}' cannot be read: {error.strerror or error}") from error
