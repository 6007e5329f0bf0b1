"""Names of image files (plain Python)."""

import re

EXTENSIONS = (".nii", ".nii.gz", ".mgh", ".mgz", ".hdr", ".img")
"""How the names of images end that are read."""

_LONGEST_FIRST = sorted(EXTENSIONS, key=len, reverse=True)


_PART = re.compile(r"(?:^|_)part-(phase|real|imag)(?=[_.])", re.IGNORECASE)
_PART_WORDS = {"ph": "phase", "phase": "phase", "imaginary": "imag"}
# As dcm2niix ends the names of such files; its "real" is as often something else.


def extension(name: str) -> str:
    """Return the ending of an image format that a file's name has; "" for other names."""
    lower = name.lower()
    ending = next((ending for ending in _LONGEST_FIRST if lower.endswith(ending)), "")
    return name[len(name) - len(ending) :]


def signal_part(name: str) -> str | None:
    """Return what part of a complex signal a file's name says it holds: "phase", "real", "imag".

    None for all others, and for the magnitude, which shows the anatomy.
    Source: the entity "part" of the Brain Imaging Data Structure 1.10.
    """
    found = _PART.search(name)
    if found:
        return found[1].lower()
    return _PART_WORDS.get(without_extension(name).rpartition("_")[2].lower())


def why_left_out(name: str) -> str:
    """Return why a file of which `signal_part` gives a part is no scan, for a message."""
    return f"they show no anatomy (part-{signal_part(name)})"


def without_extension(name: str) -> str:
    """Strip the ending of an image format from a file's name; other names stay as they are."""
    return name[: len(name) - len(extension(name))]
