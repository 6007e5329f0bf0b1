"""What is said where the compiled kernels are missing."""

import platform
import sys
from pathlib import Path

import pytest

from brainfcn_jax.network import kernels


@pytest.mark.parametrize(
    ("system", "machine", "times"),
    [
        ("linux", "x86_64", 1),
        ("darwin", "arm64", 1),
        ("win32", "AMD64", 0),
        ("linux", "riscv64", 0),
    ],
)
def test_missing_kernels_are_told_once_and_only_where_they_can_be_built(
    system: str, machine: str, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(kernels, "warn", said.append)
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "__init__.py"))
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    kernels._warn_of_missing.cache_clear()
    assert [kernels._load.__wrapped__(name, ()) for name in ("_vector", "_tiles")] == [None] * 2
    kernels._warn_of_missing.cache_clear()
    assert len(said) == times
