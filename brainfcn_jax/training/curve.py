"""The picture of a run's measurements (output)."""

from pathlib import Path

from matplotlib.figure import Figure

from brainfcn_jax.runtime.atomic_files import new_file
from brainfcn_jax.training.measurements import Record


def draw_curve(records: list[Record], path: Path) -> None:
    """Draw loss and Dice against steps to a PNG."""
    with new_file(path, overwrite=True) as temporary:
        curve_figure(records).savefig(temporary, format="png", dpi=100)


def curve_figure(records: list[Record]) -> Figure:
    """Return loss against steps, and below it the Dice of validations if there are any."""
    losses = [(r["step"], r["loss"]) for r in records if "loss" in r]
    validations = [(r["step"], r["dice"], r["mean_dice"]) for r in records if "dice" in r]
    figure = Figure(figsize=(8, 6), layout="constrained")
    loss_axes, *others = figure.subplots(2 if validations else 1, sharex=True, squeeze=False).flat
    loss_axes.plot(*zip(*losses, strict=True) if losses else ((), ()))
    loss_axes.set(ylabel="loss of an image")
    if losses and min(loss for _, loss in losses) > 0:
        loss_axes.set_yscale("log")
    for dice_axes in others:
        for tissue in validations[-1][1]:
            points = [(step, dice[tissue]) for step, dice, _ in validations if tissue in dice]
            dice_axes.plot(*zip(*points, strict=True), marker=".", label=tissue)
        means = [(step, mean) for step, _, mean in validations]
        dice_axes.plot(*zip(*means, strict=True), "k--", label="mean")
        dice_axes.legend(ncols=4, fontsize="small")
        dice_axes.set(ylabel="validation Dice", ylim=(0, 1))
    figure.axes[-1].set(xlabel="step")
    return figure
