"""A carrier that is broken burns no list; one that has no room is left in peace, and alone."""

from __future__ import annotations

from itertools import pairwise

import pytest
import structlog
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import (
    CallResult,
    CarrierThrottled,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)
from batchcalls.core.breaker import FAULTS_TO_OPEN, SILENCE_S
from batchcalls.core.model import Outcome
from batchcalls.core.retry import MAX_REFUSED_DELAY_S
from tests.engine.world import Report, ScriptedCarrier, World, calls, check_settled, people, spec

DONE = CallResult(outcome=Outcome.COMPLETED)
REFUSED = "+15559999999"


# Broken


async def test_a_carrier_that_breaks_every_call_burns_no_list(autojump_clock: MockClock) -> None:
    """Of 2,000 calls a few are lost at first, then one a probe, less and less often."""

    async def explode(call: OutboundCall, report: Report) -> CallResult:
        await trio.lowlevel.checkpoint()
        raise ValueError("no such key")

    carrier = ScriptedCarrier(explode)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), people(2_000))
            await trio.sleep(4)
            assert len(carrier.dialed) == FAULTS_TO_OPEN
            await trio.sleep(3_600)
            assert FAULTS_TO_OPEN + 12 < len(carrier.dialed) < FAULTS_TO_OPEN + 20
            assert world.batch().counts.failed == len(carrier.dialed)


async def test_a_carrier_that_was_repaired_goes_on(autojump_clock: MockClock) -> None:
    """The first call that it takes lets all the others go, and what was lost is told."""

    async def explode_at_first(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(1)
        if trio.current_time() < 60:
            raise ValueError("no such key")
        return DONE

    with World(ScriptedCarrier(explode_at_first)) as world:
        with structlog.testing.capture_logs() as logs:
            async with world.life() as engine:
                await engine.submit(spec(concurrency=1), people(200))
                batch = await world.observer.final()
        assert batch.counts.failed < FAULTS_TO_OPEN + 5
        assert batch.counts.completed == 200 - batch.counts.failed
        assert "no such key" in str([entry.get("exc_info") for entry in logs])
        assert [entry["for_s"] for entry in logs if entry["event"] == "carrier_shut"][:2] == [5, 10]
        check_settled(world)


@pytest.mark.parametrize("told", [*Progress, None])
async def test_a_probe_ends_by_a_word_or_by_time(
    autojump_clock: MockClock, told: Progress | None
) -> None:
    """A call that lasts an hour, placed as a probe, holds nobody up: a word of it is enough."""

    async def down_at_first(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(1)
        if trio.current_time() < 2:
            raise CarrierUnavailable
        if told is not None:
            report(told)
        await trio.sleep(3_600)
        return DONE

    carrier = ScriptedCarrier(down_at_first)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=5), people(5))
            await trio.sleep(60)
        probe, after = carrier.dialed_at[-5:-3]
        assert after - probe == pytest.approx(1 if told else SILENCE_S, abs=0.1)


# Without room


async def test_a_refusal_is_obeyed_for_carrier_and_number(autojump_clock: MockClock) -> None:
    """Asked to come back in 30 s, nobody dials anybody there for 30 s."""
    refused_at: list[float] = []

    async def refuse_at_first(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(0.1)
        if len(refused_at) < 3:
            refused_at.append(trio.current_time())
            raise CarrierThrottled(retry_after_s=30)
        return DONE

    carrier = ScriptedCarrier(refuse_at_first)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), people(20))
            await world.observer.final()
        check_settled(world)
        dials = [call.call_id for call in carrier.dialed]
    for at in refused_at:
        assert not [dialed for dialed in carrier.dialed_at if at < dialed < at + 30]
    first, again = [at for at, one in zip(carrier.dialed_at, dials, strict=True) if one == dials[0]]
    assert again - first >= 30


async def test_a_number_that_is_always_refused_neither_spins_nor_starves_others(
    autojump_clock: MockClock,
) -> None:
    """It is dialed less and less often; another batch, and its own, go on at their pace."""

    async def refuse_one(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(0.1)
        if call.phone_number == REFUSED:
            raise CarrierThrottled(retry_after_s=1)
        await trio.sleep(1)
        return DONE

    carrier = ScriptedCarrier(refuse_one)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a", concurrency=5), [*calls(REFUSED), *people(500)])
            await engine.submit(spec("batch_b", concurrency=5), people(500))
            await world.observer.final("batch_b")
            assert trio.current_time() < 110 * 1.3  # 500 calls of 1.1 s, five at once
            await trio.sleep(86_400)
            assert world.batch("batch_a").counts.completed == 500
    dialed_at = [
        at
        for at, call in zip(carrier.dialed_at, carrier.dialed, strict=True)
        if call.phone_number == REFUSED
    ]
    first, *gaps = [after - before for before, after in pairwise(dialed_at)]
    assert first > 100, "fresh calls go before those that have waited for their time"
    assert gaps[:8] == pytest.approx([2, 4, 8, 16, 30, 30, 30, 30], abs=1)
    assert gaps[8:] == pytest.approx([MAX_REFUSED_DELAY_S] * len(gaps[8:]), abs=1)
