"""What a run of `brainfcn-eval` labels, and with which model."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from absl import flags

from brainfcn_jax.commands.runner import inform
from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.contrasts import KNOWN, named_contrast
from brainfcn_jax.network.shipped_models import AUTO, DEFAULT_MODEL, weight_file
from brainfcn_jax.text import first_few

if TYPE_CHECKING:
    from brainfcn_jax.cohort.bookkeeping import Bookkeeping
    from brainfcn_jax.network.model_file import Model
    from brainfcn_jax.results.options import Analysis
    from brainfcn_jax.results.planned_scan import PlannedScan
    from brainfcn_jax.results.provenance import Provenance


def plan_run(values: flags.FlagValues) -> tuple[list["PlannedScan"], "Model", "Bookkeeping"]:
    """Plan the scans and load the model: the one asked for, or that for the scans' contrast.

    Raises:
        InputError: there are no scans of a contrast that the model knows.
        UsageError: the model does not know --contrast, its labels are not those that
            --scheme is about or fill no brain to cut out, or the scans are for different models.
        WeightsError: the model cannot be used.
    """
    from brainfcn_jax.cohort.bookkeeping import Bookkeeping
    from brainfcn_jax.cohort.one_scan import open_model
    from brainfcn_jax.results.options import Replacing, Wanted

    if values.weights is None and values.model == AUTO:
        scans = plan_scans(values, [values.contrast] if values.contrast else KNOWN)
        model, provenance = open_model(_analysis(values, _model_of(values, scans)))
    else:
        model, provenance = open_model(_analysis(values, values.model))
        known = model.description.contrasts
        if values.contrast is not None:
            model.description.refuse_contrast(values.contrast, f"--contrast={values.contrast}")
            known = (values.contrast,)
        scans = plan_scans(values, known)
    _refuse_brain_image(values, provenance)
    wanted = Wanted(
        probabilities=values.save_prob,
        uncertainty=values.save_uncertainty,
        brain_image=values.brain_image,
        csv=values.csv,
        source_dataset=values.bids_dir,
    )
    replacing = Replacing(overwrite=values.overwrite, resume=values.resume)
    return scans, model, Bookkeeping(provenance, wanted, replacing)


def plan_scans(values: flags.FlagValues, contrasts: Sequence[str]) -> list["PlannedScan"]:
    """Plan scans, their references and results side by side; raise InputError, UsageError."""
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


def _analysis(values: flags.FlagValues, model: str) -> "Analysis":
    from brainfcn_jax.results.options import Analysis

    return Analysis(
        model=None if model == AUTO else model,
        weights=values.weights,
        frame=values.frame,
        scheme=values.scheme,
        contrast=values.contrast,
        views=int(values.views),
        force=values.force,
    )


def _model_of(values: flags.FlagValues, scans: Sequence["PlannedScan"]) -> str:
    """Return the name of the model for the scans' contrasts; raise UsageError for two models."""
    named = [(scan.path, named_contrast(scan.path)) for scan in scans]
    for path, contrast in named:
        if values.contrast is not None and contrast not in (None, values.contrast):
            inform(
                values,
                f"note: '{path}' is taken as {values.contrast}, as --contrast says, although its "
                f"name says {contrast}",
            )
    model = Path(weight_file(None, None, [values.contrast or name for _, name in named])).stem
    if model != DEFAULT_MODEL:
        inform(
            values, f"note: the model is {model}, by the contrast of the scans; it is for adults"
        )
    return model


def _refuse_brain_image(values: flags.FlagValues, provenance: "Provenance") -> None:
    labels = provenance.description.labels
    if values.brain_image and not labels.fills_brain:
        raise UsageError(
            "--brain_image cuts a scan to its brain, and the model's labels "
            f"({first_few(labels.names)}) do not make one up; leave it out"
        )
