"""A peer's program does its errand."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from benchmarks.peers.program import running_program
from benchmarks.peers.trial import errand
from tests.benchmarks.peers.contenders import WORKS

PROGRAM = """
import json, subprocess, sys
assert json.loads(sys.stdin.readline())["up"] == 200
print("ready", flush=True)
assert sys.stdin.readline() == "go\\n"
print(json.dumps({"seconds": 1.5}), flush=True)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "program.log"


def test_a_program_does_its_errand_and_is_ended_with_its_own(log: Path) -> None:
    """What it started would hold its output open for half a minute."""
    command = (sys.executable, "-c", PROGRAM)
    with running_program(command, errand(WORKS[0], ""), log) as program:
        assert program.go() == {"seconds": 1.5}
        left_at = time.monotonic()
    assert time.monotonic() - left_at < 20


def test_a_program_that_ends_is_a_failure_with_its_last_words(log: Path) -> None:
    """Whoever reads the table wants to know why."""
    command = (sys.executable, "-c", "raise SystemExit('no database')")
    with (
        pytest.raises(RuntimeError, match="no database"),
        running_program(command, errand(WORKS[0], ""), log),
    ):
        pytest.fail("it isn't ready")
