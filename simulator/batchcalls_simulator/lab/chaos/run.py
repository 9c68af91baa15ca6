"""One run: users at work, faults one after the other, then peace in which everything must end.

It returns evidence and judges nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from batchcalls.client import open_client
from batchcalls_simulator.lab.chaos.evidence import Evidence, read_database
from batchcalls_simulator.lab.chaos.processes import Processes
from batchcalls_simulator.lab.chaos.scenario import PlannedBatch, Scenario
from batchcalls_simulator.lab.chaos.stage import Stage
from batchcalls_simulator.lab.chaos.users import Users

_PEACE_S: Final = 120.0
"""How long the work that is left may take, once nothing fails any more; it takes seconds."""

Tell = Callable[[str], object]
"""Is given a line of progress."""


async def play(scenario: Scenario, folder: Path, *, tell: Tell) -> Evidence:
    """Run a scenario in ``folder``, which is empty, and gather what it leaves there.

    All processes have ended when this returns or raises.

    Raises:
      DidNotStart: a process can't be started.
    """
    async with Processes() as processes, trio.open_nursery() as nursery:
        stage = Stage(scenario, folder, processes, nursery)
        await stage.open()
        async with open_client(stage.address) as client:
            users = Users(client)
            await _act(scenario, stage, users, tell)
        await stage.close()
    details = stage.call_details()
    return Evidence(
        limits=scenario.limits,
        acknowledged=tuple(users.acknowledged),
        stored=read_database(stage.database),
        dials=details.dials,
        repeats=details.repeats,
        launches=stage.launches(),
        seen=tuple(reading.seen for reading in users.readings),
        mishaps=tuple(stage.mishaps),
    )


async def _act(scenario: Scenario, stage: Stage, users: Users, tell: Tell) -> None:
    began_s = time.monotonic()
    with trio.CancelScope() as act:
        async with trio.open_nursery() as nursery:
            for kills, fault in enumerate(scenario.faults):
                for planned in scenario.batches:
                    if planned.after_kills == kills:
                        nursery.start_soon(_use, planned, users)
                await stage.suffer(fault)
                after_s = time.monotonic() - began_s
                tell(
                    f"kill {kills + 1} of {len(scenario.faults)} after {after_s:.1f} s:"
                    f" {fault.trouble}; {stage.dials} dials, {users.progress}"
                )
            act.deadline = trio.current_time() + _PEACE_S
    if act.cancelled_caught:
        stage.mishaps.append(f"after {_PEACE_S:g} s of peace, {users.progress}")


async def _use(planned: PlannedBatch, users: Users) -> None:
    await trio.sleep(planned.after_s)
    await users.use(planned)
