"""Flags that the benchmarks share; needs no other package, so that what imports it stays small."""

import argparse


def commas(text: str) -> tuple[str, ...]:
    """Split at commas, without empty parts."""
    return tuple(part for part in text.split(",") if part)


class Flags(argparse.ArgumentParser):
    """A script's flags, with its docstring as help; methods add those of one kind."""

    def __init__(self, doc: str | None) -> None:
        super().__init__(
            description=doc,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def number(self, name: str, default: int, meaning: str, least: int = 1) -> None:
        """Add a whole number that is at least `least`."""

        def parsed(text: str) -> int:
            if int(text) < least:
                raise ValueError
            return int(text)

        self.add_argument(f"--{name}", type=parsed, default=default, help=meaning)

    def model(self, default: str = "adult_t1w", several: bool = False) -> None:
        """Add the model, or a weight file (or several) in its place, and the views of a scan."""
        self.add_argument("--model", default=default, help="Name of a shipped model.")
        action = "append" if several else "store"
        self.add_argument("--weights", action=action, help="Weight file, instead of --model.")
        self.add_argument("--views", type=int, choices=(1, 3), default=1, help="Directions.")

    def pairs(self) -> None:
        """Add the folder of scans with labels, their patterns, and whom to take."""
        scan, labels = "{subject}_T1w.nii.gz", "{subject}_dseg.nii.gz"
        self.add_argument("--data", required=True, help="Folder with the pairs.")
        self.add_argument("--scan_pattern", default=scan, help="Files of the scans.")
        self.add_argument("--labels_pattern", default=labels, help="Files of the labels.")
        self.add_argument("--subjects", type=commas, default=(), help="Only these; else all.")

    def picture(self) -> None:
        """Add the picture of what was labelled."""
        self.add_argument("--picture", help="PNG file to draw the scans and labels in.")

    def timing(self, repeats: int) -> None:
        """Add the cores, the repeats and the file of a benchmark of speed."""
        self.number("threads", 2, "Cores, or threads of each library.")
        self.number("repeats", repeats, "Timed runs of each.")
        self.add_argument("--out", required=True, help="JSON file for the numbers.")

    def kernels(self) -> None:
        """Add our convolutions, and the widest instruction set of all that can be held to one."""
        ours, sets = ("xla", "vector", "tiles"), ("avx2", "avx512")
        self.add_argument("--kernels", choices=ours, help="Ours; the fastest unless given.")
        self.add_argument("--max_isa", choices=sets, help="Widest instruction set.")

    def slices(self, height: int, width: int) -> None:
        """Add the network, and the slices of a scan that are put through it."""
        self.add_argument("--stages", type=int, choices=(4, 5), default=4, help="Its stages.")
        self.add_argument("--weights", help="Weight file; the shipped one unless given.")
        self.add_argument("--scan", help="Scan to take slices of; the demo's unless given.")
        self.number("slices", 4, "Slices in the batch.")
        self.number("height", height, "Height of a slice.", 16)
        self.number("width", width, "Width of a slice.", 16)
