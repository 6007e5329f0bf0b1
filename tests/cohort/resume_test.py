"""What a run that goes on with an earlier one does with a scan."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from brainfcn_jax.cohort.resume import Todo, left_to_do
from brainfcn_jax.errors import OutputError
from brainfcn_jax.results.record import Record, file_state, output_states

REQUEST = {"version": "1"}
NOTHING_LEFT = Todo(needed=False)
ANEW = Todo(needed=True, replace=True)


class Example:
    """A scan with two results that the manifest knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out"
        self.folder.mkdir()
        self.scan = folder / "scan.nii"
        self.scan.write_text("scan")
        self.planned = [self.folder / "dseg", self.folder / "tsv"]
        for path in self.planned:
            path.write_text(path.name)
        self.record = Record(
            "done",
            {"scan": file_state(self.scan, "scan.nii")},
            REQUEST,
            outputs=output_states(self.folder, self.planned),
        )

    def left(self, *, overwrite: bool = False, request: dict[str, str] = REQUEST) -> Todo:
        """What is left to do of it."""
        scan = {"scan": self.scan}
        return left_to_do(self.record, scan, request, self.folder, self.planned, overwrite)


@pytest.fixture
def example(tmp_path: Path) -> Example:
    return Example(tmp_path)


def test_finished_and_unchanged_is_skipped(example: Example) -> None:
    assert example.left() == NOTHING_LEFT
    os.utime(example.scan, (1, 1))
    assert example.left() == NOTHING_LEFT  # touched, or copied, but with the same contents
    assert example.left(overwrite=True) == NOTHING_LEFT


def test_files_alone_prove_nothing(example: Example) -> None:
    example.record = replace(example.record, status="failed", outputs=())
    with pytest.raises(OutputError, match="dseg' exists already, and no run into"):
        example.left()
    for path in example.planned:
        path.unlink()
    assert example.left() == Todo(needed=True)


@pytest.mark.parametrize("text", ["sca2", "longer"])
def test_another_scan_is_labelled_anew(example: Example, text: str) -> None:
    example.scan.write_text(text)
    os.utime(example.scan, (1, 1))
    assert example.left() == ANEW


def test_another_request_is_labelled_anew(example: Example) -> None:
    assert example.left(request={"version": "2"}) == ANEW


def test_a_new_reference_is_a_reason_too(example: Example) -> None:
    example.record = replace(example.record, inputs={})
    assert example.left() == ANEW


def test_a_missing_result_is_made_again(example: Example) -> None:
    example.planned[1].unlink()
    assert example.left() == ANEW


def test_an_edited_result_is_kept_and_told(example: Example) -> None:
    example.planned[0].write_text("corrected by hand")
    left = example.left()
    assert not left.needed
    assert left.note == "kept as edited since: dseg"
    assert example.left(overwrite=True) == ANEW


def test_an_edited_result_is_never_replaced_unasked(example: Example) -> None:
    example.planned[0].write_text("corrected by hand")
    with pytest.raises(OutputError, match="dseg' was edited since"):
        example.left(request={"version": "2"})
    assert example.left(request={"version": "2"}, overwrite=True) == ANEW


def test_what_a_stopped_run_began_is_replaced_and_nothing_else(example: Example) -> None:
    example.record = Record("writing", {}, REQUEST, writing=("dseg", "tsv"))
    assert example.left() == ANEW
    example.record = Record("failed", {}, REQUEST, writing=("dseg",), failure="disk full")
    with pytest.raises(OutputError, match="tsv' exists already"):
        example.left()


def test_a_file_the_record_does_not_know_is_not_replaced(example: Example) -> None:
    example.planned.append(example.folder / "probseg")
    assert example.left() == NOTHING_LEFT
    example.planned[2].write_text("mine")
    with pytest.raises(OutputError, match="probseg' exists already"):
        example.left(request={"version": "2"})


def test_a_scan_that_is_gone_is_left_to_the_reader(example: Example) -> None:
    example.scan.unlink()
    assert example.left() == ANEW


def test_results_of_a_scan_of_another_name_are_not_replaced(example: Example) -> None:
    example.scan = example.scan.rename(example.scan.with_name("other.nii"))
    example.scan.write_text("another person")
    with pytest.raises(OutputError, match=r"was made of another scan, scan\.nii"):
        example.left()
    assert example.left(overwrite=True) == ANEW


@pytest.mark.parametrize("status", ["writing", "failed"])
def test_an_edited_result_outlives_a_run_that_was_stopped_before_it(
    example: Example, status: Literal["writing", "failed"]
) -> None:
    example.record = replace(example.record, status=status, writing=("tsv",))
    example.planned[1].write_text("half")
    assert example.left() == ANEW
    example.planned[0].write_text("corrected by hand")
    with pytest.raises(OutputError, match="dseg' was edited since"):
        example.left()


def test_another_model_is_refused_after_a_run_that_failed_too(example: Example) -> None:
    request = {**REQUEST, "weights_sha256": "a"}
    example.record = replace(example.record, status="failed", request=request)
    with pytest.raises(OutputError, match="made with another model"):
        example.left(request={**REQUEST, "weights_sha256": "b"})
