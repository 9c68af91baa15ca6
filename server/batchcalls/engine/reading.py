"""Reads beside the commits: few at once, in turn, in the time that dialing leaves.

Reads have a lane or two, first come, first served, and a budget of their own: while calls are
dialed, none begins before those that came before it have had no more than their share.

It knows nothing of what is read. What a command must look up goes beside it: somebody who
wants to stop dialing never queues behind readers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import trio

from batchcalls.engine.budget import Budget
from batchcalls.engine.journal import RunSync

T = TypeVar("T")

LANES: Final = 2
"""Reads at once: one that is slow doesn't hold up all others."""

LEAST_SHARE: Final = 0.05
MOST_SHARE: Final = 0.5
"""The part of one processor that reads have while calls are dialed."""

_OVERHEAD_S: Final = 0.000_5
"""What a read costs beside the thread in which it runs: an RPC, a task, two ways to a thread."""


class ReadPool:
    """Runs reads, as the engine's ``run_reads``. Its ``budget`` is to listen to the journal.

    ``run_sync`` runs a function where it doesn't block the loop, ``cpu_s`` tells how much of a
    processor the thread that asks has used.
    """

    def __init__(self, run_sync: RunSync, *, cpu_s: Callable[[], float] = time.thread_time) -> None:
        self.budget = Budget(trio.current_time, least=LEAST_SHARE, most=MOST_SHARE)
        self._run_sync = run_sync
        self._cpu_s = cpu_s
        self._lanes = trio.CapacityLimiter(LANES)

    def __repr__(self) -> str:
        lanes = self._lanes.statistics()
        return f"<ReadPool {lanes.borrowed_tokens} read, {lanes.tasks_waiting} wait>"

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function`` when its turn has come, and return or raise what it does."""
        async with self._lanes:
            await self.budget.rest(trio.sleep)
            meter = _Meter(self._cpu_s)
            try:
                return await self._run_sync(meter.run, function, *args)
            finally:
                self.budget.pay(meter.took_s + _OVERHEAD_S)


class _Meter:
    """How much of a processor one read took, also one that fails."""

    def __init__(self, cpu_s: Callable[[], float]) -> None:
        self.took_s = 0.0
        self._cpu_s = cpu_s

    def run(self, function: Callable[..., T], *args: Any) -> T:
        began_s = self._cpu_s()
        try:
            return function(*args)
        finally:
            self.took_s = self._cpu_s() - began_s
