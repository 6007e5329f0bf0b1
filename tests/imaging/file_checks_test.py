"""What nibabel would log is held back while a file is read, and only then and there."""

import contextlib
import logging
import threading

import pytest

from brainfcn_jax.errors import InputError
from brainfcn_jax.imaging.file_checks import naming

NIBABEL = logging.getLogger("nibabel.global")


def test_what_nibabel_logs_while_reading_is_held_back(caplog: pytest.LogCaptureFixture) -> None:
    with naming("scan.nii"):
        NIBABEL.warning("pixdim[0] is odd")
    assert not caplog.records


@pytest.mark.parametrize("fails", [False, True])
def test_two_readings_that_overlap_leave_nibabels_messages_on(
    caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    first, second = naming("a.nii"), naming("b.nii")
    second_began, first_ended = threading.Event(), threading.Event()

    def overlap() -> None:
        with contextlib.suppress(InputError), second:
            second_began.set()
            first_ended.wait(10)
            if fails:
                raise OSError("damaged")

    thread = threading.Thread(target=overlap)
    with first:
        thread.start()
        assert second_began.wait(10)
    first_ended.set()
    thread.join()
    NIBABEL.warning("of the user's own reading")
    assert [record.message for record in caplog.records] == ["of the user's own reading"]


def test_other_threads_log_while_a_file_is_read(caplog: pytest.LogCaptureFixture) -> None:
    thread = threading.Thread(target=lambda: NIBABEL.warning("of another thread"))
    with naming("scan.nii"):
        thread.start()
        thread.join()
    assert [record.message for record in caplog.records] == ["of another thread"]
