"""A carrier in another process keeps the contract, whatever the wire does."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
import trio
import trio.testing

from batchcalls.carriers.base import (
    CallResult,
    CarrierError,
    CarrierThrottled,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.loader import load_carrier
from batchcalls.carriers.process.carrier import ProcessCarrier, create
from batchcalls.core.model import Outcome
from batchcalls.testing import check_carrier
from tests.carriers import fake_carrier
from tests.carriers.grpc_loop import with_grpc_loop
from tests.carriers.process import (
    FAKE_CARRIER,
    WAIT_S,
    CarrierProcess,
    running_carrier,
    running_simulator,
)

COMPLETES = "+15550100000"
BUSY = "+15550100001"
ENDLESS = "+15550100009"

suffixes = count(1)


@pytest.fixture(scope="module")
def simulator() -> Iterator[CarrierProcess]:
    """A simulator that tests leave running."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture(scope="module")
def fake() -> Iterator[CarrierProcess]:
    """A carrier that breaks off."""
    with running_carrier(*FAKE_CARRIER) as carrier:
        yield carrier


def call(phone_number: str) -> OutboundCall:
    return OutboundCall(
        attempt_id=f"{phone_number}-{next(suffixes)}",
        call_id="call_1_0",
        batch_id="batch_1",
        attempt_number=1,
        phone_number=phone_number,
        script=("Hello",),
    )


@asynccontextmanager
async def connected(to: CarrierProcess) -> AsyncIterator[ProcessCarrier]:
    async with running(create({"address": to.address})) as carrier:
        yield carrier


@asynccontextmanager
async def running(carrier: ProcessCarrier) -> AsyncIterator[ProcessCarrier]:
    """The carrier with its ``run`` around, which is cancelled alone in the end."""
    async with trio.open_nursery() as nursery:
        await nursery.start(carrier.run)
        yield carrier
        nursery.cancel_scope.cancel()


def ignore(progress: Progress) -> None:
    """For calls whose progress nobody asks about."""


async def answered(carrier: ProcessCarrier, dialed: OutboundCall, nursery: trio.Nursery) -> None:
    """Have it placed, and return when somebody has answered."""
    there = trio.Event()

    def report(progress: Progress) -> None:
        if progress is Progress.ANSWERED:
            there.set()

    nursery.start_soon(carrier.place_call, dialed, report)
    with trio.fail_after(WAIT_S):
        await there.wait()


async def ended(carrier: ProcessCarrier, attempt_id: str) -> Outcome:
    """How a call ended, once it has."""
    with trio.fail_after(WAIT_S):
        found = await carrier.follow(attempt_id, ignore)
    assert isinstance(found, CallResult)
    return found.outcome


async def is_up(carrier: ProcessCarrier, attempt_id: str) -> bool:
    """Whether the carrier follows the call for a while, without an end."""
    with trio.move_on_after(0.2) as patience:
        await carrier.follow(attempt_id, ignore)
    return patience.cancelled_caught


@with_grpc_loop
async def test_it_keeps_the_contract(simulator: CarrierProcess) -> None:
    """All that can be proven of a carrier from outside holds for one in another process."""
    with running_simulator(trunk_capacity="1") as one_line:
        await check_carrier(
            lambda: create({"address": simulator.address}),
            completes=call(COMPLETES),
            lasts=call(ENDLESS),
            one_line=lambda: create({"address": one_line.address}),
        )


@with_grpc_loop
async def test_a_call_is_told_as_it_goes(simulator: CarrierProcess) -> None:
    """Progress and result are what the carrier tells."""
    reported: list[Progress] = []
    async with connected(simulator) as carrier:
        dialed = call(COMPLETES)
        result = await carrier.place_call(dialed, reported.append)
        assert reported == [Progress.RINGING, Progress.ANSWERED]
        assert result.outcome is Outcome.COMPLETED
        assert result.carrier_call_id == f"sim_{dialed.attempt_id}"
        assert result.carrier_code == "200"
        assert await carrier.follow(dialed.attempt_id, ignore) == result


@with_grpc_loop
async def test_a_call_that_nobody_follows_goes_on(simulator: CarrierProcess) -> None:
    """After ``run``, cancelling hangs up nothing: another process finds the call up."""
    dialed = call(ENDLESS)
    async with trio.open_nursery() as nursery:
        async with connected(simulator) as carrier:
            await answered(carrier, dialed, nursery)
        nursery.cancel_scope.cancel()
    async with connected(simulator) as another:
        assert await is_up(another, dialed.attempt_id)
        with pytest.raises(CarrierUnavailable, match="closed"):
            await carrier.follow(dialed.attempt_id, ignore)


@with_grpc_loop
async def test_a_call_of_an_earlier_process_is_hung_up(simulator: CarrierProcess) -> None:
    """Whoever placed it: who follows it hears how it ended, and what isn't known is barred."""
    dialed = call(ENDLESS)
    async with trio.open_nursery() as nursery:
        async with connected(simulator) as carrier:
            await answered(carrier, dialed, nursery)
        nursery.cancel_scope.cancel()
    async with connected(simulator) as another:
        await another.hang_up(dialed.attempt_id)
        assert await ended(another, dialed.attempt_id) is Outcome.CANCELED
        barred = call(COMPLETES)
        await another.hang_up(barred.attempt_id)
        assert (await another.place_call(barred, ignore)).outcome is Outcome.CANCELED


