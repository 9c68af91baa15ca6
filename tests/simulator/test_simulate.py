"""``simulate`` plays worlds, sums up, and says in one line how to replay what broke."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import structlog
from typer.testing import CliRunner

from batchcalls_simulator.cli import app


@pytest.fixture(autouse=True)
def default_logs() -> Iterator[None]:
    """The command silences the logs of the whole process; the next test has them back."""
    yield
    structlog.reset_defaults()


def test_worlds_that_hold_are_summed_up() -> None:
    """Seeds, calls, dials, crashes, virtual hours; exit code 0."""
    done = CliRunner().invoke(app, ["simulate", "--seeds", "2", "--first", "4"])
    assert done.exit_code == 0
    assert re.match(r"2 seeds, 0 failed; [1-9]\d* calls, [1-9]\d* dials,", done.stdout)


def test_the_log_of_a_world_can_be_read() -> None:
    """With ``--log``, every dial and every commit is a line."""
    done = CliRunner().invoke(app, ["simulate", "--seed", "4", "--log"])
    assert "0.000000 process 1" in done.stdout
    assert " dialed attempt_" in done.stdout
