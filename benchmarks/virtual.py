"""The real engine under a virtual clock: a campaign of hours in seconds.

The store is in memory and commits inline, so that no thread and no real time is involved;
dispatcher, dialer and journal are those of a server.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import trio
from trio.testing import MockClock

from batchcalls.carriers.base import CallResult, Carrier, NotKnown, OutboundCall, Progress
from batchcalls.clock import Clock
from batchcalls.core.model import Batch, BatchSpec
from batchcalls.engine.journal import run_inline
from batchcalls_simulator.carrier import SimulatorCarrier
from benchmarks.bare import run_bare
from benchmarks.in_process import run_batch, running_engine
from benchmarks.workload import Workload

_NINE_O_CLOCK_S: Final = 1_700_006_400.0 - 1_700_006_400.0 % 86_400 + 9 * 3_600
"""When every virtual campaign begins: nine in the morning of some day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialed:
    """When (seconds since the begin) the attempt of that number was dialed."""

    at_s: float
    attempt_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """How a batch went: as it ended, after how many virtual seconds, and all its dials."""

    batch: Batch
    took_s: float
    dials: list[Dialed]


def run_campaign(work: Workload, spec: BatchSpec) -> Campaign:
    """Run the calls of ``work`` as a batch ``spec``."""
    return trio.run(_campaign, work, spec, clock=_virtual_clock())


def run_bare_campaign(work: Workload) -> None:
    """Run the same on bare trio tasks."""
    trio.run(run_bare, work, clock=_virtual_clock())


async def _campaign(work: Workload, spec: BatchSpec) -> Campaign:
    carrier = _Diary(SimulatorCarrier(work.simulation, wall_clock=_wall_s))
    clock = Clock(wall=_wall_s, check_s=math.inf)
    async with running_engine("sqlite://", carrier, clock=clock, run_sync=run_inline) as engine:
        batch = await run_batch(engine, spec, work.call_specs())
        return Campaign(batch=batch, took_s=trio.current_time(), dials=carrier.dials)


def _virtual_clock() -> MockClock:
    return MockClock(autojump_threshold=0)


def _wall_s() -> float:
    return _NINE_O_CLOCK_S + trio.current_time()


class _Diary(Carrier):
    """The simulator, with every dial written down."""

    def __init__(self, inner: Carrier) -> None:
        self.limits = inner.limits
        self.dials: list[Dialed] = []
        self._inner = inner

    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        dial = Dialed(at_s=trio.current_time(), attempt_number=call.attempt_number)
        self.dials.append(dial)
        return await self._inner.place_call(call, report)

    async def follow(
        self, attempt_id: str, report: Callable[[Progress], None]
    ) -> CallResult | NotKnown:
        return await self._inner.follow(attempt_id, report)

    async def hang_up(self, attempt_id: str) -> None:
        await self._inner.hang_up(attempt_id)
