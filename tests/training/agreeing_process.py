"""One of two processes that tell each other things, the second of which fails at the end.

python tests/training/agreeing_process.py HOST:PORT NUMBER
"""

import sys
from typing import Any

import numpy as np
import pytest
from absl import flags

from brainfcn_jax.commands.runner import exit_code
from brainfcn_jax.errors import UsageError, WeightsError
from brainfcn_jax.training.processes import (
    ProcessGroup,
    agree,
    from_first,
    is_first,
    joined,
    together,
)


def tell_each_other(values: flags.FlagValues) -> None:
    """Everything that processes tell each other, checked in each."""
    del values
    number = int(sys.argv[2])
    with joined(ProcessGroup(sys.argv[1], num_processes=2, process_id=number)):
        assert is_first() == (number == 0)
        expect_the_firsts_bits(number)
        agree("settings", {"a": 1})
        expect_a_difference(number)
        with together():
            pass
        with together():
            if number == 1:
                raise WeightsError("no 'wéights'")
        raise AssertionError("the first goes on alone")


def expect_the_firsts_bits(number: int) -> None:
    """The sign of zero, the smallest number and nan survive; so do plain numbers."""
    sent = np.array([[-0.0, 1e-45], [np.nan, np.inf]], np.float32)
    own: dict[str, Any] = {"array": sent, "count": 7, "mean": 0.1}
    if number == 1:
        own = {"array": np.zeros_like(sent), "count": 0, "mean": 0.0}
    found = from_first(own)
    assert np.asarray(found["array"]).tobytes() == sent.tobytes()
    assert (int(found["count"]), float(found["mean"])) == (7, 0.1)


def expect_a_difference(number: int) -> None:
    """Both see that they differ."""
    with pytest.raises(UsageError, match="processes 1 have other settings than process 0"):
        agree("settings", {"a": number})


if __name__ == "__main__":
    sys.exit(exit_code(lambda values: None, tell_each_other, "", sys.argv[:1]))
