"""The simulator lets calls live out their fates, and gives every line back."""

import random
from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import (
    CallResult,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.core.model import Outcome
from batchcalls.testing import CarrierFactory, check_carrier
from batchcalls_simulator.carrier import (
    REMEMBERED_CALLS,
    RepeatedAttempt,
    SimulatorCarrier,
    create,
)
from batchcalls_simulator.distributions import Exponential, Fixed
from batchcalls_simulator.options import SimulatorOptions
from batchcalls_simulator.trunk import Outage

COMPLETES = "+15550100000"
BUSY = "+15550100001"
NO_ANSWER = "+15550100002"
REJECTED = "+15550100004"
ENDLESS = "+15550100009"


def call(phone_number: str = COMPLETES, *, attempt_id: str = "attempt_1") -> OutboundCall:
    return OutboundCall(
        attempt_id=attempt_id,
        call_id="call_1",
        batch_id="batch_1",
        attempt_number=1,
        phone_number=phone_number,
        script=("Hello",),
    )


def simulator(
    *,
    trunk_capacity: int = 0,
    trunk_calls_per_second: float = 0.0,
    outages: tuple[Outage, ...] = (),
    time_scale: float = 1.0,
) -> SimulatorCarrier:
    """A simulator whose calls take 1 s to ring, 5 s to answer and 60 s to end."""
    return SimulatorCarrier(
        SimulatorOptions(
            post_dial_delay=Fixed(time_s=1),
            ring_time=Fixed(time_s=5),
            talk_time=Fixed(time_s=60),
            trunk_capacity=trunk_capacity,
            trunk_calls_per_second=trunk_calls_per_second,
            outages=outages,
            time_scale=time_scale,
        )
    )


def ignore(progress: Progress) -> None:
    """For calls whose progress nobody asks about."""


@pytest.mark.parametrize(
    ("phone_number", "reports", "lasts_s"),
    [
        (COMPLETES, [(1.0, Progress.RINGING), (6.0, Progress.ANSWERED)], 66.0),
        (BUSY, [], 1.0),
        (NO_ANSWER, [(1.0, Progress.RINGING)], 31.0),
        (REJECTED, [(1.0, Progress.RINGING)], 6.0),
    ],
)
async def test_a_call_takes_its_time_and_reports_as_it_goes(
    autojump_clock: MockClock,
    phone_number: str,
    reports: list[tuple[float, Progress]],
    lasts_s: float,
) -> None:
    """It rings after the post-dial delay, is answered after the ring time, ends after the talk."""
    reported = []
    started = trio.current_time()
    await simulator().place_call(
        call(phone_number),
        lambda progress: reported.append((trio.current_time() - started, progress)),
    )
    assert reported == reports
    assert trio.current_time() - started == lasts_s


async def test_the_time_scale_stretches_the_whole_call(autojump_clock: MockClock) -> None:
    """At 0.01 a call of 66 s, ringing and all, takes 0.66 s."""
    started = trio.current_time()
    await simulator(time_scale=0.01).place_call(call(), ignore)
    assert trio.current_time() - started == pytest.approx(0.66)


@pytest.mark.parametrize(
    ("last_digit", "outcome", "carrier_code"),
    [
        ("0", Outcome.COMPLETED, "200"),
        ("1", Outcome.BUSY, "486"),
        ("2", Outcome.NO_ANSWER, "480"),
        ("3", Outcome.FAILED, "503"),
        ("4", Outcome.REJECTED, "603"),
        ("5", Outcome.INVALID_NUMBER, "404"),
        ("6", Outcome.VOICEMAIL, "200"),
    ],
)
async def test_each_outcome_comes_with_its_sip_code(
    autojump_clock: MockClock, last_digit: str, outcome: Outcome, carrier_code: str
) -> None:
    """The carrier's own word is what a SIP trunk would say."""
    result = await simulator().place_call(call(f"+1555010000{last_digit}"), ignore)
    assert (result.outcome, result.carrier_code) == (outcome, carrier_code)
    assert result.carrier_call_id == "sim_attempt_1"


@pytest.mark.parametrize("after_s", [0.5, 3.0, 100.0])
async def test_a_hang_up_frees_the_line_at_once(autojump_clock: MockClock, after_s: float) -> None:
    """Before the phone rings, while it rings, and while they talk."""
    carrier = simulator(trunk_capacity=1)
    with trio.move_on_after(after_s):
        await carrier.place_call(call(ENDLESS), ignore)
    assert carrier.statistics().calls_up == 0
    assert carrier.statistics().outcomes == {Outcome.CANCELED: 1}
    await carrier.place_call(call(attempt_id="attempt_2"), ignore)


async def test_a_call_that_was_hung_up_before_is_answered_by_nobody(
    autojump_clock: MockClock,
) -> None:
    """A dial that is cancelled as it begins tells nothing, even where nothing takes time."""
    people = SimulatorCarrier(
        SimulatorOptions(post_dial_delay=Fixed(time_s=0), ring_time=Fixed(time_s=0))
    )
    told: list[Progress] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        await people.place_call(call(), told.append)
    assert scope.cancelled_caught
    assert told == []


async def test_a_report_that_raises_frees_the_line(autojump_clock: MockClock) -> None:
    """Whatever ends ``place_call``, the trunk gets its line back."""
    carrier = simulator(trunk_capacity=1)

    def explode(progress: Progress) -> None:
        raise LookupError(progress)

    with pytest.raises(LookupError):
        await carrier.place_call(call(), explode)
    assert carrier.statistics().calls_up == 0


async def test_a_full_trunk_throttles_and_a_freed_line_is_taken(autojump_clock: MockClock) -> None:
    """The call above capacity is refused without ringing; after the end of one it gets through."""
    carrier = simulator(trunk_capacity=1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.place_call, call(), ignore)
        await trio.sleep(1)
        with pytest.raises(CarrierThrottled):
            await carrier.place_call(call(attempt_id="attempt_2"), ignore)
    await carrier.place_call(call(attempt_id="attempt_3"), ignore)
    statistics = carrier.statistics()
    assert (statistics.placed, statistics.throttled, statistics.peak_calls_up) == (2, 1, 1)


async def test_calls_above_the_trunk_rate_are_throttled(autojump_clock: MockClock) -> None:
    """The retry time that comes with the refusal is long enough."""
    carrier = simulator(trunk_calls_per_second=1)
    await carrier.place_call(call(BUSY), ignore)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.place_call, call(attempt_id="attempt_2"), ignore)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(CarrierThrottled) as refusal:
            await carrier.place_call(call(attempt_id="attempt_3"), ignore)
        await trio.sleep(refusal.value.retry_after_s)
        await carrier.place_call(call(attempt_id="attempt_4"), ignore)


