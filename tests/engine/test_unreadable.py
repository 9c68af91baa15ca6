"""Rows that can't be read: each fails its batch or its call, named in the log, and nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
import sqlalchemy
import trio
from sqlalchemy import text
from structlog.testing import capture_logs

from batchcalls.core.model import BatchStatus, CallStatus, Outcome
from batchcalls.store.contract import UnreadableRow
from tests.engine.world import (
    ENDLESS,
    ScriptedCarrier,
    World,
    call,
    calls,
    check_settled,
    people,
    simulator,
    spec,
    witnessed,
)

UNREADABLE_BATCHES = [
    "labels = '{'",
    "labels = '[]'",
    """labels = '{"team": 7}'""",
    "retry_config = x'ff'",
    "call_defaults = x'ff'",
    "status = 'dreaming'",
    "retry_order = 'random'",
]
UNREADABLE_CALLS = [
    "UPDATE calls SET spec = x'ff' WHERE position = 1",
    "UPDATE calls SET status = 'dreaming' WHERE position = 1",
    "UPDATE calls SET outcome = 'bliss' WHERE position = 1",
    "UPDATE attempts SET outcome = 'bliss' WHERE position = 1",
]


def spoil(world: World, statement: str) -> None:
    """Write what no version of ours would."""

    def write(connection: sqlalchemy.Connection) -> None:
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        assert connection.execute(text(statement)).rowcount
        connection.commit()
        connection.execute(text("PRAGMA ignore_check_constraints = OFF"))

    world.store.read_latest(write)


@pytest.mark.parametrize("what", UNREADABLE_BATCHES)
async def test_an_unreadable_batch_stays_where_it_is(
    autojump_clock: trio.testing.MockClock, what: str
) -> None:
    """The server starts without it, dials for all others, and says so of it alone."""
    carrier = witnessed(simulator(talk_time=10))
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec("batch_a"), people(3))
            await engine.submit(spec("batch_b"), calls(ENDLESS))
        spoil(world, f"UPDATE batches SET {what} WHERE batch_id = 'batch_b'")
        carrier.dialed.clear()
        with capture_logs() as logs:
            async with world.life() as engine:
                await engine.submit(spec("batch_c"), people(3))
                for batch_id in ("batch_a", "batch_c"):
                    await world.observer.final(batch_id)
                    check_settled(world, batch_id)
                for ask in (engine.batch, engine.pause, engine.resume):
                    with pytest.raises(UnreadableRow, match="batch batch_b"):
                        await ask("batch_b")
        listed = [batch.spec.batch_id for batch in world.store.batch_page(limit=9).batches]
    assert listed == ["batch_c", "batch_a"]
    assert not [one for one in carrier.dialed if one.batch_id == "batch_b"]
    (named, *_) = [line for line in logs if line["event"] == "row_unreadable"]
    assert "batch batch_b" in named["detail"]


@pytest.mark.parametrize("statement", UNREADABLE_CALLS)
async def test_an_unreadable_call_is_left_out_of_its_page(
    autojump_clock: trio.testing.MockClock, statement: str
) -> None:
    """All other calls are there, on as many pages as ever; who asks for it is told."""
    with World() as world:
        async with world.life() as engine:
            await engine.submit(spec(), people(4))
            await world.observer.final()
            spoil(world, statement)
            found, after = [], -1
            with capture_logs() as logs:
                for _ in range(2):
                    page = world.store.call_page("batch_a", after=after, limit=2)
                    found += [one.position for one in page.calls]
                    after = page.next_after or after
            with pytest.raises(UnreadableRow, match="call call_a_1 "):
                await engine.read(world.store.call, "batch_a", 1)
            assert await engine.read(world.store.call, "batch_a", 2)
    assert (found, page.next_after) == ([0, 2, 3], None)
    (named,) = logs
    assert (named["event"], named["log_level"]) == ("row_unreadable", "error")


async def test_a_call_that_cannot_be_read_when_it_is_dialed_ends_alone(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It comes with a refill, after a restart; nobody is rung for it, the rest is dialed."""
    carrier = ScriptedCarrier(simulator(talk_time=10).place_call)
    with World(carrier) as world:
        async with world.life() as engine:
            await engine.submit(spec(concurrency=1), [call(ENDLESS), *people(3)])
            with suppress(trio.TooSlowError), trio.fail_after(1):
                await trio.sleep_forever()
        spoil(world, "UPDATE calls SET spec = x'ff' WHERE position = 2")
        async with world.life():
            batch = await world.observer.final()
        page = world.store.call_page("batch_a", limit=9)
    assert batch.status is BatchStatus.COMPLETED
    assert [one.status for one in page.calls if one.position != 0] == [CallStatus.COMPLETED] * 2
    assert batch.counts.failed == 2
    ends = [event.attempt for event in world.observer.events() if event.attempt]
    assert [each.outcome for each in ends].count(Outcome.UNKNOWN) == 2
