"""The picture of a scan, decoded again: colours, letters, sizes, and its thumbnail."""

import io

import numpy as np
import pytest
from jaxtyping import UInt8
from PIL import Image
from support.found_scan import found_scan
from support.labelled_brain import SPACING_MM, labelled_brain

from brainfcn_jax.labels import TISSUES
from brainfcn_jax.results.pages.picture import COLUMNS, THUMBNAIL_PIXELS, scan_picture, thumbnail


def decoded(content: bytes) -> UInt8[np.ndarray, "height width 3"]:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


@pytest.fixture(scope="module")
def picture() -> bytes:
    return scan_picture(found_scan(labelled_brain(), affine=np.diag([*SPACING_MM, 1])), "sub-01")


def test_each_tissue_is_outlined_and_named_in_its_colour(picture: bytes) -> None:
    pixels = decoded(picture)
    legend = pixels[-34:]
    for tissue in TISSUES:
        found = (pixels == tissue.colour).all(axis=-1)
        assert found.sum() > 150, tissue.name
        assert (legend == tissue.colour).all(axis=-1).sum() == 14 * 14


def test_the_rest_is_grey(picture: bytes) -> None:
    pixels = decoded(picture).reshape(-1, 3)
    coloured = pixels[np.ptp(pixels.astype(int), axis=1) > 0]
    assert {tuple(colour) for colour in np.unique(coloured, axis=0).tolist()} <= {
        tissue.colour for tissue in TISSUES
    }


def test_the_same_scan_gives_the_same_picture(picture: bytes) -> None:
    found = found_scan(labelled_brain(), affine=np.diag([*SPACING_MM, 1]))
    assert scan_picture(found, "sub-01") == picture


def test_a_thumbnail_shows_three_slices(picture: bytes) -> None:
    small = thumbnail(picture)
    pixels = decoded(small)
    assert small[:3] == b"\xff\xd8\xff"
    assert pixels.shape[0] == THUMBNAIL_PIXELS
    assert 2 * THUMBNAIL_PIXELS < pixels.shape[1] < 4 * THUMBNAIL_PIXELS
    thirds = np.array_split(pixels, 3, axis=1)
    assert all(part.max() > 100 for part in thirds)
    assert len(small) < 30_000


def test_a_thumbnail_of_another_picture_shows_all_of_it() -> None:
    stream = io.BytesIO()
    Image.new("RGB", (600, 300), (200, 10, 10)).save(stream, "PNG")
    assert decoded(thumbnail(stream.getvalue())).shape == (THUMBNAIL_PIXELS, 260, 3)


@pytest.mark.parametrize(
    ("shape", "spacing_mm"),
    [((1, 1, 1), (1.0, 1.0, 1.0)), ((4, 90, 3), (8.0, 0.4, 5.0)), ((9, 3, 40), (0.3, 9.0, 0.3))],
)
@pytest.mark.parametrize("label", [0, 3])
def test_any_shape_gives_a_picture(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], label: int
) -> None:
    labels = np.full(shape, label, np.uint8)
    found = found_scan(labels, np.ones(shape, np.float32), np.diag([*spacing_mm, 1]))
    pixels = decoded(scan_picture(found, "x"))
    assert pixels.shape[1] >= COLUMNS
    for tissue in TISSUES:
        assert (pixels[-34:] == tissue.colour).all(axis=-1).sum() == 14 * 14


@pytest.mark.parametrize("name", ["", "a\nb\x1b[31m\udc80", "заявка-01 λ", "x" * 500])
def test_any_name_is_drawn(name: str) -> None:
    found = found_scan(np.full((5, 5, 5), 3, np.uint8), affine=np.eye(4))
    named, unnamed = (decoded(scan_picture(found, text)) for text in (name, ""))
    assert named.shape == unnamed.shape
    assert (named[34:] == unnamed[34:]).all()
    assert (named[:34] != unnamed[:34]).any() == bool(name)
