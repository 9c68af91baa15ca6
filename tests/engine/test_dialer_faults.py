"""Whatever a carrier returns, raises or holds on to, it costs no more than its own attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import (
    CallResult,
    CarrierError,
    CarrierThrottled,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)
from batchcalls.core.model import Outcome
from batchcalls.engine.dialer import LETTING_GO_S, Timing
from tests.engine.world import (
    BUSY_ONCE,
    COMPLETES,
    Report,
    ScriptedCarrier,
    World,
    calls,
    check_settled,
    people,
    retry,
    spec,
)

DONE = CallResult(outcome=Outcome.COMPLETED)


def failing_once(error: BaseException) -> Callable[[OutboundCall, Report], Awaitable[CallResult]]:
    """A carrier that raises on the first dial of each call, and completes the others."""
    failed: set[str] = set()

    async def place_call(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(1)
        if call.call_id not in failed:
            failed.add(call.call_id)
            raise error
        return DONE

    return place_call


@pytest.mark.parametrize(
    "error",
    [
        ValueError("what?"),
        CarrierError("no promise"),
        ExceptionGroup("a task of the carrier", [OSError("gone")]),
        asyncio.CancelledError(),
        SystemExit(3),
        KeyboardInterrupt(),
        BaseExceptionGroup("tasks of the carrier", [SystemExit(), CarrierUnavailable()]),
    ],
    ids=repr,
)
async def test_an_unexpected_exception_leaves_the_outcome_unknown(
    autojump_clock: MockClock, error: BaseException
) -> None:
    """Somebody's phone may have rung: the call isn't tried again, and others go on."""
    carrier = ScriptedCarrier(failing_once(error))
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(5, 10)), people(3))
            batch = await world.observer.final()
        assert batch.counts.failed == len(carrier.dialed) == 3
        assert {call.outcome for call in world.calls()} == {Outcome.UNKNOWN}
        check_settled(world)


@pytest.mark.parametrize(
    "result",
    [
        None,
        "completed",
        CallResult(outcome="completed"),  # type: ignore[arg-type]  # the fault
        CallResult(outcome=Outcome.THROTTLED),
        CallResult(outcome=Outcome.COMPLETED, carrier_code=486),  # type: ignore[arg-type]  # the fault
    ],
    ids=repr,
)
async def test_a_malformed_answer_costs_its_own_attempt_alone(
    autojump_clock: MockClock, result: Any
) -> None:
    """The call beside it is up before and after, and a new process isn't hurt by it again."""

    async def place_call(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(1 if call.phone_number == BUSY_ONCE else 10)
        return result if call.phone_number == BUSY_ONCE else DONE

    with World(ScriptedCarrier(place_call)) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(5, 10)), calls(BUSY_ONCE, COMPLETES))
            await trio.sleep(5)
            assert world.calls()[0].outcome is Outcome.UNKNOWN
            assert engine.dialer.calls_up == 1
            await world.observer.final()
        assert [call.outcome for call in world.calls()] == [Outcome.UNKNOWN, Outcome.COMPLETED]
        check_settled(world)


@pytest.mark.parametrize("told", list(Progress))
@pytest.mark.parametrize("error", [CarrierThrottled(), CarrierUnavailable()], ids=repr)
async def test_a_phone_that_rang_is_never_rung_again_for_a_refusal(
    autojump_clock: MockClock, told: Progress, error: CarrierError
) -> None:
    """What was told before outweighs "throttled" and "unavailable": one dial, and it is unknown."""

    async def place_call(call: OutboundCall, report: Report) -> CallResult:
        report(told)
        await trio.sleep(1)
        raise error

    carrier = ScriptedCarrier(place_call)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await trio.sleep(40)
        assert len(carrier.dialed) == 1
        assert world.calls()[0].outcome is Outcome.UNKNOWN
        check_settled(world)


async def test_texts_of_any_kind_are_kept_clean_and_short(autojump_clock: MockClock) -> None:
    """Half a surrogate pair, a NUL, a megabyte: none of it stops a commit."""

    async def place_call(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(1)
        return CallResult(
            outcome=Outcome.BUSY,
            carrier_call_id="id\x00" * 1_000,
            carrier_code="48\ud8006",
            detail="line\nline\x1b[31m" + "x" * 1_000_000,
        )

    with World(ScriptedCarrier(place_call)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await world.observer.final()
        (attempt,) = world.calls()[0].attempts
        assert attempt.carrier_call_id == ("id " * 1_000)[:256]
        assert attempt.carrier_code == "48?6"
        assert attempt.detail == ("line line [31m" + "x" * 1_000)[:1_000]


async def test_unknown_is_tried_again_where_the_batch_wants_it(autojump_clock: MockClock) -> None:
    """Named in ``retry_on``, an unknown outcome costs an attempt, not the call."""
    config = retry(2, 10, retry_on=frozenset({Outcome.UNKNOWN}))
    with World(ScriptedCarrier(failing_once(ValueError("what?")))) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=config), people(1))
            assert (await world.observer.final()).attempts == 2
        (made,) = world.calls()
        assert [one.outcome for one in made.attempts] == [Outcome.UNKNOWN, Outcome.COMPLETED]
        assert made.attempts[0].detail.startswith("the carrier failed; the log has more under ")


async def test_an_error_while_hanging_up_does_no_harm(autojump_clock: MockClock) -> None:
    """A carrier that trips over its own clean-up ends its call and nothing else."""

    async def trip() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("gone")

    async def place_call(call: OutboundCall, report: Report) -> CallResult:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trip)
            await trio.sleep_forever()

    with World(ScriptedCarrier(place_call)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(2))
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=True)
            await world.observer.final()
        check_settled(world)


async def hold_on(call: OutboundCall, report: Report) -> CallResult:
    """A carrier that doesn't let go, whoever asks."""
    report(Progress.ANSWERED)
    with trio.CancelScope(shield=True):
        await trio.sleep(3_600)
    return DONE


async def test_a_carrier_that_never_lets_go_is_given_up(autojump_clock: MockClock) -> None:
    """A hang-up has its time; then the call is unknown and its slot is free, once and for good."""
    with World(ScriptedCarrier(hold_on)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(2))
            await trio.sleep(10)
            await engine.cancel("batch_a", hang_up=True)
            await world.observer.final()
            assert trio.current_time() == pytest.approx(10 + LETTING_GO_S, abs=0.01)
            assert (engine.dispatcher.server.in_use, engine.dialer.calls_up) == (0, 0)
            await trio.sleep(3_600)  # the carrier comes round, and nobody listens
        assert {call.outcome for call in world.calls()} == {Outcome.UNKNOWN}
        check_settled(world)


async def test_a_call_that_cannot_be_ended_at_its_longest_is_given_up(
    autojump_clock: MockClock,
) -> None:
    """The longest duration holds for a carrier that is deaf to it, too."""
    timing = Timing(max_call_duration_s=60)
    with World(ScriptedCarrier(hold_on), timing=timing) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await world.observer.final()
            assert trio.current_time() == pytest.approx(60 + LETTING_GO_S, abs=0.01)
