"""Shipped models: found by name, checked, and what is said when they cannot be used."""

import hashlib
from pathlib import Path

import pytest

from brainfcn_jax.errors import UsageError, WeightsError
from brainfcn_jax.network.shipped_models import (
    DIGESTS,
    FINDER,
    SHIPPED_MODELS,
    find_model,
    model_for,
    read_digests,
    weights_folder,
)

CONTENTS = b"weights"
DIGEST = hashlib.sha256(CONTENTS).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in SHIPPED_MODELS:
        (tmp_path / f"{name}.h5").write_bytes(CONTENTS)
    lines = [
        f"{DIGEST}  adult_t1w.h5\n",
        f"{DIGEST.upper()} *neonate_t2w.h5\n",
        f"{DIGEST}  adult_any.h5\n",
        f"{DIGEST}  neonate_any.h5\n",
    ]
    (tmp_path / DIGESTS).write_text("".join(lines))
    return tmp_path


@pytest.mark.parametrize("name", SHIPPED_MODELS)
def test_a_whole_file_is_given(name: str, folder: Path) -> None:
    assert find_model(name, folder) == folder / f"{name}.h5"


def test_an_unknown_name_lists_the_known_ones(folder: Path) -> None:
    with pytest.raises(UsageError, match="adult_t1w, adult_any, neonate_t2w, neonate_any"):
        find_model("infant", folder)


@pytest.mark.parametrize(
    ("file", "contents", "said"),
    [
        ("adult_t1w.h5", None, "is missing"),
        ("adult_t1w.h5", "weightz", "is damaged"),
        (DIGESTS, None, "is missing"),
        (DIGESTS, "", "does not list adult_t1w.h5"),
        (DIGESTS, "adult_t1w.h5\n", "is damaged"),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(
    file: str, contents: str | None, said: str, folder: Path
) -> None:
    (folder / file).unlink()
    if contents is not None:
        (folder / file).write_text(contents)
    with pytest.raises(WeightsError, match=said) as raised:
        find_model("adult_t1w", folder)
    assert str(folder / file) in str(raised.value)
    assert "--weights=FILE" in str(raised.value)


def test_a_model_that_is_not_there_can_be_trained(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"not in this copy: .* configs/neonate_t2w\.py"):
        find_model("neonate_t2w", tmp_path)


def test_every_weight_file_here_is_the_one_that_is_listed() -> None:
    folder = weights_folder()
    assert (folder / "convert_vgg16.py").is_file()
    assert set(read_digests(folder / DIGESTS)) == {f"{n}.h5" for n in (*SHIPPED_MODELS, FINDER)}
    for path in folder.glob("*.h5"):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert read_digests(folder / DIGESTS)[path.name] == digest


def test_the_model_goes_by_what_the_names_of_scans_say() -> None:
    assert model_for([]) == model_for([None, "T1w", "CT"]) == "adult_t1w"
    assert model_for(["T2w", "FLAIR"]) == model_for(["PDw"]) == "adult_any"
    assert model_for(["SWI"]) == "adult_t1w"
    with pytest.raises(UsageError, match="FLAIR and T2w and no contrast, which two models label"):
        model_for([None, "T2w", "FLAIR"])  # each scan's model depends on that scan alone
    with pytest.raises(UsageError, match="PDw and SWI, which two models label"):
        model_for(["SWI", "PDw"])
    with pytest.raises(UsageError, match=r"FLAIR and T1w.*--model=adult_any"):
        model_for(["T1w", None, "FLAIR"])
