"""A generator of tiny heads for tests, which compiles nothing, and settings that go with it."""

from typing import Any

import numpy as np

from brainfcn_jax.synthesis.generator import GeneratedScan, Generator
from brainfcn_jax.synthesis.label_maps import LabelSource
from brainfcn_jax.synthesis.ranges import FieldOfView
from brainfcn_jax.synthesis.recipes import Recipe
from brainfcn_jax.training.settings import TissueGeneratorSettings

SHAPE = (16, 32, 32)


class TinyGenerator(Generator):
    """Noisy balls in balls: skin below, fluid, cortex and white matter above; from two maps."""

    def __init__(self) -> None:
        empty = np.zeros((1, 1, 1), np.uint16)
        self.sources = tuple(LabelSource(name, empty, 1.0) for name in ("a", "b"))
        self.recipe = Recipe(SHAPE, 1.5, 1.0, "axial", FieldOfView(brain_mm=(16.0, 16.0, 16.0)))

    def example(self, seed: int, index: int) -> GeneratedScan:
        """Scan number `index` of `seed`."""
        random = np.random.default_rng((seed, index))
        s, h, w = np.ogrid[:16, :32, :32]
        centre = 15.5 + random.uniform(-2, 2, 2)
        radius = np.sqrt((s - 8) ** 2 + (h - centre[0]) ** 2 + (w - centre[1]) ** 2)
        brain = np.ceil((10 - radius) / 2).clip(0, 3).astype(np.uint8)
        tissues = np.where(s < 6, 0, np.array([0, 7, 1, 3], np.uint8)[brain])
        image = np.where(radius < 12, 100 + 50 * tissues + random.uniform(0, 40, SHAPE), 0)
        name = self.sources[index % 2].name
        inside = np.isin(tissues, (1, 3))
        return GeneratedScan(name, image.astype(np.float32), tissues.astype(np.uint8), inside)


def generator_settings(**changes: Any) -> TissueGeneratorSettings:
    """Settings of a pool of three volumes, eight slices each."""
    values: dict[str, Any] = {
        "kind": "newborn",
        "shape": SHAPE,
        "volumes_in_pool": 3,
        "slices_per_volume": 8,
    }
    return TissueGeneratorSettings(**(values | changes))
