"""`run_eval.py` that takes its time, for tests that stop it.

    python tests/faults/slow_segment.py SECONDS --volume=... --weights=...

Every scan but the first takes so many seconds more, in the thread that computes. It can be
interrupted even where it is started in the background, where shells have SIGINT ignored, and ends
with the process that started it.
"""

import signal
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.children import end_with_the_parent

from brainfcn_jax.commands import segment
from brainfcn_jax.inference.segmenter import Segmenter


def main() -> None:
    """Runs the command with all arguments but the first."""
    end_with_the_parent()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seconds = float(sys.argv.pop(1))
    labelled, label = 0, Segmenter.segment

    def slow_label(*arguments: Any, **options: Any) -> Any:
        nonlocal labelled
        time.sleep(seconds if labelled else 0)
        labelled += 1
        return label(*arguments, **options)

    with mock.patch.object(Segmenter, "segment", slow_label):
        segment.main()


if __name__ == "__main__":
    main()
