"""The picture of a segmented scan: slices with the labels outlined, and a legend (output).

It is painted as pixels, which takes a fraction of the time of a plotting library.
"""

import functools
import io
import json
import math
from dataclasses import dataclass
from importlib import util

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from brainfcn_jax.inference.segmented_scan import SegmentedScan
from brainfcn_jax.labels import Label, LabelTable
from brainfcn_jax.results.pages.slices import DIRECTIONS, View, choose_view, slice_panels
from brainfcn_jax.text import printable

COLUMNS = 7
PANEL_PIXELS = 260
THUMBNAIL_PIXELS = 130

SIDES = "L is the patient's left, shown on the left (neurological view)"

PixelBox = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels, the last two exclusive."""

_GAP, _TITLE_PIXELS, _LEGEND_PIXELS, _SWATCH_PIXELS = 4, 34, 34, 14
_FONT = "mpl-data/fonts/ttf/DejaVuSans.ttf"
_LETTERS, _TITLE = 14, 17
_LEGEND_LEFT, _LEGEND_WIDTH = 8, 1300
"""Where lines of the legend begin, and how wide they may be beside narrower slices."""
_PALETTE_COLOURS, _MOST_GREY_LEVELS = 256, 240
_MIDDLE = "middle panels"


def scan_picture(segmented: SegmentedScan, name: str) -> bytes:
    """Draw a PNG of axial, coronal and sagittal slices through the brain, `COLUMNS` of each.

    All slices are shown to one scale, whatever the voxel's shape, in the neurological view: letters
    say which side is which. Each label is outlined in its colour.
    """
    image, labels = segmented.scan.data, segmented.canonical_labels
    table = segmented.description.labels
    view = choose_view(image, labels, segmented.scan.spacing_mm, PANEL_PIXELS)
    boxes = _panel_boxes(view)
    legend = _legend(table, max(boxes[0][-1][2] + _GAP, _LEGEND_WIDTH))
    width = max(boxes[0][-1][2] + _GAP, *(entry.right for entry in legend))
    legend_top = boxes[-1][0][3] + _GAP
    height = legend_top + (1 + legend[-1].row) * _LEGEND_PIXELS
    grey, outlined = np.zeros((2, height, width), np.uint8)
    for direction, row in zip(DIRECTIONS, boxes, strict=True):
        panels = slice_panels(image, labels, view, direction, COLUMNS)
        for panel, (left, top, right, bottom) in zip(panels, row, strict=True):
            high, wide = panel.grey.shape
            across, down = (left + right - wide) // 2, top
            grey[down : down + high, across : across + wide] = panel.grey
            outlined[down : down + high, across : across + wide] = panel.outlines
            assert down + high == bottom
    with_text = _with_text(grey, boxes, printable(name), legend, legend_top)
    outlined[with_text != grey] = 0
    for entry in legend:
        top = legend_top + entry.row * _LEGEND_PIXELS + (_LEGEND_PIXELS - _SWATCH_PIXELS) // 2
        across = slice(entry.left, entry.left + _SWATCH_PIXELS)
        outlined[top : top + _SWATCH_PIXELS, across] = entry.label.index
    return _png(with_text, outlined, table, [row[COLUMNS // 2] for row in boxes])


def thumbnail(picture: bytes) -> bytes:
    """Make a small JPEG: the middle slice of each direction, from what `scan_picture` gave.

    Of any other PNG all is shown.
    """
    source = Image.open(io.BytesIO(picture))
    boxes = json.loads(str(source.info.get(_MIDDLE, "[]")))
    panels = [source.crop(tuple(box)) for box in boxes] or [source]
    scale = THUMBNAIL_PIXELS / max(panel.height for panel in panels)
    sizes = [(math.ceil(p.width * scale), math.ceil(p.height * scale)) for p in panels]
    strip = Image.new("RGB", (sum(width for width, _ in sizes), THUMBNAIL_PIXELS))
    left = 0
    for panel, size in zip(panels, sizes, strict=True):
        small = panel.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        strip.paste(small, (left, (THUMBNAIL_PIXELS - size[1]) // 2))
        left += size[0]
    stream = io.BytesIO()
    strip.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def _panel_boxes(view: View) -> list[list[PixelBox]]:
    """Return the panels' boxes, a row for each direction, all as wide as the widest panel."""
    wide = max(view.pixels[direction.across] for direction in DIRECTIONS)
    rows, top = [], _TITLE_PIXELS
    for direction in DIRECTIONS:
        bottom = top + view.pixels[direction.up]
        lefts = [_GAP + column * (wide + _GAP) for column in range(COLUMNS)]
        rows.append([(left, top, left + wide, bottom) for left in lefts])
        top = bottom + _GAP
    return rows


