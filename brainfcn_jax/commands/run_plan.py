"""What a run of `brainfcn-eval` labels, and with which model."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from absl import flags

from brainfcn_jax.commands.runner import inform
from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.contrasts import KNOWN, contrasts_of, named_contrast, refuse_contrast
from brainfcn_jax.network.shipped_models import AUTO, DEFAULT_MODEL, model_for

if TYPE_CHECKING:
    from brainfcn_jax.cohort.steps import OpenModel
    from brainfcn_jax.results.scan_results import PlannedScan
    from brainfcn_jax.results.settings import SegmentationSettings


def plan_run(
    values: flags.FlagValues,
) -> tuple[list["PlannedScan"], "SegmentationSettings", "OpenModel"]:
    """Plans the scans and opens the model: the one asked for, or that for the scans' contrast.

    Raises:
        InputError: there are no scans of a contrast that the model knows.
        UsageError: the model does not know --contrast, a scan's name says another one, or the scans
            are for different models.
        WeightsError: the model cannot be used.
    """
    from brainfcn_jax.cohort.steps import open_model
    from brainfcn_jax.results.settings import SegmentationSettings

    settings = SegmentationSettings(
        None if values.model == AUTO else values.model,
        values.weights,
        values.frame,
        values.scheme,
        overwrite=values.overwrite,
        contrast=values.contrast,
        views=int(values.views),
        save_prob=values.save_prob,
        save_uncertainty=values.save_uncertainty,
        brain_image=values.brain_image,
        csv=values.csv,
        force=values.force,
        source_dataset=values.bids_dir,
    )
    asked_for = (values.contrast,) if values.contrast is not None else ()
    if settings.model is not None or settings.weights is not None:
        opened = open_model(settings)
        modality = opened.model.description.modality
        for contrast in asked_for:
            refuse_contrast(contrast, modality, f"--contrast={contrast}")
        return plan_scans(values, asked_for or contrasts_of(modality)), settings, opened
    scans = plan_scans(values, asked_for or KNOWN)
    said = {named_contrast(scan.path): scan.path for scan in scans}
    if asked_for and (others := said.keys() - {None, values.contrast}):
        other = others.pop()
        raise UsageError(
            f"--contrast={values.contrast}, and the name of '{said[other]}' says {other}; "
            "rename it if that is wrong, or leave --contrast out"
        )
    model = model_for(asked_for or said)
    if model != DEFAULT_MODEL:
        inform(
            values, f"note: the model is {model}, by the contrast of the scans; it is for adults"
        )
    settings = dataclasses.replace(settings, model=model)
    return scans, settings, open_model(settings)


def plan_scans(values: flags.FlagValues, contrasts: Sequence[str]) -> list["PlannedScan"]:
    """Plans scans, their references and results side by side; raises InputError, UsageError."""
    from brainfcn_jax.cohort.bids_dataset import find_bids_scans
    from brainfcn_jax.cohort.plan import plan_bids, plan_files
    from brainfcn_jax.cohort.scan_lists import expand_references, expand_volumes

    if values.bids_dir is not None:
        found, notes = find_bids_scans(
            values.bids_dir, contrasts, values.participant_label, values.session_label
        )
        scans = [str(scan.path) for scan in found]
    else:
        scans, notes = expand_volumes(values.volume, contrasts)
    for note in notes:
        inform(values, f"note: {note}")
    references = expand_references(values.reference, scans)
    if values.bids_dir is not None:
        return plan_bids(found, references, values.out_dir)
    return plan_files(scans, references, values.out_dir)
