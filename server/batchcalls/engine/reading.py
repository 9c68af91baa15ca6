"""Reads beside the commits: few at once, in turn, in the time that dialing leaves.

Readers ask again as soon as they are answered. However many there are, and whatever they ask,
together they take all that they can get, and dialing shares the processor and the interpreter
with them. So reads have a lane or two, first come, first served, and a budget: while calls are
dialed, a read that took t seconds of a processor pays for t/share seconds of the clock, and all
rest until those are over. Who asks for much waits longer, and its next request comes later;
dialing doesn't wait. While nothing is written, nobody rests.

How large the budget is, the rests themselves tell: one that ends late shows that the loop had
more to do than it could, and what the loop does besides is dialing. Then the share of reads is
halved; as long as rests end in time it grows, little by little, up to half of a processor.

It knows nothing of what is read. What a command must look up goes beside it: somebody who
wants to stop dialing never queues behind readers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import trio

from batchcalls.core.effects import Effects
from batchcalls.core.model import Batch
from batchcalls.engine.journal import Published, RunSync

T = TypeVar("T")

LANES: Final = 2
"""Reads at once: one that is slow doesn't hold up all others."""

LEAST_SHARE: Final = 0.05
MOST_SHARE: Final = 0.5
"""The part of one processor that reads have while calls are dialed."""

_SHARE_STEP: Final = 0.01
"""By how much the share grows with each rest that ends in time."""

_LATE_S: Final = 0.01
"""A rest that ends later than this ends late: a pace forgives no more than twice as much."""

_OVERHEAD_S: Final = 0.000_5
"""What a read costs beside the thread in which it runs: an RPC, a task, two ways to a thread."""

_LONGEST_REST_S: Final = 2.0
"""However long a read took, the next one begins by then: nobody waits for ever."""

_CALM_S: Final = 0.25
"""Calls are being dialed until nothing was written for so long."""


class ReadPool:
    """Runs reads, as the engine's ``run_reads``; it listens to the journal to know when to rest.

    ``run_sync`` runs a function where it doesn't block the loop, ``cpu_s`` tells how much of a
    processor the thread that asks has used.
    """

    def __init__(self, run_sync: RunSync, *, cpu_s: Callable[[], float] = time.thread_time) -> None:
        self.share = LEAST_SHARE
        self._run_sync = run_sync
        self._cpu_s = cpu_s
        self._lanes = trio.CapacityLimiter(LANES)
        self._rest_until = 0.0
        self._dialing_until = 0.0

    def __repr__(self) -> str:
        lanes = self._lanes.statistics()
        return f"<ReadPool {lanes.borrowed_tokens} read, {lanes.tasks_waiting} wait>"

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function`` when its turn has come, and return or raise what it does."""
        async with self._lanes:
            await self._rest()
            meter = _Meter(self._cpu_s)
            try:
                return await self._run_sync(meter.run, function, *args)
            finally:
                self._pay(meter.took_s + _OVERHEAD_S)

    async def _rest(self) -> None:
        """Wait until the reads before this one have had no more than their share."""
        until = self._rest_until
        if trio.current_time() < min(until, self._dialing_until):
            await trio.sleep_until(until)
            self._learn(trio.current_time() - until)

    def _learn(self, late_s: float) -> None:
        if late_s > _LATE_S:
            self.share = max(self.share / 2, LEAST_SHARE)
        else:
            self.share = min(self.share + _SHARE_STEP, MOST_SHARE)

    def _pay(self, took_s: float) -> None:
        now = trio.current_time()
        paid_until = max(self._rest_until, now - took_s) + took_s / self.share
        self._rest_until = min(paid_until, now + _LONGEST_REST_S)

    # As a listener of the journal

    def committed(
        self,
        writes: Sequence[Effects],
        _events: Sequence[Published],
        _batches: Sequence[Batch],
    ) -> None:
        """Something was written."""
        if writes:
            self._dialing_until = trio.current_time() + _CALM_S

    def health_changed(self, *, healthy: bool) -> None:
        """Reads go on while nothing can be written."""


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
