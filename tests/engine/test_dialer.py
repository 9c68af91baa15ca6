"""The dialer sees a call through, and believes a carrier only as far as the contract goes."""

from __future__ import annotations

import math
from functools import partial

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls.carriers.base import (
    CallResult,
    CarrierThrottled,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)
from batchcalls.core.model import (
    BatchStatus,
    CallDefaults,
    CallSpec,
    CallStatus,
    EventType,
    Outcome,
    Script,
)
from batchcalls.engine.dialer import Timing
from batchcalls.wire.spec import new_call
from tests.engine.world import (
    BUSY_ONCE,
    COMPLETES,
    ENDLESS,
    Report,
    ScriptedCarrier,
    WatchedDisk,
    World,
    at_us,
    call,
    calls,
    check_settled,
    people,
    retry,
    simulator,
    spec,
    story,
    witnessed,
)

DONE = CallResult(outcome=Outcome.COMPLETED)


async def test_a_carrier_is_told_all_that_it_needs(autojump_clock: MockClock) -> None:
    """Its own spec, completed by the batch's defaults, with the variables filled in."""

    async def complete(call: OutboundCall, report: Report) -> CallResult:
        await trio.lowlevel.checkpoint()
        return DONE

    carrier = ScriptedCarrier(complete)
    defaults = CallDefaults(
        voice_id="ada", caller_id="+19990000000", script=Script(type="poll", steps=("Hi {{name}}",))
    )
    person = CallSpec(
        phone_number="+19991234567", variables={"name": "Grace"}, metadata={"row": "7"}
    )
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(defaults=defaults), [new_call(person)])
            await world.observer.final()
    assert carrier.dialed == [
        OutboundCall(
            attempt_id="attempt_a_0_1",
            call_id="call_a_0",
            batch_id="batch_a",
            attempt_number=1,
            phone_number="+19991234567",
            script=("Hi Grace",),
            script_type="poll",
            voice_id="ada",
            caller_id="+19990000000",
            metadata={"row": "7"},
            ring_timeout_s=30.0,
        )
    ]


async def test_nothing_leaves_before_its_intent_is_durable(autojump_clock: MockClock) -> None:
    """When a carrier is asked to dial, the store holds the attempt, open."""
    inner = simulator(busy_rate=0.4)
    seen: list[bool] = []

    async def look_first(call: OutboundCall, report: Report) -> CallResult:
        intents = world.store.open_calls(call.batch_id)
        seen.append(call.attempt_id in {found.attempt.attempt_id for found in intents})
        return await inner.place_call(call, report)

    with World(ScriptedCarrier(look_first)) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(3)), people(40))
            await world.observer.final()
    assert len(seen) > 40
    assert all(seen)


async def test_an_attempt_has_its_times(autojump_clock: MockClock) -> None:
    """Dialed, ringing, answered and ended, each at its moment."""
    with World(simulator(post_dial_delay=2, ring_time=5, talk_time=60)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(COMPLETES))
            await world.observer.final()
        (attempt,) = world.calls()[0].attempts
    found = (
        attempt.start_time_us,
        attempt.ring_time_us,
        attempt.answer_time_us,
        attempt.end_time_us,
    )
    assert found == pytest.approx([at_us(0), at_us(2), at_us(7), at_us(67)], abs=100_000)
    assert (attempt.carrier_code, attempt.carrier_call_id) == ("200", "sim_attempt_a_0_1")


