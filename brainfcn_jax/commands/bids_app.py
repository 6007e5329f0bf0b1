"""The way BIDS Apps are called, brought to the command's flags.

    brainfcn-eval BIDS_DIR OUT_DIR participant --participant-label 01 02
    brainfcn-eval --bids_dir=BIDS_DIR --out_dir=OUT_DIR --participant_label=01,02

mean the same.
"""

from collections.abc import Sequence

from absl import flags

from brainfcn_jax.errors import UsageError

LEVELS = ("participant", "group")

_TAKES_SEVERAL = frozenset({"--participant_label", "--session_label"})


def rewritten(argv: Sequence[str]) -> list[str]:
    """The arguments with "_" for "-" in flags' names, and labels joined by commas.

    The words after --participant_label, up to the next flag, are its labels.
    """
    words: list[str] = []
    waiting = [argv[0], *map(_underscored, argv[1:])]
    while waiting:
        word = waiting.pop(0)
        if word in _TAKES_SEVERAL:
            labels = []
            while waiting and not waiting[0].startswith("-"):
                labels.append(waiting.pop(0))
            word = f"{word}={','.join(labels)}"
        words.append(word)
    return words


def take_positional(values: flags.FlagValues, words: list[str]) -> None:
    """Puts BIDS_DIR, OUT_DIR and the level of analysis into the flags of these meanings.

    Raises:
        UsageError: other words than these three, or one of them given as a flag as well.
    """
    if len(words) != 3 or words[2] not in LEVELS:
        raise UsageError(
            f"unexpected arguments: {' '.join(words)}; scans are given with --volume, and a BIDS "
            "data set as BIDS_DIR OUT_DIR participant; --help shows how"
        )
    for name, word in zip(("bids_dir", "out_dir", "analysis_level"), words, strict=True):
        if values[name].present:
            raise UsageError(f"'{word}' and --{name} are both given; give one of them")
        values[name].parse(word)


def _underscored(word: str) -> str:
    if not word.startswith("--"):
        return word
    name, equals, value = word.partition("=")
    return "--" + name[2:].replace("-", "_") + equals + value