async def test_an_outage_refuses_dials_and_lookups_but_drops_no_call(
    autojump_clock: MockClock,
) -> None:
    """Who talks goes on talking; who dials or asks is told to come again."""
    carrier = simulator(outages=(Outage(start_s=10, end_s=20),))
    results: list[CallResult] = []

    async def talk() -> None:
        results.append(await carrier.place_call(call(), ignore))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await trio.sleep(15)
        with pytest.raises(CarrierUnavailable):
            await carrier.place_call(call(attempt_id="attempt_2"), ignore)
        with pytest.raises(CarrierUnavailable):
            await carrier.follow("attempt_1", ignore)
        with pytest.raises(CarrierUnavailable):
            await carrier.hang_up("attempt_1")
        await trio.sleep(10)
        assert await carrier.follow("attempt_1", ignore) == results[0]
    assert results[0].outcome is Outcome.COMPLETED
    assert carrier.statistics().unavailable == 1


async def test_a_call_is_followed_from_unknown_to_ended(autojump_clock: MockClock) -> None:
    """Never dialed, up, over: and then with the very result that was returned."""
    carrier = simulator()
    assert await carrier.follow("attempt_1", ignore) == NotKnown()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.place_call, call(), ignore)
        await trio.sleep(1)
        followed = await carrier.follow("attempt_1", ignore)
    assert isinstance(followed, CallResult)
    assert followed.outcome is Outcome.COMPLETED
    assert await carrier.follow("attempt_1", ignore) == followed


async def test_whoever_placed_it_a_call_can_be_hung_up(autojump_clock: MockClock) -> None:
    """Its ``place_call`` returns; to do it twice changes nothing; what isn't known is barred."""
    carrier = simulator()
    results: list[CallResult] = []

    async def talk() -> None:
        results.append(await carrier.place_call(call(ENDLESS), ignore))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk)
        await trio.sleep(1_000)
        await carrier.hang_up("attempt_1")
        await carrier.hang_up("attempt_1")
    assert [result.outcome for result in results] == [Outcome.CANCELED]
    await carrier.hang_up("attempt_2")
    with pytest.raises(RepeatedAttempt):
        await carrier.place_call(call(attempt_id="attempt_2"), ignore)


async def test_an_attempt_dialed_twice_is_refused_and_counted(autojump_clock: MockClock) -> None:
    """The one thing that must never happen is loud: while the call is up, and after it."""
    carrier = simulator()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(carrier.place_call, call(), ignore)
        await trio.sleep(1)
        with pytest.raises(RepeatedAttempt):
            await carrier.place_call(call(), ignore)
    with pytest.raises(RepeatedAttempt):
        await carrier.place_call(call(), ignore)
    assert carrier.statistics().repeated == 2
    assert carrier.statistics().placed == 1


