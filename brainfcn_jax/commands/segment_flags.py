"""The flags of `brainfcn-eval`."""

from collections.abc import Sequence

from absl import flags

from brainfcn_jax.commands import runner
from brainfcn_jax.errors import UsageError
from brainfcn_jax.imaging.choices import SLICE_AXES, VIEWS
from brainfcn_jax.imaging.contrasts import KNOWN
from brainfcn_jax.network.shipped_models import ANY_MODEL, AUTO, DEFAULT_MODEL, SHIPPED_MODELS
from brainfcn_jax.schemes import SCHEMES, TISSUE_SCHEME

LEVELS = ("participant", "group")

_TAKES_SEVERAL = frozenset({"--participant_label", "--session_label"})


def define_flags(values: flags.FlagValues) -> None:
    """Define the command's flags."""
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
        "scan to label: an image file, a folder of scans, a pattern ('scans/*/*_T1w.nii.gz'), a "
        ".txt list with one file a line, or 'demo', a template brain that comes along; may be "
        "given several times, or with several files behind it",
        flag_values=values,
    )
    flags.DEFINE_string(
        "bids_dir",
        None,
        "BIDS data set whose scans of one contrast are labelled (see --contrast)",
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
        AUTO,
        [AUTO, *SHIPPED_MODELS],
        f"model that ships with the package; {AUTO}: by the scans' names, {DEFAULT_MODEL} for T1w "
        f"and where they say nothing, {ANY_MODEL} for others; newborns' is never chosen by itself",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "contrast",
        None,
        list(KNOWN),
        "what the scans show where their names do not say it, and which scans of a folder or BIDS "
        f"data set are labelled; unless given, the first of {', '.join(KNOWN)} that is there and "
        "the model knows",
        flag_values=values,
    )
    flags.DEFINE_string(
        "weights",
        None,
        "weight file of a network of your own, instead of --model",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "views",
        "1",
        [str(number) for number in VIEWS],
        "slice directions that each scan is seen from; 3 takes three times as long, for models "
        "trained in all of them; thick slices are always seen as they were acquired",
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
        "scheme",
        None,
        list(SCHEMES),
        "label codes of the references, unless they are the model's own labels; for --prediction "
        f"{TISSUE_SCHEME.name} unless given",
        flag_values=values,
    )


def _define_outputs(values: flags.FlagValues) -> None:
    flags.DEFINE_string("out_dir", "out", "folder of the results", flag_values=values)
    flags.DEFINE_bool(
        "save_prob", False, "also write the probability map of each label", flag_values=values
    )
    flags.DEFINE_bool(
        "save_uncertainty",
        False,
        "also write how unsure each voxel's label is (entropy, 0 to 1)",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "brain_image",
        False,
        "also write the scan cut to the brain, 0 outside it, on its own grid",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "csv", False, "also write every table with commas, as .csv", flag_values=values
    )
    flags.DEFINE_bool(
        "resume",
        False,
        "go on with an earlier run: skip scans that are finished, if neither they nor the model "
        "nor the settings have changed since",
        flag_values=values,
    )
    flags.DEFINE_bool(
        "force", False, "also segment scans that look like label maps", flag_values=values
    )
    flags.DEFINE_bool(
        "fail_on_check",
        False,
        "end with exit code 4 when no scan failed and one has the verdict CHECK",
        flag_values=values,
    )
    flags.DEFINE_bool("overwrite", False, "replace results that exist", flag_values=values)
    runner.define_detail_flags(
        values, "what computes, with which model, and the seconds of each step"
    )
    flags.DEFINE_bool("list_models", False, "show the models and end", flag_values=values)


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
        "label codes of --prediction, where no sidecar tells them; those of --scheme unless given",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "slice_axis",
        "axial",
        list(SLICE_AXES),
        "direction of the slices in which --prediction's boundaries are measured",
        flag_values=values,
    )


def rewritten(argv: Sequence[str]) -> list[str]:
    """Return the arguments with "_" for "-" in flags' names, and labels joined by commas.

    The words after --participant_label, up to the next flag, are its labels.
    """
    words: list[str] = []
    waiting = [argv[0], *map(_underscored, argv[1:])]
    while waiting:
        word = waiting.pop(0)
        if word in _TAKES_SEVERAL:
            labels = []
            while waiting and not waiting[0].startswith("-"):
                labels.append(waiting.pop(0))
            word = f"{word}={','.join(labels)}"
        words.append(word)
    return words


def take_positional(values: flags.FlagValues, words: list[str]) -> None:
    """Put BIDS_DIR, OUT_DIR and the level of analysis, or further scans, into their flags.

    Behind --volume a shell puts all files that an unquoted pattern fits.

    Raises:
        UsageError: other words than these, or one of the three given as a flag as well.
    """
    if values.volume and words[-1] not in LEVELS:
        if values.reference:
            raise UsageError(
                f"it is not clear whether {words[0]} is a scan or a reference; write --volume= or "
                "--reference= before each file, or quote patterns"
            )
        for word in words:
            values["volume"].parse(word)
        return
    if len(words) != 3 or words[2] not in LEVELS:
        raise UsageError(
            f"unexpected arguments: {' '.join(words)}; scans are given with --volume, and a BIDS "
            "data set as BIDS_DIR OUT_DIR participant; --help shows how"
        )
    for name, word in zip(("bids_dir", "out_dir", "analysis_level"), words, strict=True):
        if values[name].present:
            raise UsageError(f"'{word}' and --{name} are both given; give one of them")
        values[name].parse(word)


def _underscored(word: str) -> str:
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value
