"""What is said of scans when they are done."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from brainfcn_jax.commands.runner import equipment

if TYPE_CHECKING:
    from brainfcn_jax.cohort.steps import OpenModel
    from brainfcn_jax.results.scan_results import Outcome

_ML_PER_MM3 = 1e-3


def equipment_line(opened: "OpenModel") -> str:
    """Returns what computes, and with which model; imports JAX."""
    weights = opened.provenance["Weights"]
    return f"{equipment()}, model '{weights['File']}' (SHA-256 {weights['SHA256'][:12]}...)"


def alarming_lines(outcome: "Outcome") -> Iterator[str]:
    """Gives why a scan failed, or why its labels may be wrong."""
    yield from outcome.trace
    if outcome.failure is not None:
        yield outcome.failure
    yield from (f"warning: '{outcome.planned.path}': {warning}" for warning in outcome.warnings)


def result_lines(outcome: "Outcome") -> Iterator[str]:
    """Gives what is worth knowing of a scan that did not fail: notes, files, verdict, volumes."""
    if outcome.failure is not None:
        return
    name = f"'{outcome.planned.path}'"
    yield from (f"{name}: {note}" for note in outcome.notes)
    if not outcome.skipped:
        yield f"{name} -> '{outcome.planned.outputs.label_map}'"
        yield from _verdict_lines(outcome)


def timing_line(outcome: "Outcome") -> str:
    """Returns the seconds that each step of a scan took."""
    steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in outcome.seconds.items())
    return f"'{outcome.planned.path}': seconds: {steps}"


def closing_line(outcomes: Sequence["Outcome"]) -> str:
    """Returns how many scans of a run ended how."""
    found = Counter(map(_ending, outcomes))
    counts = ", ".join(f"{found[end]} {end}" for end in ("PASS", "CHECK", "failed", "skipped"))
    return f"{len(outcomes)} scans: {counts}"


def to_be_checked(outcome: "Outcome") -> bool:
    """Whether a scan's verdict is CHECK, also where an earlier run gave it."""
    return outcome.summary is not None and outcome.summary.verdict == "CHECK"


def _ending(outcome: "Outcome") -> str:
    if outcome.failure is not None:
        return "failed"
    if outcome.skipped or outcome.summary is None:
        return "skipped"
    return outcome.summary.verdict


def _verdict_lines(outcome: "Outcome") -> Iterator[str]:
    """Gives the verdict and the volumes, then every reason for a CHECK."""
    summary = outcome.summary
    assert summary is not None
    ml = {name: mm3 * _ML_PER_MM3 for name, mm3 in summary.volumes_mm3.items()}
    name = f"'{outcome.planned.path}'"
    yield (
        f"{name}: {summary.verdict}, brain {ml['Brain']:.0f} ml, intracranial {ml['ICV']:.0f} ml; "
        f"look at '{outcome.planned.outputs.report}'"
    )
    yield from (f"{name}: CHECK, since {flag.reason}" for flag in summary.flags)
