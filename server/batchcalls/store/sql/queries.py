"""What is read, as functions of a connection: records out, no caching, nothing written."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import ColumnElement, Connection, Row, and_, func, select

from batchcalls.core.lane import QueuedCall
from batchcalls.core.model import (
    Batch,
    BatchStatus,
    Call,
    CallStatus,
    EventType,
    Outcome,
)
from batchcalls.store.contract import BatchPage, CallPage, EventPage, OpenCall, UnreadableRow
from batchcalls.store.sql.mapping import attempt_record, batch_record, call_record
from batchcalls.store.sql.schema import attempts, batches, calls, events

T = TypeVar("T")
R = TypeVar("R")

log = structlog.get_logger()

_MAX_LOOK: Final = 5_000
"""The most rows that a page with a filter looks at, some milliseconds' worth, found or not.

Who asks for what is rare would else have the whole of a long list read for each page.
"""


def unfinished_batches(connection: Connection) -> list[tuple[int, Batch]]:
    """The keys and records of all batches that aren't final, oldest first."""
    rows = connection.execute(
        select(batches).where(batches.c.end_time_us == 0).order_by(batches.c.batch_key)
    )
    return list(_readable(rows, lambda row: (row.batch_key, batch_record(row))))


def running_keys(connection: Connection) -> Sequence[int]:
    """The keys of the batches that run."""
    return connection.scalars(
        select(batches.c.batch_key).where(
            batches.c.end_time_us == 0, batches.c.status == BatchStatus.RUNNING.value
        )
    ).all()


def open_calls(connection: Connection, key: int | None, batch_id: str) -> list[OpenCall]:
    """The calls of a batch that have an intent without an outcome."""
    same_call = and_(
        attempts.c.batch_key == calls.c.batch_key, attempts.c.position == calls.c.position
    )
    rows = connection.execute(
        select(attempts, calls.c.priority, calls.c.spec, calls.c.dials)
        .join_from(attempts, calls, same_call)
        .where(attempts.c.batch_key == key, attempts.c.outcome.is_(None))
        .order_by(attempts.c.position)
    )
    return [
        OpenCall(
            call=QueuedCall(
                position=row.position,
                priority=row.priority,
                spec=row.spec,
                attempts=row.number - 1,
                dials=row.dials - 1,
            ),
            attempt=attempt_record(batch_id, row),
        )
        for row in rows
    ]


def batch(connection: Connection, batch_id: str) -> Batch | None:
    """The batch with that id."""
    row = connection.execute(select(batches).where(batches.c.batch_id == batch_id)).first()
    return batch_record(row) if row else None


def batch_of_request(connection: Connection, request_id: str) -> Batch | None:
    """The batch that the request with that id made."""
    row = connection.execute(select(batches).where(batches.c.request_id == request_id)).first()
    return batch_record(row) if row else None


def is_empty(connection: Connection) -> bool:
    """Whether there is no batch."""
    return connection.scalar(select(batches.c.batch_key).limit(1)) is None


def are_stored(connection: Connection, expected: Iterable[Batch]) -> bool:
    """Whether each of these batches is stored as it stands here.

    Its revision tells, since no two changes of a batch leave it with the same one.
    """
    return all(
        connection.scalar(select(batches.c.revision).where(batches.c.batch_id == one.batch_id))
        == one.revision
        for one in expected
    )


def batch_page(
    connection: Connection, *, cursor: str, limit: int, statuses: Collection[BatchStatus]
) -> BatchPage:
    """Batches, newest first; the cursor is the key of the last batch of the page before."""
    query = select(batches).order_by(batches.c.batch_key.desc()).limit(limit + 1)
    lowest = 0
    if cursor:
        query = query.where(batches.c.batch_key < _key_of(cursor))
    if statuses:
        lowest = _lowest_key(connection, cursor)
        wanted = batches.c.status.in_([status.value for status in statuses])
        query = query.where(wanted, batches.c.batch_key >= lowest)
    rows = connection.execute(query).all()
    if len(rows) > limit:
        lowest = rows[limit - 1].batch_key
    following = str(lowest) if lowest else ""
    found = list(_readable(rows[:limit], batch_record))
    return BatchPage(batches=found, next_cursor=following)


def _lowest_key(connection: Connection, cursor: str) -> int:
    """The last key that a filtered page looks at; 0 where it comes to the end."""
    first, last = connection.execute(
        select(func.min(batches.c.batch_key), func.max(batches.c.batch_key))
    ).one()
    beyond = _key_of(cursor) if cursor else (last or 0) + 1
    lowest = beyond - _MAX_LOOK
    return lowest if first is not None and lowest > first else 0


