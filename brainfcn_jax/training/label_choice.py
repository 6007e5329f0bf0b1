"""The labels that a run tells apart, and the codes that its label maps hold (input)."""

from pathlib import Path

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.file_checks import naming
from brainfcn_jax.labels import BRAIN, TISSUES, LabelTable, parsed_table
from brainfcn_jax.schemes import CodeScheme, scheme_for
from brainfcn_jax.training.settings import DataSettings, FinderGeneratorSettings, Settings


def labels_of(settings: Settings) -> LabelTable:
    """Return what the network of a run tells from the background.

    Raises:
        InputError: `data.label_table` cannot be read, or is no label table.
    """
    if isinstance(settings.generator, FinderGeneratorSettings):
        return BRAIN
    return labels_in_scans(settings.data)


def labels_in_scans(data: DataSettings) -> LabelTable:
    """Return the labels of the scans' label maps; raise InputError as `labels_of`."""
    return read_label_table(Path(data.label_table)) if data.label_table else TISSUES


def scheme_of(data: DataSettings) -> CodeScheme:
    """Return the codes of the scans' label maps; raise InputError as `labels_of`."""
    return scheme_for(data.scheme or None, labels_in_scans(data))


def read_label_table(path: Path) -> LabelTable:
    """Read a table of labels; raise InputError, which names the file, when it cannot be used."""
    with naming(path):
        try:
            text = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read as a label table: {error}") from error
        return parsed_table(text)
