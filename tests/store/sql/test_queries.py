"""Queries give what a plain search through all rows gives, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any, Final

import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, update

from batchcalls.core.lane import QueuedCall
from batchcalls.core.model import BatchStatus, CallStatus, EventType, Outcome, RetryOrder
from batchcalls.store.contract import CallPage, QueueHead
from batchcalls.store.sql import queue, schema
from batchcalls.store.sql.mapping import batch_row, call_rows
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.wire.spec import call_spec_to_proto, stored_call_spec
from tests.store.changes import (
    NOW_US,
    SECOND_US,
    Books,
    call_spec,
    canceled,
    completed,
    dialed,
    retried,
    submitted,
)

_BATCHES: Final = count(1)


@dataclass(frozen=True)
class Place:
    """Where a call of a batch stands."""

    status: CallStatus
    priority: int = 0
    due_s: int | None = None
    outcome: Outcome | None = None


PENDING = st.builds(
    Place, st.just(CallStatus.PENDING), st.integers(-1, 1), st.sampled_from([None, None, -2, 2])
)
RETRYING = st.builds(
    Place, st.just(CallStatus.RETRYING), st.integers(-1, 1), st.integers(-3, 3), st.just("busy")
)
ELSEWHERE = st.builds(
    Place,
    st.sampled_from([CallStatus.IN_PROGRESS, CallStatus.COMPLETED, CallStatus.FAILED]),
    outcome=st.sampled_from([None, Outcome.BUSY, Outcome.COMPLETED]),
)
WAITING = (CallStatus.PENDING, CallStatus.RETRYING)
PLACES = st.lists(st.one_of(PENDING, RETRYING, ELSEWHERE), max_size=25)


@pytest.fixture(scope="module")
def store() -> Iterator[SqlStore]:
    store = SqlStore.open("sqlite://")
    yield store
    store.close()


def fill(store: SqlStore, places: Sequence[Place]) -> tuple[int, str]:
    """Store a batch whose calls stand at those places; return its key and id."""
    batch_id = f"batch_{next(_BATCHES)}"
    group = Books().group(submitted(batch_id, calls=len(places) + 1))

    def write(connection: Connection) -> int:
        result = connection.execute(insert(schema.batches), batch_row(group.batches[batch_id]))
        assert result.inserted_primary_key is not None
        key = int(result.inserted_primary_key[0])
        rows = [
            row | _place_row(place, row["position"])
            for row, place in zip(call_rows(key, submitted(calls=len(places))), places, strict=True)
        ]
        if rows:
            connection.execute(insert(schema.calls), rows)
        connection.commit()
        return key

    return store.read_latest(write), batch_id


def _place_row(place: Place, position: int) -> dict[str, Any]:
    tried = place.status is not CallStatus.PENDING
    return {
        "status": place.status,
        "outcome": place.outcome,
        "priority": place.priority,
        "spec": call_spec_to_proto(
            call_spec(position, priority=place.priority)
        ).SerializeToString(),
        "attempts": int(tried),
        "dials": 2 * tried,
        "due_time_us": 0 if place.due_s is None else NOW_US + place.due_s * SECOND_US,
    }


def positions(found: Sequence[QueuedCall]) -> list[int]:
    return [call.position for call in found]


@pytest.mark.parametrize("order", RetryOrder)
@settings(max_examples=40)
@given(places=PLACES, limit=st.integers(1, 30))
def test_the_head_of_the_queue_is_the_head_of_a_plain_sort(
    store: SqlStore, order: RetryOrder, places: list[Place], limit: int
) -> None:
    """Ready: by priority, in the retry order. Waiting: by due time. Complete: all of it."""
    key, _ = fill(store, places)
    ready, waiting = _plainly_ready(places, order), _plainly_waiting(places)
    for after in [None, (-1, 7), *waiting]:
        after_us = after and (NOW_US + after[0] * SECOND_US, after[1])
        head: QueueHead = store.read_latest(
            partial(
                queue.queue_head,
                key=key,
                now_us=NOW_US,
                after=after_us,
                limit=limit,
                order=order,
            )
        )
        later = [place[1] for place in waiting if place > (after or (0, 2**31))]
        assert positions(head.ready) == ready[:limit]
        assert positions(head.waiting) == later[:limit]
        assert head.ready_complete == (len(ready) < limit)
        assert head.waiting_complete == (len(later) < limit)
        for call in [*head.ready, *head.waiting]:
            assert call.priority == places[call.position].priority
            assert stored_call_spec(call.spec) == call_spec(call.position, priority=call.priority)


def _plainly_ready(places: Sequence[Place], order: RetryOrder) -> list[int]:
    keyed = []
    for position, place in enumerate(places):
        if place.status in WAITING and (place.due_s or 0) <= 0:
            has_waited = place.due_s is not None
            rank = has_waited is (order is RetryOrder.FRESH_FIRST)
            keyed.append((-place.priority, rank, place.due_s or 0, position))
    return [position for *_, position in sorted(keyed)]


def _plainly_waiting(places: Sequence[Place]) -> list[tuple[int, int]]:
    return sorted(
        (place.due_s, position)
        for position, place in enumerate(places)
        if place.status in WAITING and place.due_s is not None
    )


@given(places=PLACES, limit=st.integers(1, 30))
def test_undialed_calls_are_the_pending_and_the_retrying(
    store: SqlStore, places: list[Place], limit: int
) -> None:
    """Each with its status, up to the limit, and none twice."""
    key, _ = fill(store, places)
    found = store.read_latest(lambda read: queue.undialed_calls(read, key, limit=limit))
    waiting = {
        (position, place.status)
        for position, place in enumerate(places)
        if place.status in (CallStatus.PENDING, CallStatus.RETRYING)
    }
    assert len(set(found)) == len(found) == min(limit, len(waiting))
    assert set(found) <= waiting


@given(
    places=PLACES,
    limit=st.integers(1, 10),
    statuses=st.sets(st.sampled_from(CallStatus), max_size=3),
    outcomes=st.sets(st.sampled_from([Outcome.BUSY, Outcome.COMPLETED, Outcome.FAILED])),
)
def test_pages_of_calls_are_complete_and_without_repeats(
    store: SqlStore,
    places: list[Place],
    limit: int,
    statuses: set[CallStatus],
    outcomes: set[Outcome],
) -> None:
    """Whatever the filter, the pages together are all calls that pass it, in order."""
    _, batch_id = fill(store, places)
    found: list[int] = []
    after: int | None = -1
    while after is not None:
        page = store.call_page(
            batch_id, after=after, limit=limit, statuses=statuses, outcomes=outcomes
        )
        after = page.next_after
        assert len(page.calls) == limit or after is None
        assert len(found) <= len(places)
        found += [call.position for call in page.calls]
    assert found == [
        position
        for position, place in enumerate(places)
        if (not statuses or place.status in statuses)
        and (not outcomes or place.outcome in outcomes)
    ]


@pytest.fixture(scope="module")
def batches() -> Iterator[SqlStore]:
    store = SqlStore.open("sqlite://")
    for number in range(7):
        books, name = Books(), f"batch_{number}"
        store.commit(books.group(submitted(name, calls=1)))
        if number % 2:
            store.commit(books.group(dialed(batch_id=name)))
            store.commit(books.group(completed(batch_id=name)))
    yield store
    store.close()


@pytest.mark.parametrize("limit", range(1, 9))
@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((), [6, 5, 4, 3, 2, 1, 0]),
        ((BatchStatus.COMPLETED,), [5, 3, 1]),
        ((BatchStatus.RUNNING, BatchStatus.PAUSED), [6, 4, 2, 0]),
        ((BatchStatus.FAILED,), []),
    ],
)
def test_pages_of_batches_are_complete_and_without_repeats(
    batches: SqlStore, limit: int, statuses: tuple[BatchStatus, ...], expected: list[int]
) -> None:
    """Newest first, whatever the filter and the size of the pages."""
    found: list[str] = []
    cursor = ""
    while True:
        page = batches.batch_page(cursor=cursor, limit=limit, statuses=statuses)
        found += [batch.batch_id for batch in page.batches]
        cursor = page.next_cursor
        if not cursor:
            break
    assert found == [f"batch_{number}" for number in expected]


def test_unfinished_batches_are_those_that_have_not_ended(batches: SqlStore) -> None:
    """What recovery finds, oldest first."""
    found = batches.unfinished_batches()
    assert [batch.batch_id for batch in found] == ["batch_0", "batch_2", "batch_4", "batch_6"]


@pytest.fixture(scope="module")
def log() -> Iterator[SqlStore]:
    """A batch of three calls with a log of nine events."""
    store, books = SqlStore.open("sqlite://"), Books()
    store.commit(books.group(submitted(calls=3)))
    for position in range(2):
        store.commit(books.group(dialed(position)))
        store.commit(books.group(completed(position)))
    store.commit(books.group(dialed(2)))
    store.commit(books.group(retried(2)))
    yield store
    store.close()


@pytest.mark.parametrize("limit", range(1, 9))
@pytest.mark.parametrize(
    ("types", "expected"),
    [
        ((), [1, 2, 3, 4, 5, 6, 7]),
        ((EventType.CALL_STARTED,), [2, 4, 6]),
        ((EventType.CALL_COMPLETED, EventType.CALL_RETRY_SCHEDULED), [3, 5, 7]),
        ((EventType.BATCH_CANCELED,), []),
    ],
)
def test_pages_of_events_are_complete_and_without_repeats(
    log: SqlStore, limit: int, types: tuple[EventType, ...], expected: list[int]
) -> None:
    """From any sequence on, each event that passes the filter comes once, in order."""
    for start in range(9):
        found: list[int] = []
        after = start
        while True:
            page = log.event_page("batch_a", after=after, limit=limit, types=types)
            assert page is not None
            assert (page.last_sequence, page.final) == (7, False)
            assert page.events or page.upto == max(after, 7)
            found += [sequence for sequence, _ in page.events]
            after = page.upto
            if after >= 7:
                break
        assert found == [sequence for sequence in expected if sequence > start]


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


def test_an_ended_log_says_so(batches: SqlStore) -> None:
    """A reader at the end of a final batch's log knows that nothing will follow."""
    page = batches.event_page("batch_1", after=4, limit=9)
    assert page is not None
    assert (list(page.events), page.upto, page.last_sequence, page.final) == ([], 4, 4, True)


