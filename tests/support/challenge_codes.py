"""Label maps in a challenge's own codes, as its references have them."""

import numpy as np
from jaxtyping import UInt8

from brainfcn_jax.schemes import CodeScheme

CODES_OF_TISSUES = {
    "tissues": (0, 1, 2, 3, 4, 5, 6, 7),
    "mrbrains13": (0, 1, 2, 3, 8, 7, 6, 5),
    "mrbrains13_testing": (0, 2, 2, 3, 0, 0, 1, 1),
    "neobrains12": (0, 7, 3, 5, 6, 1, 4, 8),
}
"""The code of each tissue, 0 to 7, by the scheme's name."""


def challenge_codes(
    tissues: UInt8[np.ndarray, "*shape"], scheme: CodeScheme
) -> UInt8[np.ndarray, "*shape"]:
    """The scheme's code of every tissue."""
    return np.array(CODES_OF_TISSUES[scheme.name], np.uint8)[tissues]
