"""What a program or a notebook shows of a segmented scan: a text, and the same as HTML (numpy)."""

from collections.abc import Sequence
from html import escape

from brainfcn_jax.measures.quality import Quality
from brainfcn_jax.measures.volumes import Volumes
from brainfcn_jax.text import printable


def summary_text(name: str, quality: Quality, volumes: Volumes, notes: Sequence[str]) -> str:
    """Return the scan's name, its verdict and the reasons, what was told, and its volumes."""
    told = _told(quality, notes)
    return "\n".join((f"{printable(name)}: {quality.verdict}", *map(printable, told), str(volumes)))


def summary_html(name: str, quality: Quality, volumes: Volumes, notes: Sequence[str]) -> str:
    """Return the same as HTML, in which nothing but the table's own tags is markup."""
    told = "".join(f"<li>{escape(printable(line))}</li>" for line in _told(quality, notes))
    head = f"<p><strong>{escape(printable(name))}: {quality.verdict}</strong></p>"
    return f"{head}{f'<ul>{told}</ul>' if told else ''}{volumes._repr_html_()}"


def _told(quality: Quality, notes: Sequence[str]) -> list[str]:
    return [
        *(f"{flag.reason} ({flag.name})" for flag in quality.flags),
        *(f"Note: {note}" for note in notes),
    ]
