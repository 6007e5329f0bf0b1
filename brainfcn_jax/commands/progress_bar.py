"""How far a run is, on a terminal: the step that a scan is at, and the time left."""

import functools
import threading
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from brainfcn_jax.inference.prediction import Progress
    from brainfcn_jax.results.case import Case

STEPS = {
    "reading": ("reading", 0.00, 0.10),
    "preprocessing": ("preparing", 0.10, 0.07),
    "network": ("network", 0.17, 0.63),
    "postprocessing": ("cleaning", 0.80, 0.02),
    "interpolation": ("resampling", 0.82, 0.03),
    "writing": ("writing", 0.85, 0.15),
}
"""What a step is called, the fraction of a scan's time that is over when it begins, and its own."""

_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"


class ScanBar:
    """A bar on stderr for all scans of a run, unless `hidden` or stderr is no terminal."""

    def __init__(self, scans: int, hidden: bool = False) -> None:
        self._scans = scans
        self._finished = 0
        self._fractions: dict[str, float] = {}
        self._lock = threading.Lock()
        self._bar = tqdm(
            total=scans,
            desc="loading",
            disable=hidden or None,
            dynamic_ncols=True,
            leave=False,
            bar_format=_FORMAT,
        )

    def __enter__(self) -> "ScanBar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def progress_of(self, case: "Case") -> "Progress":
        """Returns what is told the steps of a case, from whatever thread."""
        return functools.partial(self._step, case)

    def scan_done(self, case: "Case") -> None:
        """Counts a scan as done, whatever became of it."""
        with self._lock:
            self._fractions.pop(case.volume, None)
            self._finished += 1
            self._show(f"{self._finished} of {self._scans} scans done")

    def _step(self, case: "Case", step: str, done: int, total: int) -> None:
        called, begins, fraction = STEPS[step]
        with self._lock:
            self._fractions[case.volume] = begins + fraction * done / total
            slices = f", slice {done} of {total}" if total > 1 else ""
            self._show(f"{case.outputs.name}: {called}{slices}")

    def _show(self, description: str) -> None:
        self._bar.n = self._finished + sum(self._fractions.values())
        self._bar.set_description_str(description)
