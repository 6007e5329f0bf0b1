"""The flags of `brainfcn-eval`."""

from absl import flags

from brainfcn_jax.commands.bids_app import LEVELS
from brainfcn_jax.grid import SLICE_AXES
from brainfcn_jax.labels import SCHEMES
from brainfcn_jax.models import DEFAULT_MODEL, SHIPPED_MODELS


def define_flags(values: flags.FlagValues) -> None:
    """Defines the command's flags."""
    values.set_gnu_getopt()  # BIDS Apps get flags behind other arguments
    _define_inputs(values)
    _define_work(values)
    _define_outputs(values)
    _define_cluster(values)
    _define_comparison(values)


def _define_inputs(values: flags.FlagValues) -> None:
    flags.DEFINE_multi_string(
        "volume",
        [],
        "scan to label: an image file, a folder of scans, a .txt list with one file a line, or "
        "'demo', a template brain that comes along; may be given several times",
        flag_values=values,
    )
    flags.DEFINE_string(
        "bids_dir",
        None,
        "BIDS data set whose T1w or T2w scans, by the model's modality, are labelled",
        flag_values=values,
    )
    flags.DEFINE_list(
        "participant_label",
        [],
        "participants of the BIDS data set to label, as 01,02; all unless given",
        flag_values=values,
    )
    flags.DEFINE_list(
        "session_label",
        [],
        "sessions of the BIDS data set to label, as pre,post; all unless given",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "analysis_level",
        "participant",
        LEVELS,
        "participant: label scans; group: only make the tables of all scans in --out_dir anew",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "frame", None, "volume of a 4D scan to label, from 0", lower_bound=0, flag_values=values
    )


def _define_work(values: flags.FlagValues) -> None:
    flags.DEFINE_enum(
        "model",
        None,
        list(SHIPPED_MODELS),
        f"model that ships with the package; {DEFAULT_MODEL} unless --weights is given",
        flag_values=values,
    )
    flags.DEFINE_string(
        "weights",
        None,
        "weight file of a network of your own, instead of --model",
        flag_values=values,
    )
    flags.DEFINE_multi_string(
        "reference",
        [],
        "labels to score against: one for each --volume, in the same order, or a .txt list of "
        "them, or the folder where they are called like the scans (sub-01_dseg.nii.gz)",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "scheme", "tissues", list(SCHEMES), "label codes of the references", flag_values=values
    )


def _define_outputs(values: flags.FlagValues) -> None:
    flags.DEFINE_string("out_dir", "out", "folder of the results", flag_values=values)
    flags.DEFINE_bool(
        "save_prob", False, "also write the probability map of each tissue", flag_values=values
    )
    flags.DEFINE_bool(
        "save_uncertainty",
        False,
        "also write how unsure each voxel's label is (entropy, 0 to 1)",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "resume",
        False,
        "go on with an earlier run: skip scans that are finished, if neither they nor the model "
        "nor the settings have changed since",
        flag_values=values,
    )
    flags.DEFINE_bool("overwrite", False, "replace results that exist", flag_values=values)
    flags.DEFINE_bool("version", False, "show the version and end", flag_values=values)


def _define_cluster(values: flags.FlagValues) -> None:
    flags.DEFINE_integer(
        "local_workers",
        None,
        "label with so many processes at once on this machine (needs the extra 'cluster')",
        lower_bound=1,
        flag_values=values,
    )
    flags.DEFINE_string(
        "scheduler",
        None,
        "label on a Dask cluster: its scheduler's address, tls://HOST:8786, or tcp:// in a network "
        "that you trust (needs the extra 'cluster')",
        flag_values=values,
    )
    for name, what in (
        ("tls_ca_file", "certificate of the authority"),
        ("tls_cert", "certificate of this program"),
        ("tls_key", "private key of this program"),
    ):
        flags.DEFINE_string(
            name, None, f"{what} for a tls:// scheduler, a PEM file", flag_values=values
        )


def _define_comparison(values: flags.FlagValues) -> None:
    flags.DEFINE_string(
        "prediction",
        None,
        "label no scans, but score label maps of any program: one, or a folder of them, against "
        "--reference, matched by name",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "prediction_scheme",
        None,
        list(SCHEMES),
        "label codes of --prediction, where they are not those of --scheme",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "slice_axis",
        "axial",
        list(SLICE_AXES),
        "direction of the slices in which --prediction's boundaries are measured",
        flag_values=values,
    )