@dataclass(frozen=True)
class _Entry:
    """Where a label stands in the legend: its line, and where it starts and ends in it."""

    label: Label
    row: int
    left: int
    right: int


def _legend(table: LabelTable, width: int) -> list[_Entry]:
    """Return the labels from left to right, in as many lines as it needs."""
    font, row, left, entries = _font(_LETTERS), 0, _LEGEND_LEFT, list[_Entry]()
    for label in table:
        wide = _SWATCH_PIXELS + 6 + math.ceil(font.getlength(printable(label.name))) + 18
        if left > _LEGEND_LEFT and left + wide > width:
            row, left = row + 1, _LEGEND_LEFT
        entries.append(_Entry(label, row, left, left + wide))
        left += wide
    return entries


def _with_text(
    grey: UInt8[np.ndarray, "height width"],
    boxes: list[list[PixelBox]],
    name: str,
    legend: list[_Entry],
    legend_top: int,
) -> UInt8[np.ndarray, "height width"]:
    """Return the grey picture with its title, the letters of the sides and the labels' names."""
    canvas = Image.fromarray(grey)
    draw = ImageDraw.Draw(canvas)
    letters, title = _font(_LETTERS), _font(_TITLE)
    width, _ = canvas.size
    draw.text((8, 7), name, 255, title)
    draw.rectangle((width - letters.getlength(SIDES) - 24, 0, width, _TITLE_PIXELS - 2), 0)
    draw.text((width - 8, 9), SIDES, 200, letters, "ra")
    for direction, row in zip(DIRECTIONS, boxes, strict=True):
        for left, top, right, bottom in row:
            middle_x, middle_y = (left + right) // 2, (top + bottom) // 2
            ends = (
                (left + 2, middle_y, "lm"), (right - 2, middle_y, "rm"),
                (middle_x, bottom - 2, "md"), (middle_x, top + 2, "ma"),
            )  # fmt: skip
            for letter, (x, y, anchor) in zip(direction.letters, ends, strict=True):
                draw.text((x, y), letter, 255, letters, anchor, stroke_width=2, stroke_fill=0)
    for entry in legend:
        middle = legend_top + entry.row * _LEGEND_PIXELS + _LEGEND_PIXELS // 2
        place = (entry.left + _SWATCH_PIXELS + 6, middle)
        draw.text(place, printable(entry.label.name), 255, letters, "lm")
    return np.asarray(canvas)


def _png(
    grey: UInt8[np.ndarray, "height width"],
    outlined: UInt8[np.ndarray, "height width"],
    table: LabelTable,
    middle: list[PixelBox],
) -> bytes:
    """Return grey levels and the labels' colours with one palette, which keeps the file small."""
    greys = min(_MOST_GREY_LEVELS, _PALETTE_COLOURS - table.classes)
    levels = grey.astype(np.uint16) * (greys - 1) // 255
    indices = np.where(outlined > 0, greys + outlined, levels).astype(np.uint8)
    palette = np.zeros((_PALETTE_COLOURS, 3), np.uint8)
    palette[:greys] = np.linspace(0, 255, greys)[:, None]
    for label in table:
        palette[greys + label.index] = label.colour
    picture = Image.fromarray(indices, "P")
    picture.putpalette(palette.tobytes())
    notes = PngInfo()
    notes.add_text(_MIDDLE, json.dumps(middle))
    stream = io.BytesIO()
    picture.save(stream, "PNG", pnginfo=notes)
    return stream.getvalue()


@functools.cache
def _font(pixels: int) -> ImageFont.FreeTypeFont:
    """Return a font of matplotlib's, which is not imported: that takes a tenth of all imports."""
    package = util.find_spec("matplotlib")
    assert package is not None and package.submodule_search_locations
    return ImageFont.truetype(f"{package.submodule_search_locations[0]}/{_FONT}", pixels)
