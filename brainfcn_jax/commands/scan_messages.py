"""What is said of scans when they are done."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import brainfcn_jax

if TYPE_CHECKING:
    from brainfcn_jax.cohort.run import Result
    from brainfcn_jax.cohort.steps import OpenModel
    from brainfcn_jax.results.case import Outcome

_ML_PER_MM3 = 1e-3


def equipment_line(opened: "OpenModel") -> str:
    """Returns what computes, and with which model; imports JAX."""
    import jax

    device = jax.devices()[0]
    weights = opened.provenance["Weights"]
    return (
        f"brainfcn_jax {brainfcn_jax.__version__}, JAX {jax.__version__} on {device.device_kind}, "
        f"model '{weights['File']}' (SHA-256 {weights['SHA256'][:12]}...)"
    )


def alarming_lines(result: "Result") -> Iterator[str]:
    """Gives why a scan failed, or why its labels may be wrong."""
    outcome = result.outcome
    yield from result.trace
    if outcome.failure is not None:
        yield outcome.failure
    yield from (f"warning: '{outcome.case.volume}': {warning}" for warning in outcome.warnings)


def result_lines(result: "Result") -> Iterator[str]:
    """Gives what is worth knowing of a scan that did not fail: notes, files, verdict, volumes."""
    outcome = result.outcome
    if outcome.failure is not None:
        return
    name = f"'{outcome.case.volume}'"
    yield from (f"{name}: {note}" for note in outcome.notes)
    if not result.skipped:
        yield f"{name} -> '{outcome.case.outputs.label_map}'"
        yield from _verdict_lines(outcome)


def timing_line(outcome: "Outcome") -> str:
    """Returns the seconds that each step of a scan took."""
    steps = ", ".join(f"{step} {seconds:.1f}" for step, seconds in outcome.seconds.items())
    return f"'{outcome.case.volume}': seconds: {steps}"


def closing_line(results: Sequence["Result"]) -> str:
    """Returns how many scans of a run ended how."""
    found = Counter(map(_ending, results))
    counts = ", ".join(f"{found[end]} {end}" for end in ("PASS", "CHECK", "failed", "skipped"))
    return f"{len(results)} scans: {counts}"


def _ending(result: "Result") -> str:
    if result.outcome.failure is not None:
        return "failed"
    if result.skipped or result.outcome.quality is None:
        return "skipped"
    return result.outcome.quality.verdict


def _verdict_lines(outcome: "Outcome") -> Iterator[str]:
    """Gives the verdict and the volumes, then every reason for a CHECK."""
    quality = outcome.quality
    assert quality is not None
    ml = {row.abbreviation: row.volume_mm3 * _ML_PER_MM3 for row in outcome.volumes}
    name = f"'{outcome.case.volume}'"
    yield (
        f"{name}: {quality.verdict}, brain {ml['Brain']:.0f} ml, intracranial {ml['ICV']:.0f} ml; "
        f"look at '{outcome.case.outputs.report}'"
    )
    yield from (f"{name}: CHECK, since {flag.reason}" for flag in quality.flags)
