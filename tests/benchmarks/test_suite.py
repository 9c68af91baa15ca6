"""The suite, and its description."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.machine import machine
from benchmarks.suite import SUITE
from tests.house.tree import ROOT


def test_every_benchmark_is_explained() -> None:
    """The README has a section for each."""
    readme = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert [one.name for one in SUITE if f"### {one.name}\n" not in readme] == []


def test_an_unknown_row_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """With its name."""
    with pytest.raises(SystemExit):
        main(["--rows", "dispatch,dispatsch"])
    assert "dispatsch" in capsys.readouterr().err


def test_results_that_cannot_be_kept_are_refused_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole run takes most of an hour."""
    (tmp_path / "taken").touch()
    with pytest.raises(FileExistsError):
        main(["--rows", "pacing", "--quick", "--results", str(tmp_path / "taken")])
    assert capsys.readouterr().err == ""


def test_the_machine_is_described_without_its_name() -> None:
    """No host, no user, no path."""
    described = machine()
    assert {"cpus", "cpu", "python", "sqlite", "commit"} <= set(described)
    assert not any("/home" in str(value) for value in described.values())
