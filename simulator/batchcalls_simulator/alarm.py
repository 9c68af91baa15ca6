"""One alarm clock for many sleepers.

``trio.sleep_until`` makes a cancel scope with a deadline, and wakes the sleeper by an exception
that is raised through all that it is in. A simulator that lives out thousands of calls a second
would spend more on that than the server on everything else. Here one task of the trio run
sleeps for all, and wakes each in its time.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

import trio
from trio.lowlevel import Abort, RunVar, Task

_SPARE: Final = 64
"""Fewer cancelled sleepers than these aren't worth a clean-up; nor are fewer than the others."""


@dataclass(slots=True)
class _Sleeper:
    task: Task | None
    """None once it was woken by a cancellation."""


class AlarmClock:
    """The alarm clock of one trio run."""

    def __init__(self) -> None:
        self._sleepers: list[tuple[float, int, _Sleeper]] = []
        self._ticket = count()
        self._cancelled = 0
        self._rings_at = math.inf
        self._sooner = trio.Event()

    def __repr__(self) -> str:
        return f"<AlarmClock {len(self)} asleep, the first until {self._rings_at}>"

    def __len__(self) -> int:
        """How many are remembered, some of them perhaps cancelled."""
        return len(self._sleepers)

    @trio.lowlevel.enable_ki_protection
    async def sleep_until(self, at: float) -> None:
        """As ``trio.sleep_until``."""
        sleeper = _Sleeper(trio.lowlevel.current_task())

        def abort(_: Any) -> Abort:
            sleeper.task = None
            self._forget_cancelled()
            return Abort.SUCCEEDED

        heapq.heappush(self._sleepers, (at, next(self._ticket), sleeper))
        if at < self._rings_at:
            self._sooner.set()
        await trio.lowlevel.wait_task_rescheduled(abort)

    async def run(self) -> None:
        """Wake sleepers as long as the trio run lasts."""
        while True:
            self._rings_at = self._sleepers[0][0] if self._sleepers else math.inf
            self._sooner = trio.Event()
            with trio.move_on_at(self._rings_at):
                await self._sooner.wait()
            self._wake(trio.current_time())

    def _wake(self, now: float) -> None:
        while self._sleepers and self._sleepers[0][0] <= now:
            _, _, sleeper = heapq.heappop(self._sleepers)
            if sleeper.task is None:
                self._cancelled -= 1
            else:
                trio.lowlevel.reschedule(sleeper.task)

    def _forget_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > max(_SPARE, len(self._sleepers) // 2):
            self._sleepers = [entry for entry in self._sleepers if entry[2].task is not None]
            heapq.heapify(self._sleepers)
            self._cancelled = 0


_CLOCK: Final[RunVar[AlarmClock]] = RunVar("alarm_clock")


def alarm_clock() -> AlarmClock:
    """The alarm clock of this trio run."""
    try:
        return _CLOCK.get()
    except LookupError:
        clock = AlarmClock()
        _CLOCK.set(clock)
        trio.lowlevel.spawn_system_task(clock.run)
        return clock


async def sleep_until(at: float) -> None:
    """Sleep until that moment of trio's clock; always a checkpoint."""
    await alarm_clock().sleep_until(at)
