"""Admission: what may come in, counted exactly."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import CallResult, CarrierThrottled, OutboundCall
from batchcalls.core.model import CallStatus, Outcome
from batchcalls.engine.admission import EngineLimits
from batchcalls.errors import InvalidRequest, Reason, TryLater
from tests.engine.world import (
    COMPLETES,
    ENDLESS,
    Report,
    ScriptedCarrier,
    World,
    call,
    calls,
    retry,
    spec,
)


async def test_batches_that_come_at_once_share_the_room(autojump_clock: MockClock) -> None:
    """Those that are still being stored count: where there is room for two, two get in."""
    answers: list[str] = []

    async def submit(number: int) -> None:
        try:
            await engine.submit(spec(f"batch_{number}"), calls(ENDLESS))
        except TryLater as refusal:
            answers.append(refusal.reason)
        else:
            answers.append("in")

    with World(limits=EngineLimits(max_open_batches=2)) as world:
        async with world.life() as engine:
            async with trio.open_nursery() as nursery:
                for number in range(5):
                    nursery.start_soon(submit, number)
            assert sorted(answers) == [Reason.SYSTEM_CAPACITY] * 3 + ["in"] * 2


async def test_a_carrier_that_is_not_there_is_refused(autojump_clock: MockClock) -> None:
    """Nothing is stored of a batch that nobody could dial."""
    with World() as world:
        async with world.life() as engine:
            with pytest.raises(InvalidRequest) as caught:
                await engine.submit(spec(carrier="nobody"), calls(COMPLETES))
            assert [violation.field for violation in caught.value.violations] == ["batch.carrier"]
            assert engine.journal.open_batches == 0


async def test_a_throttled_dial_leaves_the_last_outcome(autojump_clock: MockClock) -> None:
    """A call that was busy and then throttled is still one whose last attempt was busy."""
    dials = 0

    async def busy_then_throttled(_: OutboundCall, report: Report) -> CallResult:
        nonlocal dials
        dials += 1
        await trio.sleep(1)
        if dials == 1:
            return CallResult(outcome=Outcome.BUSY)
        raise CarrierThrottled(retry_after_s=1_000)

    with World(ScriptedCarrier(busy_then_throttled)) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(3, 10)), [call()])
            await trio.sleep(12.5)
            (stored,) = world.calls()
    assert dials >= 2
    assert stored.outcome is Outcome.BUSY
    assert stored.status in (CallStatus.RETRYING, CallStatus.IN_PROGRESS)
