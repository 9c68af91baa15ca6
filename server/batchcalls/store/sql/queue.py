"""Reads the head of a batch's queue along its index, whatever waits behind it.

The index is ordered by priority, due time and position. Of each priority the calls that are due
lie side by side, and so do those that aren't. So a read goes from priority to priority, each
found by one step down the index, and takes of each no more than it was asked for: what it costs
doesn't grow with the calls that are due, nor with those that wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import islice
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, select, text, tuple_

from batchcalls.core.lane import QueuedCall, waiting_key
from batchcalls.core.model import CallStatus, RetryOrder
from batchcalls.store.contract import QueueHead
from batchcalls.store.sql.schema import QUEUED, calls

_COLUMNS: Final = (
    calls.c.position,
    calls.c.priority,
    calls.c.spec,
    calls.c.attempts,
    calls.c.dials,
    calls.c.due_time_us,
)
_LAST_POSITION: Final = 2**31


def queue_head(
    connection: Connection,
    key: int | None,
    *,
    now_us: int,
    after: tuple[float, ...] | None,
    limit: int,
    order: RetryOrder,
) -> QueueHead:
    """The first ready and the first waiting calls; as ``Store.queue_head`` promises."""
    priorities = list(_priorities(connection, key))
    ready: list[QueuedCall] = []
    for priority in priorities:
        if len(ready) == limit:
            break
        ready += _ready(connection, key, priority, now_us, limit - len(ready), order)
    beyond = after or (now_us, _LAST_POSITION)
    later = [_waiting(connection, key, priority, beyond, limit) for priority in priorities]
    waiting = list(islice(merge(*later, key=waiting_key), limit))
    return QueueHead(
        ready=ready,
        ready_complete=len(ready) < limit,
        waiting=waiting,
        waiting_complete=len(waiting) < limit,
    )


def _priorities(connection: Connection, key: int | None) -> Iterator[int]:
    """The priorities of the calls that wait, from high to low."""
    queued = and_(calls.c.batch_key == key, text(QUEUED))
    highest = select(calls.c.priority).where(queued).order_by(calls.c.priority.desc()).limit(1)
    priority = connection.scalar(highest)
    while priority is not None:
        yield priority
        priority = connection.scalar(highest.where(calls.c.priority < priority))


def _ready(
    connection: Connection,
    key: int | None,
    priority: int,
    now_us: int,
    limit: int,
    order: RetryOrder,
) -> list[QueuedCall]:
    """The first of one priority; the index itself has those that wait for no time first."""
    due = calls.c.due_time_us
    if order is RetryOrder.FRESH_FIRST:
        return _calls(connection, key, priority, due <= now_us, limit)
    waited = _calls(connection, key, priority, and_(due > 0, due <= now_us), limit)
    return waited + _calls(connection, key, priority, due <= 0, limit - len(waited))


def _waiting(
    connection: Connection, key: int | None, priority: int, after: tuple[float, ...], limit: int
) -> list[QueuedCall]:
    place = tuple_(calls.c.due_time_us, calls.c.position)
    return _calls(connection, key, priority, place > tuple_(*after), limit)


def _calls(
    connection: Connection, key: int | None, priority: int, where: ColumnElement[bool], limit: int
) -> list[QueuedCall]:
    if not limit:
        return []
    rows = connection.execute(
        select(*_COLUMNS)
        .where(calls.c.batch_key == key, text(QUEUED), calls.c.priority == priority, where)
        .order_by(calls.c.due_time_us, calls.c.position)
        .limit(limit)
    )
    return [
        QueuedCall(
            position=position,
            priority=priority,
            spec=spec,
            attempts=attempts_made,
            dials=dials,
            due_time_us=due_time_us,
        )
        for position, priority, spec, attempts_made, dials, due_time_us in rows
    ]


def earliest_due_us(connection: Connection, keys: Sequence[int]) -> int:
    """When the call that is due first, of those batches, is or was due; 0 if none waits."""
    due = [
        moment
        for key in keys
        for priority in _priorities(connection, key)
        if (moment := _first_due(connection, key, priority)) is not None
    ]
    return min(due, default=0)


def _first_due(connection: Connection, key: int, priority: int) -> int | None:
    due = calls.c.due_time_us
    return connection.scalar(
        select(due)
        .where(calls.c.batch_key == key, text(QUEUED), calls.c.priority == priority, due > 0)
        .order_by(due)
        .limit(1)
    )


def undialed_calls(
    connection: Connection, key: int | None, *, limit: int
) -> list[tuple[int, CallStatus]]:
    """Up to ``limit`` calls that are pending or retrying, as pairs of position and status."""
    rows = connection.execute(
        select(calls.c.position, calls.c.status)
        .where(calls.c.batch_key == key, text(QUEUED))
        .order_by(calls.c.priority.desc())  # along the index, not through all calls
        .limit(limit)
    )
    return [(position, CallStatus(status)) for position, status in rows]
