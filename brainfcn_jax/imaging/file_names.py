"""Names of image files (plain Python)."""

EXTENSIONS = (".nii", ".nii.gz", ".mgh", ".mgz", ".hdr", ".img")
"""How the names of images end that are read."""

_LONGEST_FIRST = sorted(EXTENSIONS, key=len, reverse=True)


def without_extension(name: str) -> str:
    """Strips the ending of an image format from a file's name; other names stay as they are."""
    lower = name.lower()
    ending = next((ending for ending in _LONGEST_FIRST if lower.endswith(ending)), "")
    return name[: len(name) - len(ending)]
