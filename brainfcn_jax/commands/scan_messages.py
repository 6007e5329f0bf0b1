"""What is said of scans when they are done."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brainfcn_jax.cohort.run import Result
    from brainfcn_jax.results.case import Outcome

_ML_PER_MM3 = 1e-3


def scan_lines(result: "Result") -> Iterator[str]:
    """Gives what became of a scan, in lines: its failure, or warnings, files and verdict."""
    outcome = result.outcome
    name = f"'{outcome.case.volume}'"
    yield from result.trace
    if outcome.failure is not None:
        yield outcome.failure
        return
    yield from (f"warning: {name}: {warning}" for warning in outcome.warnings)
    yield from (f"{name}: {note}" for note in outcome.notes)
    if not result.skipped:
        yield f"{name} -> '{outcome.case.outputs.label_map}'"
        yield from _verdict_lines(outcome)


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
