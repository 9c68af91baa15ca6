"""One alarm clock for many sleepers.

``trio.sleep_until`` makes a cancel scope with a deadline, and wakes the sleeper by an exception
that is raised through all that it is in. A simulator that lives out thousands of calls a second
would spend more on that than the server on everything else. Here one task of the trio run
sleeps for all, and wakes each in its time, or sooner where somebody rouses it.
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
"""Fewer naps that ended early aren't worth a clean-up; nor are fewer than there are others."""


@dataclass(slots=True)
class _Nap:
    task: Task | None
    """Who is to be woken; None once they were."""


class Sleeper:
    """Who sleeps, again and again, until somebody rouses them for good."""

    __slots__ = ("_is_roused", "_nap")

    def __init__(self) -> None:
        self._is_roused = False
        self._nap: _Nap | None = None

    def __repr__(self) -> str:
        return f"<Sleeper {'roused' if self._is_roused else self._nap}>"

    async def sleep_until(self, at: float) -> bool:
        """Sleep until that moment of trio's clock; False when roused. Always a checkpoint."""
        if self._is_roused:
            await trio.lowlevel.checkpoint()
        else:
            self._nap = _Nap(trio.lowlevel.current_task())
            await alarm_clock().sleep_until(at, self._nap)
        return not self._is_roused

    def rouse(self) -> None:
        """Wake the sleeper, now and whenever they would sleep again. Idempotent."""
        self._is_roused = True
        if self._nap is not None:
            alarm_clock().rouse(self._nap)


class AlarmClock:
    """The alarm clock of one trio run."""

    def __init__(self) -> None:
        self._naps: list[tuple[float, int, _Nap]] = []
        self._ticket = count()
        self._over = 0
        self._rings_at = math.inf
        self._sooner = trio.Event()

    def __repr__(self) -> str:
        return f"<AlarmClock {len(self)} asleep, the first until {self._rings_at}>"

    def __len__(self) -> int:
        """How many naps are remembered, some of them perhaps over."""
        return len(self._naps)

    @trio.lowlevel.enable_ki_protection
    async def sleep_until(self, at: float, nap: _Nap) -> None:
        """Take a nap until that moment, or until it is roused."""

        def abort(_: Any) -> Abort:
            nap.task = None
            self._forget_one()
            return Abort.SUCCEEDED

        heapq.heappush(self._naps, (at, next(self._ticket), nap))
        if at < self._rings_at:
            self._sooner.set()
        await trio.lowlevel.wait_task_rescheduled(abort)

    def rouse(self, nap: _Nap) -> None:
        """Wake a sleeper before the time, unless they are awake."""
        task, nap.task = nap.task, None
        if task is not None:
            trio.lowlevel.reschedule(task)
            self._forget_one()

    async def run(self) -> None:
        """Wake sleepers as long as the trio run lasts."""
        while True:
            self._rings_at = self._naps[0][0] if self._naps else math.inf
            self._sooner = trio.Event()
            with trio.move_on_at(self._rings_at):
                await self._sooner.wait()
            self._wake(trio.current_time())

    def _wake(self, now: float) -> None:
        while self._naps and self._naps[0][0] <= now:
            _, _, nap = heapq.heappop(self._naps)
            task, nap.task = nap.task, None
            if task is None:
                self._over -= 1
            else:
                trio.lowlevel.reschedule(task)

    def _forget_one(self) -> None:
        """A nap is over before its time; forget all such when they are many."""
        self._over += 1
        if self._over > max(_SPARE, len(self._naps) // 2):
            self._naps = [entry for entry in self._naps if entry[2].task is not None]
            heapq.heapify(self._naps)
            self._over = 0


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
