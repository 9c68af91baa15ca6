"""How much of a list a query looks at; what it finds, the checks of the contract say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert, update

from batchcalls.core.model import BatchStatus, CallStatus, EventType
from batchcalls.store.sql import schema
from batchcalls.store.sql.mapping import batch_row
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.testing.store.bench import Books
from batchcalls.testing.store.changes import submitted


@pytest.fixture(scope="module")
def long() -> Iterator[SqlStore]:
    """12,001 batches, of which the second has as many calls and events; all are alike."""
    store, books = SqlStore.open("sqlite://"), Books()
    store.commit(books.group(submitted("batch_a", calls=1)))
    group = books.group(submitted("batch_b", calls=12_001))
    store.commit(group)
    event = {"batch_key": 2, "type": EventType.CALL_STARTED.value, "payload": b""}
    row = batch_row(group.batches["batch_b"])

    def write(connection: Connection) -> None:
        connection.execute(
            insert(schema.events), [event | {"sequence": each} for each in range(2, 12_002)]
        )
        connection.execute(
            insert(schema.batches), [row | {"batch_id": f"{each}"} for each in range(11_999)]
        )
        connection.execute(update(schema.batches).values(last_sequence=12_001))
        connection.commit()

    store.read_latest(write)
    yield store
    store.close()


def test_a_page_for_what_is_rare_looks_at_a_part_of_the_list(long: SqlStore) -> None:
    """It says how far it came, and the next one goes on from there, to the end."""
    after = 0
    ends: list[int] = []
    while not ends or ends[-1] < 12_001:
        page = long.event_page("batch_b", after=after, limit=9, types=[EventType.BATCH_PAUSED])
        assert page is not None
        assert not page.events
        after = page.upto
        ends.append(after)
    assert ends == [5_000, 10_000, 12_001]

    positions: list[int | None] = [-1]
    while (position := positions[-1]) is not None:
        calls = long.call_page("batch_b", after=position, limit=9, statuses=[CallStatus.FAILED])
        assert not calls.calls
        positions.append(calls.next_after)
    assert positions == [-1, 4_999, 9_999, None]

    cursors = [""]
    while len(cursors) == 1 or cursors[-1]:
        batches = long.batch_page(cursor=cursors[-1], limit=9, statuses=[BatchStatus.FAILED])
        assert not batches.batches
        cursors.append(batches.next_cursor)
    assert cursors == ["", "7002", "2002", ""]


def test_a_page_without_a_filter_is_full(long: SqlStore) -> None:
    """Only what is passed over is bounded: who asks for everything gets as much as was asked."""
    page = long.event_page("batch_b", limit=12_000)
    assert page is not None
    assert (len(page.events), page.upto) == (12_000, 12_000)
    assert len(long.call_page("batch_b", limit=12_000).calls) == 12_000