@with_grpc_loop
async def test_a_hang_up_under_way_is_finished_before_closing() -> None:
    """A call that was cancelled before ``run`` is over after it, however slow the carrier."""
    with running_simulator() as simulator:
        dialed, carrier = call(ENDLESS), create({"address": simulator.address})
        async with trio.open_nursery() as closing, trio.open_nursery() as nursery:
            await closing.start(carrier.run)
            await answered(carrier, dialed, nursery)
            simulator.freeze()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await trio.testing.wait_all_tasks_blocked()
                closing.cancel_scope.cancel()
                await trio.testing.wait_all_tasks_blocked()
                assert closing.child_tasks, "it waits"
                simulator.thaw()
        async with connected(simulator) as another:
            assert await ended(another, dialed.attempt_id) is Outcome.CANCELED


@with_grpc_loop
async def test_nothing_there_is_unavailable() -> None:
    """Without a connection nothing was sent, so the call may be dialed again."""
    address = f"127.0.0.1:{closed_port()}"
    async with running(create({"address": address, "connect_timeout_s": "0.1"})) as carrier:
        with pytest.raises(CarrierUnavailable, match="can't reach"):
            await carrier.place_call(call(COMPLETES), ignore)
        with pytest.raises(CarrierUnavailable, match="UNAVAILABLE"):
            await carrier.follow("attempt_1_0_1", ignore)


@with_grpc_loop
async def test_closing_ends_the_wait_for_a_connection() -> None:
    """A dial that hasn't left yet never will."""
    carrier = create({"address": f"127.0.0.1:{closed_port()}"})
    async with trio.open_nursery() as nursery, running(carrier):
        nursery.start_soon(expect_closed, carrier)
        await trio.testing.wait_all_tasks_blocked()


async def expect_closed(carrier: ProcessCarrier) -> None:
    with pytest.raises(CarrierUnavailable, match="closed"):
        await carrier.place_call(call(COMPLETES), ignore)


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (fake_carrier.BREAKS, Outcome.BUSY),
        (fake_carrier.JUST_ENDS, Outcome.REJECTED),
        (fake_carrier.REPEATED, Outcome.COMPLETED),
    ],
)
@with_grpc_loop
async def test_a_call_lost_sight_of_is_asked_about(
    fake: CarrierProcess, number: str, outcome: Outcome
) -> None:
    """However the telling breaks off, the end is what LookUp says in the end."""
    async with connected(fake) as carrier:
        assert (await carrier.place_call(call(number), ignore)).outcome is outcome


@pytest.mark.parametrize(
    "number",
    [
        fake_carrier.FORGOTTEN,
        fake_carrier.FULL_TOO_LATE,
        fake_carrier.FULL_SAYS_SOMEBODY,
        fake_carrier.SECRET,
    ],
)
@with_grpc_loop
async def test_a_call_that_nobody_knows_of_promises_nothing(
    fake: CarrierProcess, number: str
) -> None:
    """Where a phone may have rung, no error says that the call may be dialed again."""
    async with connected(fake) as carrier:
        with pytest.raises(CarrierError) as raised:
            await carrier.place_call(call(number), ignore)
        assert not isinstance(raised.value, CarrierThrottled | CarrierUnavailable)


@with_grpc_loop
async def test_a_call_that_was_accepted_is_told_to_be(fake: CarrierProcess) -> None:
    """Before it rings: that a carrier works is known as soon as it has taken a call."""
    told: list[Progress] = []
    async with connected(fake) as carrier:
        await carrier.place_call(call(fake_carrier.BREAKS), told.append)
    assert told == [Progress.ACCEPTED]


async def test_look_ups_stay_within_the_pace_of_the_carrier() -> None:
    """A few calls that are followed are asked about each second, many only as often as it goes."""
    carrier = create({"address": "localhost:1", "calls_per_second": 10})
    assert carrier.look_up_delay_s == 1
    carrier.followed = 400
    assert carrier.look_up_delay_s == 40


@with_grpc_loop
async def test_a_refusal_with_its_details_is_believed(fake: CarrierProcess) -> None:
    """Throttled and down keep their promise over the wire."""
    async with connected(fake) as carrier:
        with pytest.raises(CarrierThrottled, match="refused") as throttled:
            await carrier.place_call(call(fake_carrier.FULL), ignore)
        assert throttled.value.retry_after_s == 7
        with pytest.raises(CarrierUnavailable, match="refused"):
            await carrier.place_call(call(fake_carrier.DOWN), ignore)


@with_grpc_loop
async def test_a_carrier_that_crashes_takes_its_calls_with_it() -> None:
    """The one that comes back knows nothing, and nothing is promised."""
    unknown = pytest.RaisesExc(CarrierError, match="doesn't know")
    with running_simulator() as simulator, pytest.RaisesGroup(unknown):
        async with trio.open_nursery() as nursery:
            carrier = create({"address": simulator.address})
            await nursery.start(carrier.run)
            await answered(carrier, call(ENDLESS), nursery)
            simulator.kill()
            with running_simulator(port=simulator.port):
                await trio.sleep_forever()


@with_grpc_loop
async def test_a_frozen_carrier_delays_the_end_and_changes_nothing() -> None:
    """A carrier that doesn't answer for a while is waited for, and nothing is dialed again."""
    results = []

    async def place(dialed: OutboundCall) -> None:
        results.append(await carrier.place_call(dialed, ignore))

    with running_simulator(talk_time="0.2") as simulator:
        async with connected(simulator) as carrier, trio.open_nursery() as nursery:
            nursery.start_soon(place, call(COMPLETES))
            await answered(carrier, call(COMPLETES), nursery)
            simulator.freeze()
            nursery.start_soon(place, call(COMPLETES))
            await trio.testing.wait_all_tasks_blocked()
            simulator.thaw()
    assert [result.outcome for result in results] == [Outcome.COMPLETED] * 2


def test_it_is_installed_as_grpc() -> None:
    """The built-in carrier comes in by the door of everyone's carrier."""
    assert isinstance(load_carrier("grpc", {"address": "localhost:1"}), ProcessCarrier)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