async def test_repeated_reports_count_once(autojump_clock: MockClock) -> None:
    """Reports may come twice or out of order; the first of each kind tells the time."""

    async def stutter(call: OutboundCall, report: Report) -> CallResult:
        for progress in (Progress.ANSWERED, Progress.RINGING, Progress.ANSWERED, Progress.RINGING):
            report(progress)
            await trio.sleep(1)
        return DONE

    with World(ScriptedCarrier(stutter)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await world.observer.final()
        assert story(world.events()).count("call_answered") == 1
        (attempt,) = world.calls()[0].attempts
        assert attempt.answer_time_us < attempt.ring_time_us


async def test_a_report_after_the_end_counts_no_more(autojump_clock: MockClock) -> None:
    """A carrier that goes on talking about an ended call does no harm."""
    reports: list[Report] = []

    async def keep(call: OutboundCall, report: Report) -> CallResult:
        reports.append(report)
        await trio.sleep(1)
        return DONE

    with World(ScriptedCarrier(keep)) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a"), people(1))
            await engine.submit(spec("batch_b", start_time_us=at_us(10)), people(1))
            await world.observer.final("batch_a")
            reports[0](Progress.ANSWERED)
            await world.observer.final("batch_b")
        assert "call_answered" not in story(world.events("batch_a"))
        check_settled(world)


# Throttling and outages


async def test_throttled_dials_are_no_attempts(autojump_clock: MockClock) -> None:
    """The call goes back to the front; its attempts, stored and counted, are the real ones."""
    inner = simulator(trunk_capacity=2, talk_time=3)
    carrier = witnessed(inner)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=5), people(20))
            batch = await world.observer.final()
        assert inner.statistics().throttled > 0
        assert batch.attempts == batch.counts.completed == 20
        assert all(len(call.attempts) == 1 for call in world.calls())
        check_settled(world)
    ids = [one.attempt_id for one in carrier.dialed]
    assert len(set(ids)) == len(ids) == 20 + inner.statistics().throttled
    assert {one.attempt_number for one in carrier.dialed} == {1}


async def test_a_throttled_retry_keeps_its_number(autojump_clock: MockClock) -> None:
    """The second attempt stays the second, however often the carrier had no room for it."""

    async def place_call(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep(1)
        dial = int(call.attempt_id.rpartition("_")[2])
        if dial in (1, 3, 4):
            raise CarrierThrottled(retry_after_s=2)
        return CallResult(outcome=Outcome.BUSY) if dial == 2 else DONE

    carrier = ScriptedCarrier(place_call)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(2)), people(1))
            await world.observer.final()
        (made,) = world.calls()
        assert [one.outcome for one in made.attempts] == [Outcome.BUSY, Outcome.COMPLETED]
        check_settled(world)
    assert [one.attempt_number for one in carrier.dialed] == [1, 1, 2, 2, 2]


async def test_calls_wait_for_a_carrier_that_is_down(autojump_clock: MockClock) -> None:
    """An outage costs no attempt and few dials: the breaker asks now and then, then all goes on."""
    inner = simulator(outages="2-300", talk_time=1)
    carrier = witnessed(inner)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=4), people(100))
            await trio.sleep(250)
            assert world.batch().status is BatchStatus.RUNNING
            batch = await world.observer.final()
        assert batch.counts.completed == batch.attempts == 100
        assert 1 <= inner.statistics().unavailable < 20
        check_settled(world)
    assert 300 < carrier.dialed_at[-1] < 460


async def test_an_outage_of_one_carrier_is_no_other_ones(autojump_clock: MockClock) -> None:
    """Batches on a carrier that is up don't notice."""

    async def refuse(call: OutboundCall, report: Report) -> CallResult:
        await trio.lowlevel.checkpoint()
        raise CarrierUnavailable("down")

    down = ScriptedCarrier(refuse)
    with World(carriers={"simulator": simulator(), "down": down}) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_down", carrier="down"), people(50))
            await engine.submit(spec("batch_up"), people(50))
            await world.observer.final("batch_up")
            assert trio.current_time() < 51
            assert world.batch("batch_down").counts.pending > 40
            assert world.batch("batch_down").attempts <= 1


# Ends that we make


async def test_no_call_lasts_longer_than_it_may(autojump_clock: MockClock) -> None:
    """A call that nobody ends is hung up; whom it reached it reached."""
    with World(timing=Timing(max_call_duration_s=60)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), calls(ENDLESS))
            await world.observer.final()
            assert trio.current_time() == pytest.approx(60, abs=0.01)
        (made,) = world.calls()
        assert (made.status, made.outcome) == (CallStatus.COMPLETED, Outcome.COMPLETED)


