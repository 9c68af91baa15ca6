"""The statements that write, each made once, each about all rows of a group.

Every update of a call names the status that it leaves, and every end of an attempt wants it
open: a row that isn't there is a bug of ours, which ``Statement.execute`` turns into an error that
takes the whole transaction back.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, func, insert, select, tuple_, update
from sqlalchemy import literal_column as sql
from sqlalchemy.sql.dml import Insert

from batchcalls.store.sql.given import Given, Statement
from batchcalls.store.sql.schema import attempts, batches, calls, events


def _insert(table: Table, given: Given, **others: ColumnElement[Any]) -> Insert:
    """Insert what is given, with ``others`` for the columns that aren't."""
    values = {**given.c, **others}
    return insert(table).from_select(list(values), select(*values.values()))


_call = Given("batch_key", "position", "priority", "create_time_us", payloads="spec")
INSERT_CALLS: Final = Statement(
    _call,
    _insert(
        calls,
        _call,
        status=sql("'pending'"),
        attempts=sql("0"),
        dials=sql("0"),
        due_time_us=sql("0"),
        update_time_us=_call.c.create_time_us,
        end_time_us=sql("0"),
    ),
)

_move = Given(
    *("batch_key", "position", "source", "target", "attempts", "dials"),
    *("outcome", "due_time_us", "time_us", "end_time_us"),
)
MOVE_CALLS: Final = Statement(
    _move,
    update(calls)
    .where(
        calls.c.batch_key == _move.c.batch_key,
        calls.c.position == _move.c.position,
        calls.c.status == _move.c.source,
        calls.c.dials == func.coalesce(_move.c.dials - sql("1"), calls.c.dials),
    )
    .values(
        status=_move.c.target,
        attempts=func.coalesce(_move.c.attempts, calls.c.attempts),
        dials=func.coalesce(_move.c.dials, calls.c.dials),
        outcome=func.coalesce(_move.c.outcome, calls.c.outcome),
        due_time_us=_move.c.due_time_us,
        update_time_us=_move.c.time_us,
        end_time_us=_move.c.end_time_us,
    ),
)

_opened = Given("batch_key", "position", "number", "dial", "carrier", "start_time_us")
OPEN_ATTEMPTS: Final = Statement(
    _opened,
    _insert(
        attempts,
        _opened,
        carrier_call_id=sql("''"),
        carrier_code=sql("''"),
        detail=sql("''"),
        ring_time_us=sql("0"),
        answer_time_us=sql("0"),
        end_time_us=sql("0"),
    ),
)


def _is_open(given: Given) -> list[ColumnElement[bool]]:
    """It is the attempt that was given, and it hasn't ended."""
    same = [attempts.c[name] == given.c[name] for name in ("batch_key", "position", "number")]
    return [*same, attempts.c.outcome.is_(None)]


_answered = Given("batch_key", "position", "number", "ring_time_us", "answer_time_us")
ANSWER_ATTEMPTS: Final = Statement(
    _answered,
    update(attempts)
    .where(*_is_open(_answered))
    .values(ring_time_us=_answered.c.ring_time_us, answer_time_us=_answered.c.answer_time_us),
)

_END: Final = (
    *("outcome", "carrier_call_id", "carrier_code", "detail"),
    *("ring_time_us", "answer_time_us", "end_time_us"),
)
_ended = Given("batch_key", "position", "number", *_END)
END_ATTEMPTS: Final = Statement(
    _ended,
    update(attempts).where(*_is_open(_ended)).values({name: _ended.c[name] for name in _END}),
)

_withdrawn = Given("batch_key", "position", "number")
DELETE_ATTEMPTS: Final = Statement(
    _withdrawn,
    delete(attempts).where(
        tuple_(attempts.c.batch_key, attempts.c.position, attempts.c.number).in_(
            select(_withdrawn.rows)
        ),
        attempts.c.outcome.is_(None),
    ),
)

_event = Given("batch_key", "sequence", "type", payloads="payload")
INSERT_EVENTS: Final = Statement(_event, _insert(events, _event))

ACCOUNT_COLUMNS: Final = (
    "status",
    "started",
    "hang_up",
    "total_calls",
    "pending_calls",
    "in_progress",
    "retrying_calls",
    "completed_calls",
    "failed_calls",
    "canceled_calls",
    "voicemail_calls",
    "attempts",
    "last_sequence",
    "revision",
    "update_time_us",
    "end_time_us",
)
"""The columns of a batch that change with its ledger."""

_account = Given("batch_key", *ACCOUNT_COLUMNS)
UPDATE_BATCHES: Final = Statement(
    _account,
    update(batches)
    .where(batches.c.batch_key == _account.c.batch_key)
    .values({name: _account.c[name] for name in ACCOUNT_COLUMNS}),
)
