"""Weight files from before labels, people and contrasts had fields of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.threshold_model import threshold_model

from brainfcn_jax.errors import WeightsError
from brainfcn_jax.labels import BRAIN, TISSUES, Label
from brainfcn_jax.network import model_file, sealed_hdf5
from brainfcn_jax.network.model_file import Model, load_model, save_model
from brainfcn_jax.network.parameters import flat

EARLIER: dict[str, Any] = {
    "stages": 4,
    "maps": 2,
    "tissues": TISSUES.names,
    "channel_means": (1.0, 2.0, 3.0),
    "slice_axis": "axial",
    "spacing_mm": (3.0, 3.0, 3.0),
    "modality": "T1w",
    "equalise": "head",
    "mask_slice": "largest",
    "licence": "Apache-2.0",
    "training": "by hand",
}
"""The attributes that such files have."""


def written(path: Path, classes: int = TISSUES.classes, **changes: Any) -> Path:
    """Writes such a file, its network cut to so many classes."""
    arrays = {name: np.asarray(array) for name, array in flat(threshold_model().params).items()}
    arrays["fusion/kernel"] = arrays["fusion/kernel"][..., :classes]
    arrays["fusion/bias"] = arrays["fusion/bias"][:classes]
    attributes = EARLIER | changes
    sealed_hdf5.write_sealed(path, model_file.MODEL_FORMAT, attributes, arrays, overwrite=False)
    return path


@pytest.mark.parametrize(
    ("modality", "people", "contrasts", "find_brain"),
    [
        ("T1w", "adults", ("T1w",), True),
        ("any", "adults", ("T1w", "T2w", "FLAIR", "PDw"), True),
        ("T2w", "newborns", ("T2w",), True),
        ("any_newborn", "newborns", ("T2w", "T1w"), True),
        ("FLAIR", "anyone", ("FLAIR",), False),
        ("PDw", "anyone", ("PDw",), False),
    ],
)
def test_the_word_for_all_becomes_people_contrasts_and_whether_brains_are_found(
    tmp_path: Path, modality: str, people: str, contrasts: tuple[str, ...], find_brain: bool
) -> None:
    found = load_model(written(tmp_path / "earlier.h5", modality=modality)).description
    assert (found.people, found.contrasts, found.find_brain) == (people, contrasts, find_brain)
    assert found.labels == TISSUES
    assert found.colours == "neighbours"
    kept = EARLIER.keys() - {"tissues", "modality"}
    assert {name: getattr(found, name) for name in kept} == {name: EARLIER[name] for name in kept}


def test_no_brain_is_found_for_the_papers_rule_nor_for_what_finds_brains(tmp_path: Path) -> None:
    papers = load_model(written(tmp_path / "papers.h5", mask_slice="middle")).description
    assert (papers.people, papers.find_brain) == ("adults", False)
    finder = load_model(written(tmp_path / "brain.h5", 2, tissues=("brain",), modality="any"))
    assert (finder.description.labels, finder.description.find_brain) == (BRAIN, False)


def test_names_alone_make_a_table(tmp_path: Path) -> None:
    model = load_model(written(tmp_path / "own.h5", 3, tissues=("lésion", "cyst")))
    first, second = model.description.labels
    assert (first.index, first.name, first.abbreviation, first.kind) == (1, "lésion", "L1", "other")
    assert (second.index, second.name, second.abbreviation) == (2, "cyst", "L2")
    assert first.colour != second.colour
    assert isinstance(first, Label) and first.bids_code is None
    assert not model.description.labels.fills_brain


def test_it_is_written_in_the_present_form(tmp_path: Path) -> None:
    model = load_model(written(tmp_path / "earlier.h5", modality="any"))
    save_model(tmp_path / "now.h5", Model(model.params, model.description))
    assert load_model(tmp_path / "now.h5").description == model.description
    with sealed_hdf5.sealed_file(tmp_path / "now.h5", model_file.MODEL_FORMAT) as file:
        assert not {"tissues", "modality"} & set(file.attrs)


@pytest.mark.parametrize("modality", ["t1w", "", "CT"])
def test_an_unknown_word_is_refused_with_those_that_are_known(
    tmp_path: Path, modality: str
) -> None:
    path = written(tmp_path / "earlier.h5", modality=modality)
    known = "any, any_newborn, T1w, T2w, FLAIR or PDw"
    with pytest.raises(WeightsError, match=f"modality is '{modality}', must be {known}") as refused:
        load_model(path)
    assert "earlier.h5" in str(refused.value)


@pytest.mark.parametrize("change", [{"modality": 3}, {"tissues": "grey"}, {"tissues": (1, 2)}])
def test_attributes_of_another_kind_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=r"earlier\.h5"):
        load_model(written(tmp_path / "earlier.h5", **change))
