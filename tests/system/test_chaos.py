"""The short form of ``make chaos``: real processes, killed a few times, and the same verdict."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from batchcalls.core.model import Outcome
from batchcalls_simulator.chaos.processes import CAN_FILL_DISKS
from batchcalls_simulator.chaos.run import play
from batchcalls_simulator.chaos.scenario import Trouble, draw
from batchcalls_simulator.chaos.verdict import judge

SEED = 14
KILLS = 3


def test_the_scenario_has_the_troubles_that_find_most() -> None:
    """The server is killed while its carrier is dead, and while its disk is full."""
    faults = {fault.trouble: fault for fault in draw(SEED, kills=KILLS).faults}
    assert {Trouble.CARRIER_DIES, Trouble.DISK_FULL, Trouble.CARRIER_FREEZES} == faults.keys()
    assert not faults[Trouble.CARRIER_DIES].healed_first
    assert not faults[Trouble.DISK_FULL].healed_first


@pytest.mark.skipif(not CAN_FILL_DISKS, reason="limits of another process: Linux only")
async def test_no_promise_is_broken_by_kills(tmp_path: Path) -> None:
    """Whatever dies when, phones, database and users agree, and everything ends."""
    evidence = await play(draw(SEED, kills=KILLS), tmp_path, tell=sys.stdout.write)
    assert judge(evidence) == []
    outcomes = {
        attempt.outcome
        for one in evidence.stored
        for call in one.calls
        for attempt in call.attempts
    }
    assert Outcome.UNKNOWN in outcomes, "nothing was under way when the server was killed"
