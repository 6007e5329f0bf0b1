"""Fuzzes the readers, the weight file and the config for as long as it is told to.

    python tests/fuzzing/fuzz.py --inputs=100000 [--seed=0] [--seconds=60]
        [--targets=images,weights] [--findings=FOLDER]

Hypothesis makes the bytes that the targets of fuzz_targets.py turn into inputs, and shrinks what
fails. Each target runs in a process of its own with a limit of memory and of time for one input; a
process that dies or hangs is a finding, and the next one goes on. --seconds ends each target
sooner; another --seed tries other inputs. Prints, for each target, how many inputs were tried, in
what time, and the findings; ends with 1 when there are any. With --findings, the bytes of each are
kept as FOLDER/TARGET-NUMBER, and

    python tests/fuzzing/fuzz.py --replay=FOLDER/TARGET-NUMBER

tries them again, with a traceback.
"""

import argparse
import json
import mmap
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # what it shares with the tests lies there

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SHARES = {"images": 0.5, "weights": 0.1, "values": 0.25, "overrides": 0.15}
"""How the inputs are shared out among the targets."""

LONGEST_PROGRAM = 80
SECONDS_PER_INPUT = 30
SECONDS_OF_SILENCE = 120
BYTES_OF_MEMORY = 1024**3
"""What a target may take beyond what it has after its first input."""

BATCH = 200
MOST_FINDINGS = 20


class TookTooLong(BaseException):
    """One input ran into the limit of time; no `except Exception` may catch it."""


class Notes:
    """The input under way, kept in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(4096))
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 4096)

    def write(self, tried: int, data: bytes) -> None:
        """Notes the number of inputs tried and the one that comes now."""
        self._map[:12] = tried.to_bytes(8) + len(data).to_bytes(4)
        self._map[12 : 12 + len(data)] = data

    def read(self) -> tuple[int, bytes]:
        """What was noted last."""
        size = int.from_bytes(self._map[8:12])
        return int.from_bytes(self._map[:8]), bytes(self._map[12 : 12 + size])


def work(target_name: str, inputs: int, first_seed: int, seconds: float, folder: Path) -> None:
    """Tries inputs for so many seconds and prints each finding as a line of JSON."""
    from fuzzing.fuzz_targets import TARGETS

    target, notes = TARGETS[target_name], Notes(folder / "notes")
    target(b"", folder)
    end = time.monotonic() + seconds
    limit_memory()
    signal.signal(signal.SIGALRM, too_long)
    tried, failed = 0, b""
    known: set[Any] = set()

    def attempt(data: bytes) -> None:
        nonlocal tried, failed
        tried += 1
        notes.write(tried, data)
        signal.setitimer(signal.ITIMER_REAL, SECONDS_PER_INPUT)
        try:
            target(data, folder)
        except BaseException:
            failed = data
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    while tried < inputs and len(known) < MOST_FINDINGS and time.monotonic() < end:
        try:
            batch(attempt, min(BATCH, inputs - tried), first_seed + tried)
        except (Exception, TookTooLong) as error:
            what = " ".join(traceback.format_exception_only(error)[0].split())[:300]
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(where.filename).name}:{where.lineno}"
            if (type(error), place) not in known:
                known.add((type(error), place))
                print(json.dumps({"what": f"{what} ({place})", "data": failed.hex()}), flush=True)


def batch(attempt: Callable[[bytes], None], inputs: int, first_seed: int) -> None:
    """One run of Hypothesis."""

    @seed(first_seed)
    @settings(
        max_examples=inputs,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.binary(max_size=LONGEST_PROGRAM))
    def run(data: bytes) -> None:
        attempt(data)

    run()


def limit_memory() -> None:
    """Makes requests for far more memory than is used now fail."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + BYTES_OF_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def too_long(*_: Any) -> None:
    """What the alarm does."""
    raise TookTooLong


