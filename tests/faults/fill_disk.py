"""Fills the disk at every moment of labelling and of training, and looks at what is left.

    sudo python tests/faults/fill_disk.py [--points=16]

Two tiny scans are labelled, and a narrow network is trained for some steps, with all that is
written on a small disk in memory (tmpfs, which only root may mount) that has more and more room,
from none to what an undisturbed run needs. Each time the command must end with exit code 1, and a
line of its own say that no space is left (before it, orbax may show tracebacks of its threads);
every file with a final name must be whole, and a file of the user's as it was. With room on the
disk the same command must then end with the undisturbed run's result. Files that tell times are
compared as tests/faults/kill_segmenting.py does.

The commands run in this process. Prints a line for each amount of room and a summary; ends with 1
when anything was not as it should be, and with 2 where nothing can be mounted.
"""

import argparse
import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import jax

sys.path.insert(0, str(Path(__file__).parents[1]))  # what it shares with the tests lies there

from faults import kill_segmenting, kill_training
from support.tiny_scans import write_pairs

from brainfcn_jax.commands import runner, segment, train

DISK_KB = 65_536
PAGE_KB = 4
STEPS = 6
USERS = "mine.txt"
"""A file of the user's, beside the results."""

Command = Callable[[Path], int | None]
"""Runs a command that writes to a folder; its exit code, None after any other exception."""


class Disk:
    """A small disk in memory, whose room can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def mount(self) -> None:
        """Mounts it with much room; CalledProcessError where that is not allowed."""
        words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(self.folder)]
        subprocess.run(words, check=True, capture_output=True, text=True)
        (self.folder / "in_use").write_bytes(bytes(1024 * PAGE_KB))  # a size of 0 has no limit

    def unmount(self) -> None:
        """Takes it away, with all that is on it."""
        subprocess.run(["umount", "--lazy", str(self.folder)], check=False, capture_output=True)

    def used_kb(self) -> int:
        """How much is on it."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024

    def leave(self, room_kb: int) -> None:
        """Leaves so much room beside what is on it."""
        size = f"remount,size={self.used_kb() + room_kb}k"
        subprocess.run(["mount", "-o", size, str(self.folder)], check=True)


def main() -> int:
    """Fills the disk as often as the flags say; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=16, help="how many amounts of room")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        disk = Disk(folder / "disk")
        try:
            disk.mount()
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or error
            print(f"no disk can be mounted here ({str(reason).strip()}); run this as root")
            return 2
        try:
            wrong = try_labelling(folder, disk, flags.points)
            wrong += try_training(folder, disk, flags.points)
        finally:
            disk.unmount()
    for text in wrong:
        print(f"wrong: {text}")
    return 1 if wrong else 0


def try_labelling(folder: Path, disk: Disk, points: int) -> list[str]:
    """Labels with more and more room; what was not as it should be."""
    inputs = kill_segmenting.write_inputs(folder / "inputs", 2)
    before = kill_segmenting.digests(inputs)

    def label(out: Path) -> int | None:
        argv = ["run_eval.py", *kill_segmenting.labelling_flags(inputs, out)]
        return code_of(functools.partial(segment.exit_code, argv))

    wrong = try_command(
        "labelling",
        label,
        disk,
        points,
        kill_segmenting.result_of,
        kill_segmenting.half_files,
        users=lambda out: (out / USERS).write_text("mine"),
    )
    if kill_segmenting.digests(inputs) != before:
        wrong.append("a scan or the weights are not what they were")
    return wrong


def try_training(folder: Path, disk: Disk, points: int) -> list[str]:
    """Trains with more and more room; what was not as it should be."""
    scans = write_pairs(folder / "pairs", ("sub-01", "sub-02", "sub-03"))

    def run_training(run: Path) -> int | None:
        argv = ["run_train.py", *kill_training.training_flags(scans, run, STEPS)]
        define = functools.partial(train.define_flags, argv=argv)
        return code_of(lambda: runner.exit_code(define, train.train_command, "", argv))

    def half_files(run: Path, _: dict[str, object]) -> list[str]:
        return kill_training.half_files(run)

    return try_command("training", run_training, disk, points, kill_training.result_of, half_files)


def try_command(
    name: str,
    command: Command,
    disk: Disk,
    points: int,
    result_of: Callable[[Path], dict[str, object]],
    half_files: Callable[[Path, dict[str, object]], list[str]],
    users: Callable[[Path], object] = lambda _: None,
) -> list[str]:
    """Runs a command with more and more room; what was not as it should be.

    Args:
        name: of the command, for messages.
        command: is given a folder.
        disk: where the folder lies.
        points: how many amounts of room are tried.
        result_of: what a finished folder holds.
        half_files: what is wrong with a folder, given what a finished one holds.
        users: puts into the empty folder what is the user's.
    """
    place, log = disk.folder / name, disk.folder.with_name(f"{name}.log")
    wrong: list[str] = []
    used = disk.used_kb()
    place.mkdir()
    users(place)
    with said_in(log):
        code = command(place)
    assert code == 0, log.read_text()
    whole, needed = result_of(place), disk.used_kb() - used
    shutil.rmtree(place)
    for point in range(points + 1):
        room = needed * point // points
        place.mkdir()
        users(place)
        disk.leave(room)
        with said_in(log):
            code = command(place)
        said = log.read_text()
        complete = code == 0 and result_of(place) == whole
        found = [*half_files(place, whole), *improper(code, said, complete)]
        disk.leave(DISK_KB)
        with said_in(log):
            again = command(place)
        if again != 0:
            found.append(f"with room on the disk it ended with {again}: {log.read_text()[-2000:]}")
        elif result_of(place) != whole:
            found.append("with room on the disk it ended with another result")
        print(f"{name}, {room} of {needed} kB: exit code {code}, then {again}", flush=True)
        wrong += [f"{name} with {room} kB: {text}" for text in found]
        shutil.rmtree(place)
    return wrong


def improper(code: int | None, said: str, complete: bool) -> list[str]:
    """What is wrong with how a command ended; complete: it did all its work."""
    if code == 0:
        return [] if complete else ["it ended with 0 and without its work done"]
    wrong = [] if code == 1 else [f"it ended with {code}"]
    if not re.search(r"^\S+\.py: .*: No space left on device", said, re.MULTILINE):
        wrong.append("no line of its own says that the disk is full")
    return [f"{text}: {said[-3000:]}" for text in wrong]


def code_of(command: Callable[[], int]) -> int | None:
    """The command's exit code; None, and a traceback, for whatever else it raises."""
    try:
        return command()
    except Exception:
        traceback.print_exc()
        return None


@contextlib.contextmanager
def said_in(log: Path) -> Iterator[None]:
    """Puts all that this process says into a file, native libraries' words too."""
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(number) for number in (1, 2)]
    with log.open("w") as stream:
        for number in (1, 2):
            os.dup2(stream.fileno(), number)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)


if __name__ == "__main__":
    sys.exit(main())
