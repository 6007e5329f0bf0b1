"""The names and colours of the labels, as text that viewers read (no file is touched).

Sources: the formats' own documents: FreeSurfer's FreeSurferColorLUT.txt, 3D Slicer's colour table
files, ITK-SNAP's label descriptions, FSLeyes' lookup tables.
"""

from collections.abc import Iterable

from brainfcn_jax.labels import BACKGROUND_LABEL, Label, LabelTable


def freeview_table(table: LabelTable) -> str:
    """Return a FreeSurfer colour table: the last column is transparency."""
    rows = [f"{t.index:<3} {_word(t):<36} {_channels(t)}   0" for t in table.with_background]
    return _lines(["#No. Label Name:                          R   G   B   A", *rows])


def slicer_table(table: LabelTable) -> str:
    """Return a colour table of 3D Slicer: the last column is opacity."""
    opacity = {BACKGROUND_LABEL.index: 0}
    rows = [
        f"{t.index} {_word(t)} {_numbers(t)} {opacity.get(t.index, 255)}"
        for t in table.with_background
    ]
    return _lines(["# Color table file", f"# {table.classes} values", *rows])


def itksnap_table(table: LabelTable) -> str:
    """Return label descriptions of ITK-SNAP: colour, opacity, whether in slices and in 3D, name."""
    rows = [f'{t.index:>5} {_channels(t)}        1  1  1    "{t.name}"' for t in table]
    rows.insert(0, '    0   0   0   0        0  0  0    "Clear Label"')
    return _lines(
        ["# ITK-SnAP Label Description File", "# IDX   R   G   B   A VIS MSH LABEL", *rows]
    )


def fsleyes_table(table: LabelTable) -> str:
    """Return a lookup table of FSLeyes without the background: label, colour from 0 to 1, name."""
    rows = []
    for label in table:
        red, green, blue = (channel / 255 for channel in label.colour)
        rows.append(f"{label.index} {red:.5f} {green:.5f} {blue:.5f} {label.name}")
    return _lines(rows)


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


def _word(label: Label) -> str:
    return label.name.replace(" ", "_")


def _numbers(label: Label) -> str:
    return " ".join(map(str, label.colour))


def _channels(label: Label) -> str:
    return " ".join(f"{channel:>3}" for channel in label.colour)
