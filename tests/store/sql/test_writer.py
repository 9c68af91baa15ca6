"""A group is written as a whole: all of it, or nothing; refused submissions are left out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, func, select

from batchcalls.core.changes import Change
from batchcalls.core.model import Call, CallStatus, Outcome, RetryOrder
from batchcalls.store.contract import Refusal
from batchcalls.store.sql import schema
from batchcalls.store.sql.changeset import LostRow
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.wire.spec import new_call
from tests.store.changes import (
    NOW_US,
    SECOND_US,
    Books,
    answered,
    attempt,
    canceled,
    completed,
    dialed,
    effects_alone,
    retried,
    returned,
    submitted,
)


@pytest.fixture
def store() -> Iterator[SqlStore]:
    store = SqlStore.open("sqlite://")
    yield store
    store.close()


def stored_calls(store: SqlStore, batch_id: str = "batch_a") -> list[Call]:
    return list(store.call_page(batch_id, limit=100).calls)


def contents(store: SqlStore) -> dict[str, int]:
    """How many rows each table has."""

    def count(read: Connection) -> dict[str, int]:
        return {
            name: read.scalars(select(func.count()).select_from(table)).one()
            for name, table in schema.metadata.tables.items()
        }

    return store.read(count)


def test_a_submission_is_stored_whole(store: SqlStore) -> None:
    """The batch, its calls and its first event are there after one commit."""
    group = Books().group(submitted(calls=3))
    result = store.commit(group)
    assert store.batch("batch_a") == group.batches["batch_a"]
    assert [new_call(call.spec) for call in stored_calls(store)] == submitted(calls=3).calls
    assert len(result.payloads) == contents(store)["events"] == 1


@pytest.mark.parametrize("each_apart", [True, False])
def test_a_life_of_a_call_is_stored_step_by_step(store: SqlStore, each_apart: bool) -> None:
    """What the store shows follows from the changes, in as many groups as they come."""
    books = Books()
    life: list[list[Change]] = [
        [submitted(calls=1)],
        [dialed()],
        [retried()],
        [dialed(number=2, dial=2)],
        [returned(number=2, dial=2)],
        [dialed(number=2, dial=3)],
    ]
    end: list[Change] = [answered(number=2, dial=3), completed(number=2, dial=3)]
    life += [[change] for change in end] if each_apart else [end]
    for changes in life:
        store.commit(books.group(*changes))
    (call,) = stored_calls(store)
    assert (call.status, call.outcome) == (CallStatus.COMPLETED, Outcome.COMPLETED)
    assert call.attempts == (
        attempt(outcome=Outcome.BUSY),
        attempt(number=2, dial=3, outcome=Outcome.COMPLETED),
    )
    assert (call.due_time_us, call.end_time_us) == (0, NOW_US + SECOND_US)


def test_a_call_that_was_given_back_is_as_before(store: SqlStore) -> None:
    """A throttled first dial leaves no attempt: the call is pending, its dial stays counted."""
    books = Books()
    store.commit(books.group(submitted(calls=1)))
    store.commit(books.group(dialed()))
    store.commit(books.group(returned()))
    (call,) = stored_calls(store)
    assert (call.status, call.outcome, call.attempts) == (CallStatus.PENDING, None, ())
    head = store.queue_head("batch_a", now_us=0, after=None, limit=9, order=RetryOrder.FRESH_FIRST)
    assert [(each.attempts, each.dials) for each in head.ready] == [(0, 1)]


def test_a_retry_that_was_given_back_is_due_at_once(store: SqlStore) -> None:
    """A throttled second dial leaves the first attempt, and the call retrying, due now."""
    books = Books()
    for change in (submitted(calls=1), dialed(), retried(), dialed(0, 2, 2), returned(0, 2, 2)):
        store.commit(books.group(change))
    (call,) = stored_calls(store)
    assert (call.status, call.due_time_us) == (CallStatus.RETRYING, NOW_US + SECOND_US)
    assert [each.number for each in call.attempts] == [1]


@pytest.mark.parametrize(
    "lost",
    [
        answered(1),
        answered(3),
        completed(1),
        completed(0, number=2, dial=2),
        retried(1),
        returned(1),
        returned(0, number=2, dial=2),
        dialed(0, number=2, dial=2),
        dialed(1, number=1, dial=3),
        canceled(0),
        canceled(1, 0),
    ],
    ids=repr,
)
def test_an_update_that_finds_no_row_takes_the_group_back(store: SqlStore, lost: Change) -> None:
    """A call that isn't as the engine believed is a bug: the whole group is left unwritten."""
    books = Books()
    store.commit(books.group(submitted(calls=4)))
    store.commit(books.group(dialed(0), dialed(3)))
    store.commit(books.group(completed(3)))
    before = contents(store), stored_calls(store)
    group = books.group(dialed(2), submitted("batch_b"))
    group.writes.append(effects_alone(lost))
    with pytest.raises(LostRow):
        store.commit(group)
    assert (contents(store), stored_calls(store)) == before


