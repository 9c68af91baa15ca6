"""The statements that write, each made once.

Every update of a call names the status that it leaves, and every end of an attempt wants it
open: a row that isn't there is a bug of ours, which ``Rows.execute`` turns into an error that
takes the whole transaction back. Parameters that aren't columns have short names, so that
they can't collide with columns.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import bindparam, delete, insert, update

from batchcalls.core.model import CallStatus, Outcome
from batchcalls.store.schema import attempts, batches, calls, events

_attempt = (
    (attempts.c.batch_key == bindparam("k"))
    & (attempts.c.position == bindparam("p"))
    & (attempts.c.number == bindparam("n"))
)
_open_attempt = _attempt & attempts.c.outcome.is_(None)
_call = (
    (calls.c.batch_key == bindparam("k"))
    & (calls.c.position == bindparam("p"))
    & (calls.c.status == bindparam("source"))
)

INSERT_CALLS: Final = insert(calls)
INSERT_ATTEMPTS: Final = insert(attempts)
INSERT_EVENTS: Final = insert(events)

ANSWER_ATTEMPTS: Final = (
    update(attempts)
    .where(_open_attempt)
    .values(ring_time_us=bindparam("ring"), answer_time_us=bindparam("answer"))
)
END_ATTEMPTS: Final = (
    update(attempts)
    .where(_open_attempt)
    .values(
        outcome=bindparam("result"),
        carrier_call_id=bindparam("carrier_call"),
        carrier_code=bindparam("code"),
        detail=bindparam("text"),
        ring_time_us=bindparam("ring"),
        answer_time_us=bindparam("answer"),
        end_time_us=bindparam("end"),
    )
)
DELETE_ATTEMPTS: Final = delete(attempts).where(_open_attempt)

DIAL_CALLS: Final = (
    update(calls)
    .where(_call & (calls.c.dials == bindparam("dial") - 1))
    .values(
        status=CallStatus.IN_PROGRESS.value,
        attempts=bindparam("n"),
        dials=bindparam("dial"),
        due_time_us=0,
        update_time_us=bindparam("at"),
    )
)
MOVE_CALLS: Final = (
    update(calls)
    .where(_call)
    .values(
        status=bindparam("target"),
        outcome=bindparam("result"),
        attempts=bindparam("n"),
        due_time_us=bindparam("due"),
        update_time_us=bindparam("at"),
        end_time_us=bindparam("end"),
    )
)
CANCEL_CALLS: Final = (
    update(calls)
    .where(_call)
    .values(
        status=CallStatus.CANCELED.value,
        outcome=Outcome.CANCELED.value,
        due_time_us=0,
        update_time_us=bindparam("at"),
        end_time_us=bindparam("at"),
    )
)

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
    "attempts",
    "last_sequence",
    "revision",
    "update_time_us",
    "end_time_us",
)
"""The columns of a batch that change with its ledger."""

UPDATE_BATCHES: Final = (
    update(batches)
    .where(batches.c.batch_key == bindparam("k"))
    .values({column: bindparam(f"new_{column}") for column in ACCOUNT_COLUMNS})
)
