"""The codes of data sets: what classes they are, and what is scored."""

import numpy as np
import pytest
from support.challenge_codes import CODES_OF_TISSUES, challenge_codes
from support.own_labels import OWN

from brainfcn_jax.errors import InputError, UsageError
from brainfcn_jax.labels import TISSUES
from brainfcn_jax.schemes import (
    MRBRAINS13,
    MRBRAINS13_TESTING,
    NEOBRAINS12,
    SCHEMES,
    TISSUE_SCHEME,
    CodeScheme,
    classes_of,
    find_scheme,
    own_scheme,
    scheme_for,
)


@pytest.mark.parametrize(
    ("scheme", "codes", "tissues"),
    [
        (TISSUE_SCHEME, range(8), range(8)),
        # cortical GM, basal ganglia, WM, WM lesions, outer CSF, ventricles, cerebellum, brainstem
        (MRBRAINS13, range(9), [0, 1, 2, 3, 3, 7, 6, 5, 4]),
        (MRBRAINS13_TESTING, range(4), [0, 7, 1, 3]),
        # cerebellum, myelinated WM, BGT, ventricles, unmyelinated WM, brainstem, cortex, outer CSF
        (NEOBRAINS12, range(9), [0, 5, 3, 2, 6, 3, 4, 1, 7]),
    ],
    ids=lambda value: value.name if isinstance(value, CodeScheme) else None,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64])
def test_codes_become_classes(
    scheme: CodeScheme, codes: range, tissues: list[int], dtype: type[np.integer]
) -> None:
    found = classes_of(np.array(codes, dtype), scheme)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, list(tissues))


@pytest.mark.parametrize("scheme", [TISSUE_SCHEME, MRBRAINS13, NEOBRAINS12], ids=lambda s: s.name)
def test_every_tissue_comes_back_from_its_code(scheme: CodeScheme) -> None:
    volume = np.random.default_rng(0).integers(0, TISSUES.classes, (3, 4, 5)).astype(np.uint8)
    np.testing.assert_array_equal(classes_of(challenge_codes(volume, scheme), scheme), volume)


@pytest.mark.parametrize("scheme", SCHEMES.values(), ids=lambda s: s.name)
def test_structures_agree_with_the_code_table(scheme: CodeScheme) -> None:
    scored = [code for structure in scheme.structures for code in structure.codes]
    assert sorted([0, *scored, *scheme.ignored_codes]) == sorted(scheme.codes)
    for structure in scheme.structures:
        assert {scheme.codes[code] for code in structure.codes} <= structure.classes
        assert {
            CODES_OF_TISSUES[scheme.name][tissue] for tissue in structure.classes
        } <= structure.codes


def test_mrbrains13_scores_three_structures_and_ignores_cerebellum_and_brainstem() -> None:
    structures = {s.name: (set(s.classes), set(s.codes)) for s in MRBRAINS13.structures}
    assert structures == {"GM": ({1, 2}, {1, 2}), "WM": ({3}, {3, 4}), "CSF": ({6, 7}, {5, 6})}
    assert MRBRAINS13.ignored_codes == {7, 8}
    testing = {s.name: (set(s.classes), set(s.codes)) for s in MRBRAINS13_TESTING.structures}
    assert testing == {"GM": ({1, 2}, {2}), "WM": ({3}, {3}), "CSF": ({6, 7}, {1})}


def test_neobrains12_scores_merged_white_matter() -> None:
    assert [s.name for s in NEOBRAINS12.structures] == [tissue.abbreviation for tissue in TISSUES]
    assert {s.name: set(s.codes) for s in NEOBRAINS12.structures}["WM"] == {2, 5}


def test_unknown_codes_are_listed_beside_the_allowed_ones() -> None:
    codes = np.array([[0, 9], [-1, 300]], np.int32)
    message = r"label values -1, 9, 300, .* 'mrbrains13' .* allowed are 0, 1, 2, 3, 4, 5, 6, 7, 8$"
    with pytest.raises(InputError, match=message):
        classes_of(codes, MRBRAINS13)


def test_a_long_list_of_unknown_codes_is_cut() -> None:
    with pytest.raises(InputError, match="values 8, 9, 10, 11, 12, 13, 14, 15, 16 and 91 more"):
        classes_of(np.arange(108), TISSUE_SCHEME)


def test_255_is_a_code_like_any_other() -> None:
    with pytest.raises(InputError, match="label values 255,"):
        classes_of(np.array([255], np.uint8), TISSUE_SCHEME)


def test_empty_arrays_stay_empty() -> None:
    empty = np.zeros((0, 2), np.uint8)
    assert classes_of(empty, MRBRAINS13).shape == (0, 2)


def test_schemes_are_found_by_name() -> None:
    assert all(find_scheme(name).name == name for name in SCHEMES)
    with pytest.raises(UsageError, match="'mrbrains'; choose one of tissues, mrbrains13, "):
        find_scheme("mrbrains")


def test_labels_of_ones_own_are_codes_that_are_all_scored() -> None:
    scheme = own_scheme(OWN)
    assert (scheme.name, dict(scheme.codes)) == ("labels", {0: 0, 1: 1, 2: 2, 3: 3})
    found = [(s.name, set(s.classes), set(s.codes)) for s in scheme.structures]
    assert found == [("Lesion", {1}, {1}), ("Cyst", {2}, {2}), ("Oedema", {3}, {3})]
    with pytest.raises(InputError, match=r"values 4, which 'labels' .* allowed are 0, 1, 2, 3$"):
        classes_of(np.array([3, 4]), scheme)


def test_a_data_sets_codes_are_about_the_tissues_alone() -> None:
    assert scheme_for(None, TISSUES) == TISSUE_SCHEME
    assert scheme_for("neobrains12", TISSUES) is NEOBRAINS12
    assert scheme_for(None, OWN) == own_scheme(OWN)
    with pytest.raises(UsageError, match=r"'mrbrains13' is about .* the labels are lesion, cyst"):
        scheme_for("mrbrains13", OWN)
    with pytest.raises(UsageError, match="choose one of tissues"):
        scheme_for("mrbrains", TISSUES)
