"""A peer's program does its errand."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.peers.program import running_program
from benchmarks.peers.trial import errand
from tests.benchmarks.peers.contenders import WORKS

PROGRAM = """
import json, sys
assert json.loads(sys.stdin.readline())["up"] == 200
print("ready", flush=True)
assert sys.stdin.readline() == "go\\n"
print(json.dumps({"seconds": 1.5}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "program.log"


def test_a_program_does_its_errand_and_is_ended(log: Path) -> None:
    """It would wait for ever."""
    command = (sys.executable, "-c", PROGRAM)
    with running_program(command, errand(WORKS[0], ""), log) as program:
        assert program.go() == {"seconds": 1.5}
        assert Path(f"/proc/{program.pid}").exists()
    assert not Path(f"/proc/{program.pid}").exists()


def test_a_program_that_ends_is_a_failure_with_its_last_words(log: Path) -> None:
    """Whoever reads the table wants to know why."""
    command = (sys.executable, "-c", "raise SystemExit('no database')")
    with (
        pytest.raises(RuntimeError, match="no database"),
        running_program(command, errand(WORKS[0], ""), log),
    ):
        pytest.fail("it isn't ready")
