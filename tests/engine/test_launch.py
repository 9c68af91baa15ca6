"""The launch: the moment at which a dial leaves is the one that counts, and it leaves whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import CallResult, OutboundCall
from batchcalls.clock import Clock
from batchcalls.core.changes import NewCall
from batchcalls.core.limits import GUARD_S
from batchcalls.core.model import Outcome
from batchcalls.engine.engine import DEFAULT_LIMITS
from tests.engine.world import Report, ScriptedCarrier, World, call, people, spec, wall_s


class SlowClock(Clock):
    """Each look at it takes a millisecond."""

    def __init__(self) -> None:
        super().__init__(wall=wall_s)
        self.looks = 0

    def now(self) -> float:
        self.looks += 1
        return super().now() + self.looks / 1_000


async def test_a_launch_is_taken_down_as_the_carrier_is_called(autojump_clock: MockClock) -> None:
    """What the pace counts is the last thing before the dial leaves, not when it was planned."""
    clock = SlowClock()
    world = World(limits=replace(DEFAULT_LIMITS, max_calls_per_second=1.0))
    world.clock = clock
    seen: list[tuple[float, float]] = []

    async def complete(call: OutboundCall, report: Report) -> CallResult:
        now = trio.current_time() + clock.looks / 1_000
        seen.append((now, engine.dispatcher.server.pacer.earliest(now)))
        await trio.lowlevel.checkpoint()
        return CallResult(outcome=Outcome.COMPLETED)

    world.carriers = {"simulator": ScriptedCarrier(complete)}
    with world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=3), people(3))
            await world.observer.final()
    for left_at, next_at in seen:
        assert next_at == pytest.approx(left_at + 1.0 + GUARD_S, abs=1e-9)


async def test_a_call_that_cant_be_read_ends_alone(autojump_clock: MockClock) -> None:
    """A spec that is no message any more costs its own call: nobody is dialed for it."""
    with World() as world:
        async with world.life() as engine:
            broken = NewCall(priority=0, spec=b"\xff")
            await engine.submit(spec(), [broken, call(), broken])
            batch = await world.observer.final()
    assert (batch.counts.completed, batch.counts.failed) == (1, 2)
    assert batch.attempts == 3
