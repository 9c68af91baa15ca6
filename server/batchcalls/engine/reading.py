"""Reads of the store beside the commits: few at once, in turn, in the time that dialing leaves.

Readers ask again as soon as they are answered. However many there are, and whatever they ask,
together they take all that they can get, and dialing shares the processor and the interpreter
with them. So reads have a lane or two, first come, first served, and a budget: while calls are
dialed, a read that took t seconds of a processor is followed by a rest of k·t in which no other
begins, so that they take no more than their share of any longer time. Who asks for much waits
longer, and its next request comes later; dialing doesn't wait. While nothing is written, nobody
rests.

It knows nothing of what is read. What a command must look up goes beside it: somebody who
wants to stop dialing never queues behind readers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import trio
from outcome import Outcome, capture

from batchcalls.core.effects import Effects
from batchcalls.core.model import Batch
from batchcalls.engine.journal import Published, RunSync

T = TypeVar("T")

LANES: Final = 2
"""Reads at once: one that is slow doesn't hold up all others."""

_SHARE: Final = 0.1
"""The part of one processor that reads have while calls are dialed."""

_OVERHEAD_S: Final = 0.000_5
"""What a read costs beside the thread in which it runs: an RPC, a task, two ways to a thread."""

_LONGEST_REST_S: Final = 1.0
"""However long a read took, the next one begins by then: nobody waits for ever."""

_CALM_S: Final = 0.25
"""Calls are being dialed until nothing was written for so long."""


class ReadPool:
    """Runs reads, as ``run_sync`` of the engine; it listens to the journal to know when to rest.

    ``run_sync`` runs a function where it doesn't block the loop, ``cpu_s`` tells how much of a
    processor the thread that asks has used.
    """

    def __init__(self, run_sync: RunSync, *, cpu_s: Callable[[], float] = time.thread_time) -> None:
        self._run_sync = run_sync
        self._cpu_s = cpu_s
        self._lanes = trio.CapacityLimiter(LANES)
        self._rest_until = 0.0
        self._dialing_until = 0.0

    def __repr__(self) -> str:
        statistics = self._lanes.statistics()
        return f"<ReadPool {statistics.borrowed_tokens} read, {statistics.tasks_waiting} wait>"

    async def run_sync(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function`` when its turn has come, and return or raise what it does."""
        async with self._lanes:
            await self._rest()
            result, took_s = await self._run_sync(self._measured, function, args)
            self._pay(took_s + _OVERHEAD_S)
        answer: T = result.unwrap()
        return answer

    async def _rest(self) -> None:
        """Wait until the reads before this one have had no more than their share."""
        if trio.current_time() < min(self._rest_until, self._dialing_until):
            await trio.sleep_until(self._rest_until)

    def _measured(
        self, function: Callable[..., T], args: Sequence[Any]
    ) -> tuple[Outcome[T], float]:
        began = self._cpu_s()
        result = capture(function, *args)
        return result, self._cpu_s() - began

    def _pay(self, took_s: float) -> None:
        now = trio.current_time()
        rest_s = took_s * (1 / _SHARE - 1)
        self._rest_until = min(max(self._rest_until, now) + rest_s, now + _LONGEST_REST_S)

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
