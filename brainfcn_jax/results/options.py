"""What the user of a run chooses (no file is touched here)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Analysis:
    """How scans are read, segmented and scored.

    Attributes:
        model: the name of a shipped model; None: the default one, or `weights`.
        weights: the user's weight file; None: a shipped model is used.
        frame: the volume to take from 4D scans; None: they have only one.
        scheme: the code scheme of the references; None: the model's own labels.
        contrast: what the scans show, where the user says it; None: what their names say.
        views: how many slice directions each scan is seen from, 1 or 3.
        force: whether a scan is taken that looks like a label map.
    """

    model: str | None = None
    weights: str | None = None
    frame: int | None = None
    scheme: str | None = None
    contrast: str | None = None
    views: int = 1
    force: bool = False


@dataclass(frozen=True)
class Wanted:
    """What is written of each scan, beside what always is.

    Attributes:
        probabilities: a probability map of each label.
        uncertainty: the entropy map.
        brain_image: the scan, cut to the brain.
        csv: each table, also with commas.
        source_dataset: a link to this folder, the BIDS data set that the scans come from; None:
            they come from none.
    """

    probabilities: bool = False
    uncertainty: bool = False
    brain_image: bool = False
    csv: bool = False
    source_dataset: str | None = None


@dataclass(frozen=True)
class Replacing:
    """What may be replaced of results that are there.

    Attributes:
        overwrite: all of them.
        resume: what an earlier run wrote of scans that are unfinished, or changed since; the
            others are skipped.
    """

    overwrite: bool = False
    resume: bool = False