def supervise(
    target: str, inputs: int, first_seed: int, seconds: float, folder: Path
) -> dict[str, Any]:
    """Has the inputs tried by processes, a new one for each that dies."""
    notes = Notes(folder / "notes")
    tried, began = 0, time.monotonic()
    findings: list[Any] = []
    cpu_before = resource.getrusage(resource.RUSAGE_CHILDREN)
    left = seconds
    while tried < inputs and len(findings) < MOST_FINDINGS and left > 0:
        notes.write(0, b"")
        arguments = [target, inputs - tried, first_seed + tried, left, folder]
        process = subprocess.Popen(
            [sys.executable, __file__, "--worker", *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
        )
        died = watch(process, notes)
        assert process.stdout is not None
        findings += map(json.loads, process.stdout.read().splitlines())
        tried_now, data = notes.read()
        tried += tried_now
        left = seconds - (time.monotonic() - began)
        if not died:
            break
        findings.append({"what": died, "data": data.hex()})
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "tried": tried,
        "findings": findings,
        "seconds": time.monotonic() - began,
        "cpu_seconds": cpu.ru_utime + cpu.ru_stime - cpu_before.ru_utime - cpu_before.ru_stime,
    }


def watch(process: subprocess.Popen[str], notes: Notes) -> str:
    """Waits for a worker; how it died, or "" when it ended as it should."""
    last, since = notes.read(), time.monotonic()
    while process.poll() is None:
        time.sleep(0.5)
        if notes.read() != last:
            last, since = notes.read(), time.monotonic()
        if time.monotonic() - since > SECONDS_OF_SILENCE:
            process.kill()
            process.wait()
            return f"hangs for over {SECONDS_OF_SILENCE} s"
    code = process.returncode
    return "" if code == 0 else f"dies with {signal.Signals(-code).name if code < 0 else code}"


def main() -> int:
    """Fuzzes what the flags say, or is one of the processes that do; gives the exit code."""
    flags = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    flags.add_argument("--inputs", type=int, default=100_000)
    flags.add_argument("--seed", type=int, default=0)
    flags.add_argument("--seconds", type=float, default=float("inf"))
    flags.add_argument("--targets", default=",".join(SHARES))
    flags.add_argument("--findings", type=Path)
    flags.add_argument("--replay", type=Path)
    flags.add_argument("--worker", nargs=5, help=argparse.SUPPRESS)
    given_flags = flags.parse_args()
    if given_flags.worker:
        target, inputs, first_seed, seconds, folder = given_flags.worker
        work(target, int(inputs), int(first_seed), float(seconds), Path(folder))
        return 0
    if given_flags.replay:
        return replay(given_flags.replay)
    chosen = given_flags.targets.split(",")
    whole = sum(SHARES[target] for target in chosen)
    found = 0
    for target in chosen:
        inputs = round(given_flags.inputs * SHARES[target] / whole)
        with TemporaryDirectory() as folder:
            seconds = given_flags.seconds
            result = supervise(target, inputs, given_flags.seed, seconds, Path(folder))
        rate = result["tried"] / result["cpu_seconds"]
        print(
            f"{target}: {result['tried']} inputs in {result['seconds']:.0f} s "
            f"({result['cpu_seconds']:.0f} s of one core, {rate:.0f} inputs/s), "
            f"{len(result['findings'])} findings",
            flush=True,
        )
        for number, finding in enumerate(result["findings"]):
            print(f"  {finding['what']}\n    bytes {finding['data']}", flush=True)
            if given_flags.findings:
                given_flags.findings.mkdir(parents=True, exist_ok=True)
                kept = given_flags.findings / f"{target}-{given_flags.seed}-{number}"
                kept.write_bytes(bytes.fromhex(finding["data"]))
        found += len(result["findings"])
    return 1 if found else 0


def replay(path: Path) -> int:
    """Tries the bytes of a finding again."""
    from fuzzing.fuzz_targets import TARGETS

    with TemporaryDirectory() as folder:
        TARGETS[path.name.partition("-")[0]](path.read_bytes(), Path(folder))
    print("no surprise")
    return 0


if __name__ == "__main__":
    sys.exit(main())
