"""How a model was trained, as rows of a short table, from what its weight file says (input)."""

import json
from collections.abc import Mapping
from typing import Any

Rows = list[tuple[str, str]]

_STARTS = {
    "model": "another trained model",
    "imagenet": "VGG16 trained on ImageNet",
    "random": "random numbers",
}
_SETTING_ROWS = {
    "images made from label maps of": "generator.kind",
    "label maps held out": "generator.held_out",
    "real scans among the images": "generator.real_fraction",
    "loss": "training.loss",
    "optimizer": "optimizer.name",
    "learning rate": "optimizer.learning_rate",
    "its schedule": "optimizer.schedule",
    "warm-up steps": "optimizer.warmup_steps",
    "turned by up to (degrees)": "augmentation.rotation_degrees",
    "scaled by": "augmentation.scale_range",
    "mirrored": "augmentation.mirror",
    "of another contrast": "augmentation.remapped_fraction",
    "precision": "network.precision",
    "seed": "seed",
}


def training_rows(training: str) -> Rows:
    """Return (what, value) rows of the training that a model's description tells of.

    `training` is `ModelDescription.training`: JSON with `steps`, `subjects` and `settings`, whose
    keys are those of a config with dots. What it lacks is left out; a text of another kind is
    returned whole, as the only row.
    """
    record = _parsed(training)
    if record is None:
        return [("training", training)]
    settings = record["settings"]
    rows = {
        "steps": record.get("steps"),
        "images in each step": settings.get("training.images_per_step"),
        "subjects": record.get("subjects"),
        "started from": _STARTS.get(str(settings.get("network.start"))),
        **{name: settings.get(key) for name, key in _SETTING_ROWS.items()},
    }
    return [(name, _words(value)) for name, value in rows.items() if value not in (None, [], "")]


def all_settings(training: str) -> Rows:
    """Return every setting of that training by its key; none where the text is of another kind."""
    record = _parsed(training)
    return [] if record is None else [(k, _words(v)) for k, v in record["settings"].items()]


def _parsed(training: str) -> Mapping[str, Any] | None:
    try:
        record = json.loads(training)
    except (ValueError, RecursionError):
        return None
    settings = record.get("settings") if isinstance(record, dict) else None
    known = isinstance(settings, dict) and all(map(_is_plain, settings.values()))
    return record if known else None


def _is_plain(value: object) -> bool:
    items = value if isinstance(value, list) else [value]
    return not any(isinstance(item, list | dict) for item in items)


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(_words, value)) if isinstance(value, list) else str(value)
