"""A config read into settings, every key and what it says together checked (plain Python)."""

from ml_collections import ConfigDict

from brainfcn_jax.errors import UsageError
from brainfcn_jax.synthesis.recipes import ADULT_KINDS
from brainfcn_jax.text import first_few
from brainfcn_jax.training.settings import DataSettings, FinderGeneratorSettings, Settings
from brainfcn_jax.training.settings_reader import read_section


def settings_from_config(config: ConfigDict) -> Settings:
    """Return the settings that `config` holds, every key read and checked.

    Raises:
        UsageError: keys are unknown, values have the wrong type or make no sense; all that is
            wrong is named at once.
    """
    problems: list[str] = []
    settings = read_section(Settings, config.to_dict(), "", problems)
    if settings is not None:
        problems += [*_contradictions(settings), *_data_contradictions(settings.data)]
        problems += _generator_contradictions(settings)
    if settings is None or problems:
        raise UsageError("the config cannot be used: " + "; ".join(problems))
    return settings


def _contradictions(settings: Settings) -> list[str]:
    """Return rules about several keys that are broken."""
    network, training = settings.network, settings.training
    smallest, largest = settings.augmentation.scale_range
    warmup_steps = settings.optimizer.warmup_steps
    trained_axes = {settings.data.slice_axis, *settings.data.train_slice_axes}
    rules = {
        "network.start is 'model' and network.model_path names none, or the other way round": (
            (network.start == "model") == (network.model_path != "")
        ),
        "network.narrowing must be 1 where network.start is 'imagenet'": (
            network.narrowing == 1 or network.start != "imagenet"
        ),
        f"training.steps is {training.steps}, less than the {warmup_steps} steps of the warm-up; "
        f"give more, or --config.optimizer.warmup_steps={training.steps // 10} too": (
            warmup_steps <= training.steps
        ),
        "augmentation.scale_range must be two numbers, smallest first": smallest <= largest,
        "augmentation.mirror would turn sagittal slices front to back; set it to False": (
            not (settings.augmentation.mirror and trained_axes & {"sagittal", "all"})
        ),
        "training.images_per_microbatch must lie in 1..training.images_per_step": (
            training.images_per_microbatch <= training.images_per_step
        ),
    }
    return [rule for rule, kept in rules.items() if not kept]


def _data_contradictions(data: DataSettings) -> list[str]:
    """Return rules about the data section that are broken."""
    both = sorted(set(data.train) & set(data.validation))
    rules = {
        "data.root is empty; name the folder with --config.data.root=FOLDER": data.root != "",
        f"data.train and data.validation share {first_few(both)}": not both,
        f"data.train_subjects is {data.train_subjects}, but data.train names {len(data.train)}": (
            not data.train or data.train_subjects <= len(data.train)
        ),
        "data.contrasts is empty; name what the scans show": data.contrasts != (),
        f"data.train_slice_axes names {len(data.train_slice_axes)} axes for the "
        f"{len(data.train)} subjects in data.train": (
            len(data.train_slice_axes) in (0, len(data.train))
        ),
    }
    return [rule for rule, kept in rules.items() if not kept]


def _generator_contradictions(settings: Settings) -> list[str]:
    """Return rules about the generator section that are broken."""
    generator, data = settings.generator, settings.data
    if generator is None:
        return []
    both = sorted(set(generator.maps) & set(generator.held_out))
    rules = {
        f"generator.maps and generator.held_out share {first_few(both)}": not both,
        "data.label_table is for scans alone; a generator makes the seven tissues": (
            data.label_table == ""
        ),
        "generator.heads_root is for newborns and generator.kind 'brain'": (
            generator.kind not in ADULT_KINDS or not generator.heads_root
        ),
        "data.train and data.train_subjects choose scans, but generator.real_fraction is 0": (
            generator.real_fraction > 0 or not (data.train or data.train_subjects)
        ),
    }
    if isinstance(generator, FinderGeneratorSettings):
        plain = DataSettings()
        chosen = [
            key
            for key in ("equalise", "slice_axis", "train_slice_axes", "validation")
            if getattr(data, key) != getattr(plain, key)
        ]
        rules |= {
            f"data.{', data.'.join(chosen)}: generator.kind 'brain' cuts in all directions, "
            "equalises the head and has no validation; leave them as they are by default": (
                not chosen
            ),
            "generator.maps names newborns', in generator.newborns_root, which is empty": (
                not generator.maps or generator.newborns_root != ""
            ),
        }
    return [rule for rule, kept in rules.items() if not kept]