async def test_a_throttled_attempt_is_not_known(autojump_clock: MockClock) -> None:
    """A dial that never left is none: nothing is remembered of it."""
    carrier = simulator(trunk_calls_per_second=1)
    with trio.move_on_after(0.5):
        await carrier.place_call(call(), ignore)
    with pytest.raises(CarrierThrottled):
        await carrier.place_call(call(attempt_id="attempt_2"), ignore)
    assert await carrier.follow("attempt_2", ignore) == NotKnown()


async def test_the_memory_of_ended_calls_is_bounded(autojump_clock: MockClock) -> None:
    """After many more calls the first is forgotten and the latest is not."""
    carrier = SimulatorCarrier(SimulatorOptions(post_dial_delay=Fixed(time_s=0)))
    for number in range(REMEMBERED_CALLS + 1):
        await carrier.place_call(call(BUSY, attempt_id=f"attempt_{number}"), ignore)
    assert await carrier.follow("attempt_0", ignore) == NotKnown()
    assert isinstance(await carrier.follow("attempt_1", ignore), CallResult)


async def test_the_hour_of_the_wall_clock_decides_who_answers(autojump_clock: MockClock) -> None:
    """The wall clock is an argument, so a simulated day has simulated hours."""
    hour = 3
    options = {"answer_rate_by_hour": "0-8:0", "busy_rate": 0, "no_answer_rate": 0}
    others = {"failed_rate": 0, "rejected_rate": 0, "invalid_rate": 0, "voicemail_rate": 0}
    carrier = SimulatorCarrier(
        create(options | others | {"ring_time": 5}).options, wall_clock=lambda: hour * 3600.0
    )
    at_night = await carrier.place_call(call("+15551234567"), ignore)
    hour = 12
    at_noon = await carrier.place_call(call("+15551234567", attempt_id="attempt_2"), ignore)
    assert (at_night.outcome, at_noon.outcome) == (Outcome.NO_ANSWER, Outcome.COMPLETED)


async def test_calls_offered_to_a_full_trunk_are_blocked_as_erlang_b_says(
    autojump_clock: MockClock,
) -> None:
    """8 erlangs offered to 10 lines: about one call in eight finds every line taken."""
    lines, erlangs, offered = 10, 8.0, 10_000
    hold, arrivals = Exponential(mean_s=100), random.Random(1)
    carrier = SimulatorCarrier(
        SimulatorOptions(
            busy_rate=0, no_answer_rate=0, failed_rate=0, rejected_rate=0, invalid_rate=0,
            voicemail_rate=0, post_dial_delay=Fixed(time_s=0), ring_time=Fixed(time_s=0),
            talk_time=hold, trunk_capacity=lines,
        )
    )  # fmt: skip

    async def offer(number: int) -> None:
        with suppress(CarrierThrottled):
            await carrier.place_call(call(f"+1666{number:07}", attempt_id=f"a_{number}"), ignore)

    async with trio.open_nursery() as nursery:
        for number in range(offered):
            nursery.start_soon(offer, number)
            await trio.sleep(arrivals.expovariate(erlangs / hold.mean_s))
    blocked = carrier.statistics().throttled / offered
    assert blocked == pytest.approx(erlang_b(lines, erlangs), abs=0.02)


def erlang_b(lines: int, erlangs: float) -> float:
    """The share of calls lost, by the usual recursion over the number of lines."""
    blocked = 1.0
    for line in range(1, lines + 1):
        blocked = erlangs * blocked / (line + erlangs * blocked)
    return blocked


def test_the_engine_is_told_the_limits_of_the_options() -> None:
    """What the contract allows comes with the carrier."""
    assert create({"max_concurrent_calls": 10}).limits.max_concurrent_calls == 10


def test_repr_tells_the_state() -> None:
    """Whoever logs a simulator sees its seed and what is up."""
    assert repr(create({"seed": "7"})) == "<SimulatorCarrier seed=7 calls_up=0 ended=0>"


@pytest.mark.parametrize("made", ["at once", "awaited"])
async def test_the_simulator_keeps_the_carrier_contract(
    autojump_clock: MockClock, made: str
) -> None:
    """It comes in by the door that a stranger's carrier uses, and passes the same checks."""

    def one_line() -> SimulatorCarrier:
        return simulator(trunk_capacity=1)

    async def awaited() -> SimulatorCarrier:
        return simulator()

    factory: CarrierFactory = awaited if made == "awaited" else simulator
    await check_carrier(
        factory,
        completes=call(COMPLETES),
        lasts=call(ENDLESS),
        one_line=one_line,
        patience_s=100,
        settle_s=3,
    )
