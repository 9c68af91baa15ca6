"""One server process of a simulated world: it lives until it crashes.

A crash takes away all that the process holds in memory, at any await: every task of it is
cancelled, and from that moment nothing that it still does is seen outside, since disk and
phones serve only the living. What it had committed, and the calls that are up, remain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

import trio

from batchcalls_simulator.lab.faults import Doom, Moment

_TIMED = {Moment.TIME, Moment.DRAIN}

_MAX_STEPS: Final = 200_000
"""The steps of all tasks of a server: a busy one takes some ten thousands."""


class Process:
    """The life of one server; ``scope`` holds all of its tasks.

    ``number`` counts the servers of a world from 1. ``doom`` says how it ends (default: never).
    """

    def __init__(self, number: int, doom: Doom | None = None) -> None:
        self.number = number
        self.doom = doom
        self.alive = True
        self.scope = trio.CancelScope()
        self._passed = 0

    def __repr__(self) -> str:
        state = "alive" if self.alive else "dead"
        return f"<Process {self.number} {state}, doom={self.doom}>"

    def spare(self) -> None:
        """The faults are over: it lives on."""
        self.doom = None

    def crash(self) -> None:
        """Die now."""
        self.alive = False
        self.scope.cancel()

    async def passes(self, moment: Moment) -> None:
        """Come by such a moment; the doomed and the dead never come back from it."""
        if not self.survives(moment):
            await self._never()

    def step(self) -> None:
        """One of its tasks has run for a step."""
        self.survives(Moment.STEP)

    def survives(self, moment: Moment) -> bool:
        """Whether it lives on behind such a moment, where it can't stop; the dead don't."""
        if self.alive and self._is_last(moment):
            self.crash()
        return self.alive

    async def reach_its_time(self) -> Moment:
        """Wait for a doom that comes by the clock, and return which; crash nothing yet."""
        doom = self.doom
        if doom is not None and doom.moment in _TIMED:
            await trio.sleep(doom.count)
            if self.doom is doom:  # else it was spared meanwhile
                return doom.moment
        return await self._never()

    def _is_last(self, moment: Moment) -> bool:
        if self.doom is None or self.doom.moment is not moment:
            return False
        self._passed += 1
        return self._passed >= self.doom.count

    async def _never(self) -> NoReturn:
        await trio.sleep_forever()
        raise AssertionError("nobody wakes the dead")


class StepCounter(trio.abc.Instrument):
    """Counts the steps of every task, so that a server can die at any await.

    It calls ``spinning`` when there were far more than a world takes: the server is busy with
    nothing, and a virtual clock would wait for it for ever.
    """

    def __init__(self, process: Process, spinning: Callable[[], None]) -> None:
        self._process = process
        self._spinning = spinning
        self._steps = 0

    def after_task_step(self, _task: trio.lowlevel.Task) -> None:
        """Called by trio behind each step of each task."""
        self._process.step()
        self._steps += 1
        if self._steps == _MAX_STEPS:
            self._spinning()
