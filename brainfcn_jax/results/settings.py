"""What all scans of one call share (no file is touched here)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SegmentationSettings:
    """How scans are segmented and which files are written.

    Attributes:
        model: the name of a shipped model; None: the default one, or `weights`.
        weights: the user's weight file; None: a shipped model is used.
        frame: the volume to take from 4D scans; None: they have only one.
        scheme: the code scheme of the references.
        overwrite: whether results that are there already are replaced.
        contrast: what the scans show, where the user says it; None: what their names say.
        views: how many slice directions each scan is seen from, 1 or 3.
        save_prob: whether a probability map of each tissue is written.
        save_uncertainty: whether the entropy map is written.
        brain_image: whether the scan, cut to the brain, is written.
        csv: whether each table is also written with commas.
        force: whether a scan is taken that looks like a label map.
        source_dataset: folder of the BIDS data set that the scans come from; None: they come
            from none.
    """

    model: str | None
    weights: str | None
    frame: int | None
    scheme: str
    overwrite: bool
    contrast: str | None = None
    views: int = 1
    save_prob: bool = False
    save_uncertainty: bool = False
    brain_image: bool = False
    csv: bool = False
    force: bool = False
    source_dataset: str | None = None
