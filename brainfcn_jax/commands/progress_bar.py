"""How far a run is, on a terminal: the step that a scan is at, and the time left."""

import functools
import threading
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from brainfcn_jax.inference.prediction import Progress
    from brainfcn_jax.results.planned_scan import PlannedScan

STEPS = {
    "reading": ("reading", 0.00, 0.05),
    "brain": ("finding the brain", 0.05, 0.10),
    "preprocessing": ("preparing", 0.15, 0.03),
    "network": ("network", 0.18, 0.67),
    "postprocessing": ("cleaning", 0.85, 0.01),
    "interpolation": ("resampling", 0.86, 0.04),
    "writing": ("writing", 0.90, 0.10),
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

    def progress_of(self, planned: "PlannedScan") -> "Progress":
        """Return what is told the steps of a scan, from whatever thread."""
        return functools.partial(self._step, planned)

    def scan_done(self, planned: "PlannedScan") -> None:
        """Count a scan as done, whatever became of it."""
        with self._lock:
            self._fractions.pop(planned.path, None)
            self._finished += 1
            self._show(f"{self._finished} of {self._scans} scans done")

    def _step(self, planned: "PlannedScan", step: str, done: int, total: int) -> None:
        called, begins, fraction = STEPS[step]
        with self._lock:
            self._fractions[planned.path] = begins + fraction * done / total
            slices = f", slice {done} of {total}" if total > 1 else ""
            self._show(f"{planned.outputs.name}: {called}{slices}")

    def _show(self, description: str) -> None:
        self._bar.n = self._finished + sum(self._fractions.values())
        self._bar.set_description_str(description)