def test_what_does_not_exist_is_none(log: SqlStore) -> None:
    """No batch, no call, no log."""
    assert log.batch("batch_x") is None
    assert log.call("batch_x", 0) is None
    assert log.call("batch_a", 3) is None
    assert log.event_page("batch_x", limit=9) is None
    assert log.call_page("batch_x", limit=9) == CallPage(calls=[], next_after=None)


def test_open_calls_are_those_with_an_intent_and_no_outcome(store: SqlStore) -> None:
    """Each as it was before the dial, so that the next one gets the next number."""
    fresh, books = SqlStore.open("sqlite://"), Books()
    fresh.commit(books.group(submitted(calls=4)))
    fresh.commit(books.group(dialed(0), dialed(1), dialed(2)))
    fresh.commit(books.group(completed(0), retried(1)))
    fresh.commit(books.group(dialed(1, number=2, dial=2)))
    found = fresh.open_calls("batch_a")
    assert [(each.call.position, each.call.attempts, each.call.dials) for each in found] == [
        (1, 1, 1),
        (2, 0, 0),
    ]
    assert [each.attempt for each in found] == [dialed(1, 2, 2).attempt, dialed(2).attempt]
    fresh.close()


def test_a_call_comes_with_its_attempts(log: SqlStore) -> None:
    """One call by its position, as the page shows it."""
    calls = log.call_page("batch_a", limit=9).calls
    assert [len(call.attempts) for call in calls] == [1, 1, 1]
    for call in calls:
        assert log.call("batch_a", call.position) == call