@pytest.mark.parametrize(
    ("again", "taken"),
    [
        (submitted("batch_a"), Refusal("batch_a", "r", b"1")),
        (submitted("batch_c", request_id="r", digest=b"2"), Refusal("batch_a", "r", b"1")),
    ],
    ids=["batch id", "request id"],
)
def test_a_taken_id_is_refused_and_the_rest_commits(
    store: SqlStore, again: Change, taken: Refusal
) -> None:
    """A refused submission leaves nothing; what else was in its group is written."""
    books = Books()
    ending = canceled(0, 1, 2)
    store.commit(books.group(submitted("batch_a", request_id="r", digest=b"1"), ending))
    result = store.commit(Books().group(submitted("batch_b"), again, submitted("batch_d", calls=1)))
    assert result.refused == {again.batch_id: taken}
    assert {batch.batch_id for batch in store.unfinished_batches()} == {"batch_b", "batch_d"}
    assert len(result.payloads) == 2
    assert [len(stored_calls(store, name)) for name in ("batch_b", "batch_d")] == [3, 1]
    assert contents(store)["batches"] == 3


def test_two_submissions_with_one_request_id_in_one_group(store: SqlStore) -> None:
    """The first of them is stored, the second is refused with the first one's ids."""
    group = Books().group(
        submitted("batch_a", request_id="r", digest=b"1"),
        submitted("batch_b", request_id="r", digest=b"2"),
        dialed(0, batch_id="batch_b"),
    )
    result = store.commit(group)
    assert result.refused == {"batch_b": Refusal("batch_a", "r", b"1")}
    assert contents(store)["batches"] == 1
    assert contents(store)["attempts"] == 0


def test_the_request_id_goes_before_the_batch_id(store: SqlStore) -> None:
    """Where both ids are taken, by different batches, the one with the request id is named."""
    books = Books()
    store.commit(books.group(submitted("batch_a"), submitted("batch_b", request_id="r")))
    result = store.commit(Books().group(submitted("batch_a", request_id="r")))
    assert result.refused["batch_a"].batch_id == "batch_b"


def test_batches_without_a_request_id_do_not_collide(store: SqlStore) -> None:
    """An empty request id is none: any number of batches may have it."""
    result = store.commit(Books().group(submitted("batch_a"), submitted("batch_b")))
    assert not result.refused
    assert len(store.batch_page(limit=9).batches) == 2


def test_a_batch_that_is_forgotten_is_empty(store: SqlStore) -> None:
    """Also beyond the batch's end: those who haven't heard of it yet may still ask."""
    books = Books()
    store.commit(books.group(submitted("batch_a", calls=1), submitted("batch_b", calls=1)))
    store.commit(books.group(dialed()))
    store.commit(books.group(completed()))
    assert store.undialed_calls("batch_a", limit=9) == []
    store.forget("batch_a")
    assert store.undialed_calls("batch_a", limit=9) == []
    assert store.undialed_calls("batch_b", limit=9) == [(0, CallStatus.PENDING)]
