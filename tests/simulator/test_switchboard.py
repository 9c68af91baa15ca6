"""Calls live on their own at the switchboard, and are remembered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from batchcalls.carriers.base import (
    CallResult,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.process.messages import StillUp
from batchcalls.core.model import Outcome
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.cdr import CallDetailLog
from batchcalls_simulator.cdr_reader import read_call_details
from batchcalls_simulator.options import read_options
from batchcalls_simulator.switchboard import AttemptKnown, Switchboard, Told

COMPLETES = "+15550100000"
ENDLESS = "+15550100009"
CALL_S = 66.0
"""A call takes 1 s to ring, 5 s to be answered and 60 s to end."""


def call(phone_number: str = COMPLETES, *, attempt_id: str = "attempt_1") -> OutboundCall:
    return OutboundCall(
        attempt_id=attempt_id,
        call_id="call_1",
        batch_id="batch_1",
        attempt_number=1,
        phone_number=phone_number,
        script=("Hello",),
    )


@asynccontextmanager
async def switchboard(
    *, log: CallDetailLog | None = None, remembered_calls: int = 100, **options: object
) -> AsyncIterator[Switchboard]:
    times = {"post_dial_delay": 1, "ring_time": 5, "talk_time": 60}
    board = Switchboard(
        SimulatorCarrier(read_options({**times, **options})),
        log=log,
        remembered_calls=remembered_calls,
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(board.run)
        yield board
        nursery.cancel_scope.cancel()


def ignore(told: Told) -> None:
    """For calls that nobody follows."""


async def test_a_call_is_told_to_its_end(autojump_clock: MockClock) -> None:
    """Progress comes as it happens, the result last; then it is known as over."""
    told: list[Told] = []
    async with switchboard() as board:
        board.place(call(), told.append)
        await trio.sleep(CALL_S - 1)
        assert board.look_up("attempt_1") == StillUp()
        await trio.sleep(2)
        assert told[:2] == [Progress.RINGING, Progress.ANSWERED]
        result = told[2]
        assert isinstance(result, CallResult)
        assert result.outcome is Outcome.COMPLETED
        assert board.look_up("attempt_1") == result


@pytest.mark.parametrize("while_up", [True, False])
async def test_an_attempt_id_is_dialed_once(
    autojump_clock: MockClock, tmp_path: Path, while_up: bool
) -> None:
    """A second dial is refused while the call is up and when it is over, and it is on record."""
    path = tmp_path / "cdr.jsonl"
    with CallDetailLog(path) as log:
        async with switchboard(log=log) as board:
            board.place(call(), ignore)
            await trio.sleep(1 if while_up else CALL_S + 1)
            with pytest.raises(AttemptKnown):
                board.place(call(), ignore)
    assert len(read_call_details(path).dials) == 1
    assert read_call_details(path).repeats == ("attempt_1",)


async def test_hanging_up_waits_until_the_line_is_free(autojump_clock: MockClock) -> None:
    """The next call can have the only line at once, and the one that followed was told."""
    told: list[Told] = []
    async with switchboard(trunk_capacity=1) as board:
        board.place(call(ENDLESS), told.append)
        await trio.sleep(1000)
        await board.hang_up("attempt_1")
        assert isinstance(told[-1], CallResult)
        assert told[-1].outcome is Outcome.CANCELED
        board.place(call(attempt_id="attempt_2"), ignore)
        await wait_all_tasks_blocked()
        assert board.look_up("attempt_2") == StillUp()


async def test_hanging_up_what_is_over_changes_nothing(autojump_clock: MockClock) -> None:
    """The call keeps the end that it had."""
    async with switchboard() as board:
        board.place(call(), ignore)
        await trio.sleep(CALL_S + 1)
        before = board.look_up("attempt_1")
        await board.hang_up("attempt_1")
        assert board.look_up("attempt_1") == before


async def test_a_dial_that_comes_after_its_hang_up_is_refused(autojump_clock: MockClock) -> None:
    """Whoever hung up was told that nothing is up: nothing will be."""
    async with switchboard() as board:
        await board.hang_up("attempt_1")
        with pytest.raises(AttemptKnown):
            board.place(call(), ignore)
        found = board.look_up("attempt_1")
        assert isinstance(found, CallResult)
        assert found.outcome is Outcome.CANCELED


async def test_a_refused_call_is_told_and_forgotten(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """Nothing was dialed, so there is nothing to know; the log says why."""
    told: list[Told] = []
    path = tmp_path / "cdr.jsonl"
    with CallDetailLog(path) as log:
        async with switchboard(log=log, trunk_capacity=1) as board:
            board.place(call(ENDLESS), ignore)
            await wait_all_tasks_blocked()
            board.place(call(attempt_id="attempt_2"), told.append)
            await wait_all_tasks_blocked()
            assert board.look_up("attempt_2") == NotKnown()
    assert [type(each) for each in told] == [CarrierThrottled]
    assert [dial.refused for dial in read_call_details(path).dials] == ["", "throttled"]


async def test_an_outage_is_not_the_end_of_knowledge(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """While the carrier is down it refuses calls and can't say; afterwards it knows again."""
    told: list[Told] = []
    path = tmp_path / "cdr.jsonl"
    with CallDetailLog(path) as log:
        async with switchboard(log=log, outages="100-200") as board:
            board.place(call(), ignore)
            await trio.sleep(150)
            board.place(call(attempt_id="attempt_2"), told.append)
            await wait_all_tasks_blocked()
            with pytest.raises(CarrierUnavailable):
                board.look_up("attempt_1")
            await trio.sleep(100)
            assert isinstance(board.look_up("attempt_1"), CallResult)
    assert [type(each) for each in told] == [CarrierUnavailable]
    assert [dial.refused for dial in read_call_details(path).dials] == ["", "down"]


async def test_only_the_last_calls_are_remembered(autojump_clock: MockClock) -> None:
    """Memory has a limit: beyond it the oldest end is forgotten first."""
    async with switchboard(remembered_calls=2) as board:
        for attempt_id in ("attempt_1", "attempt_2", "attempt_3"):
            await board.hang_up(attempt_id)
        assert board.look_up("attempt_1") == NotKnown()
        assert isinstance(board.look_up("attempt_2"), CallResult)
        assert isinstance(board.look_up("attempt_3"), CallResult)


async def test_the_end_hangs_up(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A switchboard that is cancelled leaves no call without an end in its log."""
    path = tmp_path / "cdr.jsonl"
    with CallDetailLog(path) as log:
        async with switchboard(log=log) as board:
            board.place(call(ENDLESS), ignore)
            await trio.sleep(1000)
    assert [dial.outcome for dial in read_call_details(path).dials] == [Outcome.CANCELED]
