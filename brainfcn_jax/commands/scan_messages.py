"""What is said of scans when they are done."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from brainfcn_jax.commands.runner import equipment
from brainfcn_jax.measures.quality import OTHER_CONTRAST
from brainfcn_jax.measures.volumes import BRAIN_ABBREVIATION, INTRACRANIAL_ABBREVIATION
from brainfcn_jax.results.paths import LABEL_MAP, SCAN_PAGE
from brainfcn_jax.text import first_few

if TYPE_CHECKING:
    from brainfcn_jax.cohort.outcome import Outcome
    from brainfcn_jax.results.provenance import Provenance

_ML_PER_MM3 = 1e-3


def equipment_line(provenance: "Provenance") -> str:
    """Return what computes, and with which model; imports JAX."""
    weights = provenance.weights
    return f"{equipment()}, model '{weights.name}' (SHA-256 {weights.sha256[:12]}...)"


def alarming_lines(outcome: "Outcome") -> Iterator[str]:
    """Yield why a scan failed, or that it is not what its name, its model or the user says."""
    yield from outcome.trace
    if outcome.failure is not None:
        yield outcome.failure
    yield from _check_lines(outcome, of_contrast=True)


def result_lines(outcome: "Outcome") -> Iterator[str]:
    """Yield what is worth knowing of a scan that did not fail: notes, files, verdict, volumes."""
    if outcome.failure is not None:
        return
    name = f"'{outcome.planned.path}'"
    yield from (f"{name}: {note}" for note in outcome.notes)
    if not outcome.skipped:
        yield f"{name} -> '{outcome.planned.outputs.file(LABEL_MAP)}'"
        yield from _verdict_lines(outcome)


def timing_line(outcome: "Outcome") -> str:
    """Return the seconds that each step of a scan took."""
    steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in outcome.seconds.items())
    return f"'{outcome.planned.path}': seconds: {steps}"


def closing_line(outcomes: Sequence["Outcome"]) -> str:
    """Return how many scans of a run ended how."""
    found = Counter(map(_ending, outcomes))
    counts = ", ".join(f"{found[end]} {end}" for end in ("PASS", "CHECK", "failed", "skipped"))
    return f"{len(outcomes)} scans: {counts}"


def to_be_checked(outcome: "Outcome") -> bool:
    """Return whether a scan's verdict is CHECK, also where an earlier run gave it."""
    return outcome.summary is not None and outcome.summary.verdict == "CHECK"


def _ending(outcome: "Outcome") -> str:
    if outcome.failure is not None:
        return "failed"
    if outcome.skipped or outcome.summary is None:
        return "skipped"
    return outcome.summary.verdict


def _verdict_lines(outcome: "Outcome") -> Iterator[str]:
    """Yield the verdict and the volumes, then the reasons for a CHECK."""
    summary = outcome.summary
    assert summary is not None
    ml = {name: f"{mm3 * _ML_PER_MM3:.0f} ml" for name, mm3 in summary.volumes_mm3.items()}
    if BRAIN_ABBREVIATION in ml:
        found = f"brain {ml[BRAIN_ABBREVIATION]}, intracranial {ml[INTRACRANIAL_ABBREVIATION]}"
    else:
        found = first_few([f"{name} {ml[name]}" for name in summary.colours])
    name = f"'{outcome.planned.path}'"
    page = outcome.planned.outputs.file(SCAN_PAGE)
    yield f"{name}: {summary.verdict}, {found}; look at '{page}'"
    yield from _check_lines(outcome, of_contrast=False)


def _check_lines(outcome: "Outcome", of_contrast: bool) -> Iterator[str]:
    """Yield the reasons for a CHECK that are, or are not, about the contrast."""
    for flag in outcome.summary.flags if outcome.summary and not outcome.skipped else ():
        if (flag.name == OTHER_CONTRAST) == of_contrast:
            yield f"'{outcome.planned.path}': CHECK, since {flag.reason}"
