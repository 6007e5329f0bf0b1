"""The names and colours of the labels, as text that viewers and BIDS read (no file is touched).

Sources: the formats' own documents: BIDS derivatives (segmentations), FreeSurfer's
FreeSurferColorLUT.txt, 3D Slicer's colour table files, ITK-SNAP's label descriptions, FSLeyes'
lookup tables.
"""

from collections.abc import Iterable

from brainfcn_jax.labels import BACKGROUND_TISSUE, BIDS_CODES, TISSUES, Tissue

_LABELS = (BACKGROUND_TISSUE, *TISSUES)


def bids_table() -> str:
    """Gives desc-tissue_dseg.tsv: index, name, abbreviation, colour, and BIDS's own label."""
    rows = [
        (t.index, t.name, t.abbreviation, _hexadecimal(t), BIDS_CODES[t.index]) for t in _LABELS
    ]
    header = ("index", "name", "abbreviation", "color", "mapping")
    return _lines("\t".join(map(str, row)) for row in (header, *rows))


def freeview_table() -> str:
    """Gives a FreeSurfer colour table: the last column is transparency."""
    rows = [f"{t.index:<3} {_word(t):<36} {_channels(t)}   0" for t in _LABELS]
    return _lines(["#No. Label Name:                          R   G   B   A", *rows])


def slicer_table() -> str:
    """Gives a colour table of 3D Slicer: the last column is opacity."""
    opacity = {BACKGROUND_TISSUE.index: 0}
    rows = [f"{t.index} {_word(t)} {_numbers(t)} {opacity.get(t.index, 255)}" for t in _LABELS]
    return _lines(["# Color table file", f"# {len(_LABELS)} values", *rows])


def itksnap_table() -> str:
    """Gives label descriptions of ITK-SNAP: colour, opacity, whether in slices and in 3D, name."""
    rows = [f'{t.index:>5} {_channels(t)}        1  1  1    "{t.name}"' for t in TISSUES]
    rows.insert(0, '    0   0   0   0        0  0  0    "Clear Label"')
    return _lines(
        ["# ITK-SnAP Label Description File", "# IDX   R   G   B   A VIS MSH LABEL", *rows]
    )


def fsleyes_table() -> str:
    """Gives a lookup table of FSLeyes without the background: label, colour from 0 to 1, name."""
    rows = []
    for tissue in TISSUES:
        red, green, blue = (channel / 255 for channel in tissue.colour)
        rows.append(f"{tissue.index} {red:.5f} {green:.5f} {blue:.5f} {tissue.name}")
    return _lines(rows)


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _word(tissue: Tissue) -> str:
    return tissue.name.replace(" ", "_")


def _numbers(tissue: Tissue) -> str:
    return " ".join(map(str, tissue.colour))


def _channels(tissue: Tissue) -> str:
    return " ".join(f"{channel:>3}" for channel in tissue.colour)


def _hexadecimal(tissue: Tissue) -> str:
    red, green, blue = tissue.colour
    return f"#{red:02x}{green:02x}{blue:02x}"