def _key_of(cursor: str) -> int:
    key = int(cursor)
    if not 0 < key < 2**63:
        raise ValueError(f"{cursor} is no cursor of a page of batches")
    return key


def call(connection: Connection, batch_id: str, position: int) -> Call | None:
    """One call with its attempts."""
    key = _key(connection, batch_id)
    found = _calls(connection, key, calls.c.position == position, 1)
    return call_record(batch_id, *found[0]) if found else None


def call_page(
    connection: Connection,
    batch_id: str,
    *,
    after: int,
    limit: int,
    statuses: Collection[CallStatus],
    outcomes: Collection[Outcome],
) -> CallPage:
    """Calls in order of position beyond ``after``; and where the next page begins."""
    where, furthest = calls.c.position > after, after + _MAX_LOOK
    if statuses:
        where = and_(where, calls.c.status.in_([status.value for status in statuses]))
    if outcomes:
        where = and_(where, calls.c.outcome.in_([outcome.value for outcome in outcomes]))
    if statuses or outcomes:
        where = and_(where, calls.c.position <= furthest)
    key, total = _key_and_total(connection, batch_id)
    found = _calls(connection, key, where, limit + 1)
    following = None
    if len(found) > limit:
        following = found[limit - 1][0].position
    elif (statuses or outcomes) and furthest < total - 1:
        following = furthest
    page = _readable(found[:limit], lambda rows: call_record(batch_id, *rows))
    return CallPage(calls=list(page), next_after=following)


def _key_and_total(connection: Connection, batch_id: str) -> tuple[int | None, int]:
    row = connection.execute(
        select(batches.c.batch_key, batches.c.total_calls).where(batches.c.batch_id == batch_id)
    ).first()
    return (row.batch_key, row.total_calls) if row else (None, 0)


def _calls(
    connection: Connection, key: int | None, where: ColumnElement[bool], limit: int
) -> list[tuple[Row[Any], Sequence[Row[Any]]]]:
    """The rows of calls, each with those of its attempts."""
    rows = connection.execute(
        select(calls).where(calls.c.batch_key == key, where).order_by(calls.c.position).limit(limit)
    ).all()
    dialed = [row.position for row in rows if row.attempts]
    tried: dict[int, list[Row[Any]]] = {position: [] for position in dialed}
    if dialed:
        found = connection.execute(
            select(attempts)
            .where(attempts.c.batch_key == key, attempts.c.position.in_(dialed))
            .order_by(attempts.c.position, attempts.c.number)
        ).all()
        for attempt in found:
            tried[attempt.position].append(attempt)
    return [(row, tried.get(row.position, ())) for row in rows]


def event_page(
    connection: Connection,
    batch_id: str,
    *,
    after: int,
    limit: int,
    types: Collection[EventType],
) -> EventPage | None:
    """The events of a batch beyond sequence ``after``; None when there is no such batch."""
    owner = connection.execute(
        select(batches.c.batch_key, batches.c.last_sequence, batches.c.end_time_us).where(
            batches.c.batch_id == batch_id
        )
    ).first()
    if owner is None:
        return None
    query = (
        select(events.c.sequence, events.c.payload)
        .where(events.c.batch_key == owner.batch_key, events.c.sequence > after)
        .order_by(events.c.sequence)
        .limit(limit)
    )
    upto = max(after, owner.last_sequence)
    if types:
        upto = min(upto, after + _MAX_LOOK)
        wanted = events.c.type.in_([kind.value for kind in types])
        query = query.where(wanted, events.c.sequence <= upto)
    found = [(row.sequence, row.payload) for row in connection.execute(query)]
    return EventPage(
        events=found,
        upto=found[-1][0] if len(found) == limit else upto,
        last_sequence=owner.last_sequence,
        final=owner.end_time_us > 0,
    )


def _key(connection: Connection, batch_id: str) -> int | None:
    return connection.scalar(select(batches.c.batch_key).where(batches.c.batch_id == batch_id))


def _readable(rows: Iterable[T], record: Callable[[T], R]) -> Iterator[R]:
    """The records of rows; one that can't be read is named in the log and left out."""
    for row in rows:
        try:
            yield record(row)
        except UnreadableRow as error:
            log.error("row_unreadable", detail=str(error))
