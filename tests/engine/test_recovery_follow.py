"""A call that an earlier process left up is followed to its end, or ended."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import (
    CallResult,
    CarrierLimits,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.core.carrier_gate import QUESTIONS_PER_S
from batchcalls.core.model import BatchStatus, Outcome
from batchcalls.engine.dialer import LETTING_GO_S, Timing
from batchcalls_simulator.lab.world import deterministic_scheduling
from tests.engine.knowing import REACHED, UP_FOR_EVER, knowing, lose
from tests.engine.world import (
    Report,
    ScriptedCarrier,
    World,
    at_us,
    check_settled,
    people,
    retry,
    simulator,
    spec,
    story,
)

BUSY_THEN = CallResult(outcome=Outcome.BUSY, carrier_code="486")


@pytest.mark.parametrize(
    ("answers", "outcomes"),
    [
        ([REACHED], [Outcome.COMPLETED]),
        ([BUSY_THEN], [Outcome.BUSY, Outcome.COMPLETED]),
        ([CarrierUnavailable("down"), REACHED], [Outcome.COMPLETED]),
        ([CarrierThrottled(), TimeoutError(), ValueError("what?"), REACHED], [Outcome.COMPLETED]),
        ([CarrierUnavailable("down"), NotKnown()], [Outcome.UNKNOWN]),
        ([CallResult(outcome=Outcome.THROTTLED), REACHED], [Outcome.COMPLETED]),
        ([None, "completed", REACHED], [Outcome.COMPLETED]),
    ],
    ids=repr,
)
async def test_a_call_that_may_be_up_ends_as_the_carrier_says(
    autojump_clock: MockClock, answers: list[Any], outcomes: list[Outcome]
) -> None:
    """Ended: that is its outcome. Any "can't say now": asked again. Only not known is unknown."""
    with World() as world:
        await lose(world, spec(retry=retry(2, 10)), people(1), after_s=5)
        world.carriers = {"simulator": knowing(*answers)}
        async with world.life():
            await world.observer.final()
        (made,) = world.calls()
        assert [one.outcome for one in made.attempts] == outcomes
        check_settled(world)


async def test_a_carrier_that_cannot_say_is_asked_less_and_less_often(
    autojump_clock: MockClock,
) -> None:
    """An hour of time-outs costs a look-up each half minute, and the slot is held all the while."""
    with World() as world:
        await lose(world, spec(concurrency=1), people(2), after_s=5)
        carrier = knowing(*[TimeoutError()] * 1_000, REACHED)
        world.carriers = {"simulator": carrier}
        async with world.life() as engine:
            await trio.sleep(3_600)
            assert (engine.dispatcher.server.in_use, carrier.dialed) == (1, [])
        assert 100 < len(carrier.followed) < 140


@pytest.mark.parametrize(("rate", "most"), [(10.0, 10), (0.0, QUESTIONS_PER_S)])
async def test_a_carrier_is_asked_within_its_own_pace(
    autojump_clock: MockClock, rate: float, most: float
) -> None:
    """Of 400 calls each is asked about, in no second more than the carrier takes dials."""
    asked: list[float] = []

    async def follow(attempt_id: str, report: Report) -> CallResult:
        asked.append(trio.current_time())
        await trio.sleep(1)
        return REACHED

    with World() as world:
        await lose(world, spec(concurrency=400), people(450), after_s=5)
        limits = CarrierLimits(calls_per_second=rate)
        carrier = ScriptedCarrier(simulator().place_call, follow=follow, limits=limits)
        world.carriers = {"simulator": carrier}
        async with world.life():
            await world.observer.final()
        check_settled(world)
    assert len(asked) == 400
    left = sorted(asked + (carrier.dialed_at if rate else []))
    windows = zip(left, left[int(most) :], strict=False)
    assert all(after - before >= 1 - 1e-6 for before, after in windows)


async def test_a_carrier_that_wants_to_be_asked_later_is_asked_later(
    autojump_clock: MockClock,
) -> None:
    """ "No room now, again in 20 s": the question comes then."""
    asked: list[float] = []

    async def follow(attempt_id: str, report: Report) -> CallResult:
        asked.append(trio.current_time())
        if len(asked) == 1:
            raise CarrierThrottled(retry_after_s=20)
        return REACHED

    with World() as world:
        await lose(world, spec(), people(1), after_s=5)
        world.carriers = {"simulator": ScriptedCarrier(simulator().place_call, follow=follow)}
        async with world.life():
            await world.observer.final()
    assert asked[1] - asked[0] == pytest.approx(20, abs=0.1)


async def test_a_call_that_is_still_up_holds_its_slot(autojump_clock: MockClock) -> None:
    """Until the carrier says that it has ended, nobody else is dialed in its place."""
    with World() as world:
        await lose(world, spec(concurrency=1), people(2), after_s=5)
        carrier = knowing(REACHED, up_s=30)
        world.carriers = {"simulator": carrier}
        async with world.life() as engine:
            await trio.sleep(25)
            assert (engine.dispatcher.server.in_use, carrier.dialed) == (1, [])
            await world.observer.final()
        assert carrier.dialed_at[0] == pytest.approx(35, abs=1.1)
        check_settled(world)


async def test_an_answer_that_is_told_after_a_crash_is_kept(autojump_clock: MockClock) -> None:
    """A call that rang when the server died may be answered under the next one."""

    async def ring(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep_forever()

    async def follow(attempt_id: str, report: Report) -> CallResult:
        await trio.sleep(3)
        report(Progress.ANSWERED)
        await trio.sleep(3)
        return REACHED

    with World(ScriptedCarrier(ring, follow=follow)) as world:
        await lose(world, spec(), people(1), after_s=5)
        async with world.life():
            await world.observer.final()
            assert "call_answered" in story(world.observer.events())
        assert world.calls()[0].attempts[0].answer_time_us == at_us(8)


async def test_a_cancel_hangs_up_the_calls_of_an_earlier_process(
    autojump_clock: MockClock,
) -> None:
    """The batch is canceled at once, not when people have talked themselves out."""
    with World() as world:
        await lose(world, spec(concurrency=3), people(5), after_s=5)
        carrier = knowing(UP_FOR_EVER)
        world.carriers = {"simulator": carrier}
        async with world.life() as engine:
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=True)
            batch = await world.observer.final()
            assert trio.current_time() < 11
        assert len(set(carrier.hung_up)) == 3
        assert (batch.status, batch.counts.canceled) == (BatchStatus.CANCELED, 5)
        check_settled(world)


async def test_a_hang_up_that_a_crash_interrupted_is_finished(
    autojump_clock: MockClock,
) -> None:
    """The batch was being hung up when the server died: the next one goes on with that."""

    async def slow_to_let_go(call: OutboundCall, report: Report) -> CallResult:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)

    with World(ScriptedCarrier(slow_to_let_go)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(2))
            await trio.sleep(5)
            await engine.cancel("batch_a", hang_up=True)
        carrier = knowing(UP_FOR_EVER)
        world.carriers = {"simulator": carrier}
        async with world.life():
            await world.observer.final()
            assert trio.current_time() < 7
        assert sorted(carrier.hung_up) == ["attempt_a_0_1", "attempt_a_1_1"]


async def test_a_carrier_that_is_deaf_to_hanging_up_is_given_up(
    autojump_clock: MockClock,
) -> None:
    """It is asked again and again; when it had its time the call ends unknown, its slot free."""

    async def up(attempt_id: str, report: Report) -> CallResult:
        await trio.sleep_forever()

    async def deaf(attempt_id: str) -> None:
        raise CarrierUnavailable("not now")

    with World() as world:
        await lose(world, spec(), people(1), after_s=5)
        carrier = ScriptedCarrier(simulator().place_call, follow=up, hang_up=deaf)
        world.carriers = {"simulator": carrier}
        async with world.life() as engine:
            await engine.cancel("batch_a", hang_up=True)
            await world.observer.final()
            assert trio.current_time() == pytest.approx(5 + LETTING_GO_S, abs=0.1)
            assert engine.dispatcher.server.in_use == 0
        assert len(carrier.hung_up) == 5
        assert world.calls()[0].outcome is Outcome.UNKNOWN


async def test_a_call_is_not_waited_for_longer_than_it_may_last(
    autojump_clock: MockClock,
) -> None:
    """The longest duration counts from the dial, across the crash."""
    with World(timing=Timing(max_call_duration_s=600)) as world:
        await lose(world, spec(), people(1), after_s=5)
        carrier = knowing(UP_FOR_EVER)
        world.carriers = {"simulator": carrier}
        async with world.life():
            await world.observer.final()
            assert trio.current_time() == pytest.approx(600, abs=0.1)
        assert carrier.hung_up == ["attempt_a_0_1"]
        assert world.calls()[0].outcome is Outcome.CANCELED


@pytest.mark.parametrize("seed", range(4))
async def test_a_call_that_cannot_be_ended_at_its_longest_is_given_up(
    autojump_clock: MockClock, seed: int
) -> None:
    """Its longest duration counts from the dial, too, whichever task goes first."""

    async def never(*_: object) -> Any:
        await trio.sleep_forever()

    with (
        deterministic_scheduling(seed),
        World(simulator(talk_time=5_000), timing=Timing(max_call_duration_s=3_600)) as world,
    ):
        await lose(world, spec(), people(1), after_s=3_000)
        carrier = ScriptedCarrier(simulator().place_call, follow=never, hang_up=never)
        world.carriers = {"simulator": carrier}
        async with world.life():
            await world.observer.final()
            assert trio.current_time() == pytest.approx(3_600 + LETTING_GO_S, abs=0.1)


async def test_a_carrier_is_asked_however_late_it_is(autojump_clock: MockClock) -> None:
    """After a night without a server the carrier still knows how the call ended."""
    with World(timing=Timing(max_call_duration_s=600)) as world:
        await lose(world, spec(), people(1), after_s=5)
        await trio.sleep(40_000)
        world.carriers = {"simulator": knowing(REACHED)}
        async with world.life():
            await world.observer.final()
        assert world.calls()[0].outcome is Outcome.COMPLETED
