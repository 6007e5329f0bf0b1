"""Which slices of generated images make which batch (pure numpy): functions of seed and number.

Nothing is remembered between steps, so a run that is stopped and started again sees the same
batches as one that never stopped.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int


class Draw(NamedTuple):
    """One slice of the pool.

    Attributes:
        lane: place of its volume in the pool.
        volume: number of the volume, which is generated when it is first needed.
        place: which of the volume's chosen slices.
    """

    lane: int
    volume: int
    place: int


def draw(number: int, lanes: int, slices: int) -> Draw:
    """The slice that is generated image `number` of a run.

    The pool's `lanes` take turns. A lane reads its volume's `slices` one by one and goes on with
    a new volume. The lanes do so at different moments: a new volume is needed after every
    `slices` images, and a lane's first volume is read from further in, the later the lane.
    """
    lane, turn = number % lanes, number // lanes
    nth, place = divmod(turn + lane * slices // lanes, slices)
    return Draw(lane, nth * lanes + lane, place)


def shares(step: int, images: int, real_fraction: float) -> tuple[range, range]:
    """The numbers of the real and of the generated images of a step, each counted from 0.

    Of the first n images of a run, `floor(n * real_fraction)` are real.
    """
    before, after = (math.floor(n * real_fraction) for n in (step * images, (step + 1) * images))
    return range(before, after), range(step * images - before, (step + 1) * images - after)


def choose_slices(
    random: np.random.Generator,
    has_head: Bool[np.ndarray, " slice"],
    has_brain: Bool[np.ndarray, " slice"],
    count: int,
    brain_fraction: float,
) -> Int[np.ndarray, " count"]:
    """`count` slices that show a head, in random order; `brain_fraction` or more show brain.

    Where a volume has fewer than are asked for, some come more than once; in a volume without
    any head every slice may come.
    """
    brain, other = (
        random.permutation(np.flatnonzero(has_head & kind)) for kind in (has_brain, ~has_brain)
    )
    if not brain.size and not other.size:
        other = random.permutation(has_head.size)
    others = count if not brain.size else min(int((1 - brain_fraction) * count), other.size)
    picked = np.concatenate([np.resize(brain, count - others), np.resize(other, others)])
    return random.permutation(picked)
