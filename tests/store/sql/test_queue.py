"""The head of a queue is read along its index; what it holds, the checks of the contract say."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import Connection, select, true, update

from batchcalls.core.model import RetryOrder
from batchcalls.store.sql import queue, schema
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.testing.store.bench import Books
from batchcalls.testing.store.changes import NOW_US, submitted


def test_the_head_of_a_long_queue_is_read_along_its_indexes() -> None:
    """Whatever waits comes in the order of the index: what lies behind it costs nothing."""
    plans: list[list[str]] = []

    def explain(connection: Connection) -> None:
        key = connection.scalar(select(schema.batches.c.batch_key))

        def note(*arguments: Any) -> None:
            raw, statement, parameters = arguments[1].connection, arguments[2], arguments[3]
            plan = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append([row[3] for row in plan])

        sqlalchemy.event.listen(connection, "before_cursor_execute", note)
        order = RetryOrder.RETRIES_FIRST
        queue.queue_head(connection, key, now_us=NOW_US, after=None, limit=9, order=order)

    store = SqlStore.open("sqlite://")
    store.commit(Books().group(submitted(priorities=[0, 1])))
    store.read_latest(explain)
    store.close()
    assert len(plans) >= 5
    steps = [step for plan in plans for step in plan]
    assert not [step for step in steps if "B-TREE" in step], "it sorts"
    on_calls = [step for step in steps if "calls" in step]
    assert all(step.startswith("SEARCH calls USING INDEX ix_calls_queue") for step in on_calls)


def test_each_call_may_have_a_priority_of_its_own() -> None:
    """A score, for one: how often the database is asked is bounded by what is asked for."""
    assert statements(priorities=300, limit=9) <= 1 + 2 * 9


def statements(*, priorities: int, limit: int) -> int:
    """How often the database is asked for the head of a queue of calls and retries."""
    asked = 0

    def count_one(*_: object) -> None:
        nonlocal asked
        asked += 1

    def read(connection: Connection) -> None:
        key = connection.scalar(select(schema.batches.c.batch_key))
        sqlalchemy.event.listen(connection, "before_cursor_execute", count_one)
        order = RetryOrder.FRESH_FIRST
        queue.queue_head(connection, key, now_us=NOW_US, after=None, limit=limit, order=order)

    store = SqlStore.open("sqlite://")
    store.commit(Books().group(submitted(priorities=[*range(priorities)] * 2)))
    store.read_latest(lambda write: make_retries(write, priorities // 4))
    store.read_latest(read)
    store.close()
    return asked


@pytest.mark.parametrize("order", RetryOrder)
def test_a_refill_costs_the_same_however_many_retries_are_due(order: RetryOrder) -> None:
    """Counted in steps of the database: 20 times as many due retries, and as many that wait."""
    assert steps(2_000, order) <= 1.1 * steps(100, order)


def steps(retries: int, order: RetryOrder) -> int:
    """What the head of a queue costs to read, in tens of instructions of SQLite's machine."""
    counted = 0

    def count_one() -> None:
        nonlocal counted
        counted += 1

    def read(connection: Connection) -> None:
        key = connection.scalar(select(schema.batches.c.batch_key))
        raw: Any = connection.connection.dbapi_connection
        raw.set_progress_handler(count_one, 10)
        queue.queue_head(connection, key, now_us=NOW_US, after=None, limit=9, order=order)
        raw.set_progress_handler(None, 0)

    store = SqlStore.open("sqlite://")
    store.commit(Books().group(submitted(priorities=[0, 1] * 2 * retries)))
    store.read_latest(lambda write: make_retries(write, retries))
    store.read_latest(read)
    store.close()
    return counted


def make_retries(connection: Connection, retries: int) -> None:
    """Let the first half of the calls be due for two seconds, the rest in two seconds."""
    for sign, where in ((-1, schema.calls.c.position < 2 * retries), (1, true())):
        connection.execute(
            update(schema.calls)
            .where(schema.calls.c.status == "pending", where)
            .values(
                status="retrying",
                attempts=1,
                dials=1,
                due_time_us=NOW_US + sign * 2_000_000,
            )
        )
    connection.commit()
