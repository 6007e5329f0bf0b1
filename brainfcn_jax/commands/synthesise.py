"""Write examples of the images that the shipped models are trained on.

    python -m brainfcn_jax.commands.synthesise --source=FOLDER --kind=adult --out_dir=examples

--source holds the label maps: SynthSeg's training_seg_*.nii.gz with its T1 priors for 'adult',
tissue maps *_dseg.nii.gz (values 0..7) for 'newborn'; 'any_adult' and 'any_newborn' make scans of
any contrast of the same maps. For newborns --heads names SynthSeg's folder, from which the face,
eyes and neck come. Every example is a pair NAME.nii and NAME_dseg.nii.gz; examples.png shows them.
"""

from pathlib import Path

import numpy as np
from absl import flags

from brainfcn_jax.commands import runner
from brainfcn_jax.errors import OutputError, UsageError
from brainfcn_jax.imaging.choices import SLICE_AXES
from brainfcn_jax.imaging.slicing import volume_of
from brainfcn_jax.synthesis.recipes import ADULT_KINDS, RECIPES

_MOST_ON_SHEET = 12


def define_flags(values: flags.FlagValues) -> None:
    """Define the command's flags."""
    flags.DEFINE_string("source", None, "folder of the label maps", flag_values=values)
    flags.DEFINE_enum("kind", "adult", list(RECIPES), "whose heads", flag_values=values)
    flags.DEFINE_string(
        "heads", None, "adults' label maps to grow newborn heads with", flag_values=values
    )
    flags.DEFINE_list("names", [], "label maps to use; all when empty", flag_values=values)
    flags.DEFINE_enum(
        "slice_axis", "axial", list(SLICE_AXES), "slice direction", flag_values=values
    )
    flags.DEFINE_string("out_dir", None, "folder to write to", flag_values=values)
    flags.DEFINE_integer("count", 8, "examples to write", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("seed", 0, "decides what is drawn", lower_bound=0, flag_values=values)


def generate_command(values: flags.FlagValues) -> None:
    """Write the examples that the flags ask for."""
    runner.require(values, ["source", "out_dir"])
    if values.heads and values.kind in ADULT_KINDS:
        raise UsageError("--heads is for newborns; adults' maps hold whole heads")
    # Late, since these import jax: --help and wrong usage are answered at once.
    from brainfcn_jax.imaging.equalisation import equalise_volume
    from brainfcn_jax.synthesis.examples import save_example, save_sheet
    from brainfcn_jax.synthesis.generator import load_generator

    generator = load_generator(
        values.kind, values.source, values.slice_axis, values.heads, values.names
    )
    out_dir = Path(values.out_dir)
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{out_dir}' cannot be made: {error.strerror}") from error
    axis = SLICE_AXES[values.slice_axis]
    shown: list[tuple[np.ndarray, np.ndarray, str]] = []
    for index in range(values.count):
        made = generator.example(values.seed, index)
        stem = out_dir / f"{index:03d}_{made.name}"
        canonical_image, canonical_tissues = (
            volume_of(volume, axis) for volume in (made.image, made.tissues)
        )
        save_example(stem, canonical_image, canonical_tissues, generator.recipe.spacing_mm)
        runner.log(f"wrote '{stem}.nii' and its '_dseg.nii.gz'")
        if index < _MOST_ON_SHEET:
            shown.append((equalise_volume(made.image, "head"), made.tissues, stem.name))
    save_sheet(out_dir / "examples.png", shown)
    runner.log(f"wrote '{out_dir / 'examples.png'}'")


def main() -> None:
    """Run the command with the program's own arguments."""
    runner.run(define_flags, generate_command, __doc__)


if __name__ == "__main__":
    main()
