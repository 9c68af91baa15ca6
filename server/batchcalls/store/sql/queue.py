"""Reads the head of a batch's queue along its index, whatever waits behind it.

The index is ordered by priority, due time and position. Of each priority the calls that are due
lie side by side, and so do those that aren't. So one statement goes from priority to priority,
each found by one step down the index, and tells when its first calls are due; then only those
are read that have what is wanted, no more of each than was asked for. What it costs doesn't grow
with the calls that are due, nor with those that wait, and hardly with the number of priorities: a
client may give each call one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ScalarSelect,
    and_,
    select,
    text,
    true,
    tuple_,
)

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
    beyond = after or (now_us, _LAST_POSITION)
    priorities = _priorities(connection, key, beyond)
    ready: list[QueuedCall] = []
    for priority, first_due_us, *_ in priorities:
        if len(ready) == limit:
            break
        if first_due_us <= now_us:
            ready += _ready(connection, key, priority, now_us, limit - len(ready), order)
    waiting = _waiting(connection, key, priorities, beyond, limit)
    return QueueHead(
        ready=ready,
        ready_complete=len(ready) < limit,
        waiting=waiting,
        waiting_complete=len(waiting) < limit,
    )


class _Priority(NamedTuple):
    """A priority of calls that wait: when the first is due, and the first beyond some place.

    The latter is a due time and a position; None where there is no such call.
    """

    priority: int
    first_due_us: int
    next_due_us: int | None
    next_position: int | None


def _priorities(
    connection: Connection, key: int | None, beyond: tuple[float, ...]
) -> list[_Priority]:
    """The priorities of the calls that wait, from high to low."""
    queued = and_(calls.c.batch_key == key, text(QUEUED))
    highest = select(calls.c.priority).where(queued).order_by(calls.c.priority.desc()).limit(1)
    found = select(highest.scalar_subquery().label("priority")).cte("found", recursive=True)
    lower = highest.where(calls.c.priority < found.c.priority).correlate(found).scalar_subquery()
    found = found.union_all(select(lower).where(found.c.priority.is_not(None)))

    def first(column: Column[int], where: ColumnElement[bool]) -> ScalarSelect[int]:
        same = select(column).where(queued, calls.c.priority == found.c.priority, where)
        ordered = same.order_by(calls.c.due_time_us, calls.c.position).limit(1)
        return ordered.correlate(found).scalar_subquery()

    further = tuple_(calls.c.due_time_us, calls.c.position) > tuple_(*beyond)
    rows = connection.execute(
        select(
            found.c.priority,
            first(calls.c.due_time_us, true()),
            first(calls.c.due_time_us, further),
            first(calls.c.position, further),
        ).where(found.c.priority.is_not(None))
    )
    return [_Priority(*row) for row in rows]


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
    connection: Connection,
    key: int | None,
    priorities: Sequence[_Priority],
    after: tuple[float, ...],
    limit: int,
) -> list[QueuedCall]:
    """The first of all priorities, read from that which is due first until no other can matter."""
    beyond = tuple_(calls.c.due_time_us, calls.c.position) > tuple_(*after)
    first: list[QueuedCall] = []
    places = [
        ((one.next_due_us, one.next_position), one.priority)
        for one in priorities
        if one.next_due_us is not None
    ]
    for place, priority in sorted(places):
        if len(first) == limit and (first[-1].due_time_us, first[-1].position) < place:
            break
        found = _calls(connection, key, priority, beyond, limit)
        first = list(islice(merge(first, found, key=waiting_key), limit))
    return first


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
        one.next_due_us
        for key in keys
        for one in _priorities(connection, key, (0, _LAST_POSITION))
        if one.next_due_us is not None
    ]
    return min(due, default=0)


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