def test_the_head_of_a_long_queue_is_read_along_its_indexes(store: SqlStore) -> None:
    """Whatever waits comes in the order of the index: what lies behind it costs nothing."""
    plans: list[list[str]] = []
    key, _ = fill(store, [Place(CallStatus.PENDING, priority) for priority in (0, 1)])

    def explain(connection: Connection) -> None:
        def note(*arguments: Any) -> None:
            raw, statement, parameters = arguments[1].connection, arguments[2], arguments[3]
            plan = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.append([row[3] for row in plan])

        sqlalchemy.event.listen(connection, "before_cursor_execute", note)
        order = RetryOrder.RETRIES_FIRST
        queue.queue_head(connection, key, now_us=NOW_US, after=None, limit=9, order=order)

    store.read_latest(explain)
    reads = [plan for plan in plans if plan]
    assert len(reads) == len(plans) - 1 >= 5  # less the BEGIN
    for plan in reads:
        assert len(plan) == 1, f"it sorts: {plan}"
        assert "SEARCH calls USING" in plan[0]
        assert "ix_calls_queue" in plan[0]


@pytest.mark.parametrize("order", RetryOrder)
def test_a_refill_costs_the_same_however_many_retries_are_due(
    store: SqlStore, order: RetryOrder
) -> None:
    """Counted in steps of the database: 20 times as many due retries, and as many that wait."""

    def steps(retries: int) -> int:
        due, later = (
            [Place(CallStatus.RETRYING, priority, due_s, Outcome.BUSY) for priority in (0, 1)]
            for due_s in (-2, 2)
        )
        key, _ = fill(store, (due + later) * retries)
        counted = 0

        def count_one() -> None:
            nonlocal counted
            counted += 1

        def read(connection: Connection) -> None:
            raw: Any = connection.connection.dbapi_connection
            raw.set_progress_handler(count_one, 10)
            queue.queue_head(connection, key, now_us=NOW_US, after=None, limit=9, order=order)
            raw.set_progress_handler(None, 0)

        store.read_latest(read)
        return counted

    assert steps(2_000) <= 1.1 * steps(100)


def test_the_earliest_due_retry_is_found_over_all_running_batches() -> None:
    """The metric of lateness: 0 while no retry waits."""
    fresh, books = SqlStore.open("sqlite://"), Books()
    fresh.commit(books.group(submitted(calls=2)))
    assert fresh.earliest_due_us() == 0
    fresh.commit(books.group(dialed(0)))
    fresh.commit(books.group(retried(0)))
    assert fresh.earliest_due_us() == retried(0).due_time_us
    fresh.close()


def test_canceled_calls_wait_no_more(store: SqlStore) -> None:
    """What the sweeper has swept it doesn't find again."""
    fresh, books = SqlStore.open("sqlite://"), Books()
    fresh.commit(books.group(submitted(calls=3)))
    fresh.commit(books.group(canceled(0, 2)))
    assert fresh.undialed_calls("batch_a", limit=9) == [(1, CallStatus.PENDING)]
    fresh.close()