async def test_a_call_that_rings_for_ever_has_failed(autojump_clock: MockClock) -> None:
    """Hung up at the longest duration, with nobody reached, it is tried again like a failure."""

    async def ring(call: OutboundCall, report: Report) -> CallResult:
        report(Progress.RINGING)
        await trio.sleep(math.inf if call.attempt_number == 1 else 5)
        return DONE

    with World(ScriptedCarrier(ring), timing=Timing(max_call_duration_s=60)) as world:
        async with world.life() as engine:
            await engine.submit(spec(retry=retry(2)), people(1))
            await world.observer.final()
        (made,) = world.calls()
        assert [one.outcome for one in made.attempts] == [Outcome.FAILED, Outcome.COMPLETED]


async def test_a_carrier_that_takes_time_to_hang_up_keeps_its_slot(
    autojump_clock: MockClock,
) -> None:
    """The slot is free when ``place_call`` returns, not when it was told to."""

    async def linger(call: OutboundCall, report: Report) -> CallResult:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(3)

    with World(ScriptedCarrier(linger)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await trio.sleep(10)
            await engine.cancel("batch_a", hang_up=True)
            await trio.sleep(2)
            assert engine.dispatcher.server.in_use == 1
            await world.observer.final()
            assert engine.dispatcher.server.in_use == 0
            assert trio.current_time() == pytest.approx(13, abs=0.01)


async def test_a_result_that_beats_the_hang_up_counts(autojump_clock: MockClock) -> None:
    """A carrier that can still say how the call ended is heard."""

    async def answer_anyway(call: OutboundCall, report: Report) -> CallResult:
        with trio.CancelScope(shield=True):
            await trio.sleep(20)
        return DONE

    with World(ScriptedCarrier(answer_anyway)) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await trio.sleep(10)
            await engine.cancel("batch_a", hang_up=True)
            batch = await world.observer.final()
        assert (batch.status, batch.counts.completed) == (BatchStatus.CANCELED, 1)


@pytest.mark.parametrize("turn", range(8))
async def test_no_call_escapes_a_hang_up(autojump_clock: MockClock, turn: int) -> None:
    """Whether it is prepared, launched or talked: whichever comes first, nobody stays on a line.

    The hang-up becomes durable in the moment in which the call is launched; trio decides by
    lot which of the two tasks goes first, so that a few turns see both.
    """

    async def say_nothing(call: OutboundCall, report: Report) -> CallResult:
        await trio.sleep_forever()

    disk = WatchedDisk()
    with World(ScriptedCarrier(say_nothing), run_sync=disk.run_sync) as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(1))
            await disk.reached.wait()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(engine.cancel, "batch_a", hang_up=True))
                await wait_all_tasks_blocked()
                disk.go_on.set()
                with trio.fail_after(10):
                    await world.observer.final()
        check_settled(world)


async def test_while_the_store_fails_calls_go_on_and_none_begins(
    autojump_clock: MockClock,
) -> None:
    """What ends meanwhile is recorded when the disk is back; then dialing goes on."""
    carrier = witnessed(simulator())
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=3, retry=retry(2)), calls(*[BUSY_ONCE] * 3))
            await engine.submit(spec("batch_b", concurrency=3), people(9))
            await trio.sleep(5)
            world.store.failing = True
            dialed = len(carrier.dialed)
            await trio.sleep(600)
            assert carrier.up.total() == 0
            assert len(carrier.dialed) <= dialed + 3
            assert world.observer.health == [False]
            world.store.failing = False
            for name in ("batch_a", "batch_b"):
                assert (await world.observer.final(name)).status is BatchStatus.COMPLETED
            assert engine.ready
        for name in ("batch_a", "batch_b"):
            check_settled(world, name)
        answered = [one for one in world.events("batch_b") if one.type is EventType.CALL_ANSWERED]
        assert len(answered) == 9


async def test_a_calls_own_words_go_before_the_defaults(autojump_clock: MockClock) -> None:
    """A call's own script and voice go before the batch's defaults."""

    async def complete(call: OutboundCall, report: Report) -> CallResult:
        await trio.lowlevel.checkpoint()
        return DONE

    carrier = ScriptedCarrier(complete)
    defaults = CallDefaults(voice_id="ada", script=Script(text="Default"))
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(defaults=defaults), [call(voice_id="bob")])
            await world.observer.final()
    assert (carrier.dialed[0].voice_id, carrier.dialed[0].script) == ("bob", ("Hello",))
