"""Collects the rows of a group by statement, and writes them with one execution each.

That order of statements is right because within a group a call changes its status once at
most: the engine takes the next step of a call only after the last one is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.sql.dml import UpdateBase

from batchcalls.core.changes import (
    CallAnswered,
    CallDialed,
    CallEnded,
    CallReturned,
    CallsCanceled,
    Change,
    RetryScheduled,
)
from batchcalls.core.model import Attempt, CallStatus
from batchcalls.store import statements
from batchcalls.store.statements import prepared

Row = dict[str, Any]


class LostRow(AssertionError):
    """A row wasn't in the state that the engine believed; the transaction was taken back."""


class Rows:
    """The rows of one group. ``add`` what happened, then ``execute`` once."""

    def __init__(self) -> None:
        self._rows: dict[UpdateBase, list[Row]] = {statement: [] for statement in _ORDER}

    def add(self, key: int, change: Change) -> None:
        """Collect what ``change`` writes beside events and the batch itself."""
        collect = _COLLECT.get(type(change))
        if collect is not None:
            collect(self, key, change)

    def add_event(self, row: Row) -> None:
        """Collect one event."""
        self._rows[statements.INSERT_EVENTS].append(row)

    def execute(self, connection: Connection) -> None:
        """Write everything.

        Raises:
          LostRow: an update or delete didn't find each of its rows.
        """
        for statement, rows in self._rows.items():
            if not rows:
                continue
            found = prepared(statement, connection.dialect).execute(connection, rows)
            if not statement.is_insert and found != len(rows):
                raise LostRow(f"{len(rows) - found} of {len(rows)} rows are gone: {statement}")

    def _dialed(self, key: int, change: CallDialed) -> None:
        attempt = change.attempt
        self._rows[statements.INSERT_ATTEMPTS].append(
            {
                "batch_key": key,
                "position": change.position,
                "number": attempt.number,
                "dial": change.dial,
                "outcome": None,
                "carrier": attempt.carrier,
                "carrier_call_id": "",
                "carrier_code": "",
                "detail": "",
                "start_time_us": attempt.start_time_us,
                "ring_time_us": 0,
                "answer_time_us": 0,
                "end_time_us": 0,
            }
        )
        self._rows[statements.DIAL_CALLS].append(
            {
                "k": key,
                "p": change.position,
                "source": change.source.value,
                "n": attempt.number,
                "dial": change.dial,
                "at": change.time_us,
            }
        )

    def _answered(self, key: int, change: CallAnswered) -> None:
        attempt = change.attempt
        self._rows[statements.ANSWER_ATTEMPTS].append(
            {
                "k": key,
                "p": change.position,
                "n": attempt.number,
                "ring": attempt.ring_time_us,
                "answer": attempt.answer_time_us,
            }
        )

    def _ended(self, key: int, change: CallEnded) -> None:
        self._end_attempt(key, change.position, change.attempt)
        self._move(key, change, change.status, end=change.time_us)

    def _retry_scheduled(self, key: int, change: RetryScheduled) -> None:
        self._end_attempt(key, change.position, change.attempt)
        self._move(key, change, CallStatus.RETRYING, due=change.due_time_us)

    def _returned(self, key: int, change: CallReturned) -> None:
        """Undo the dial; what came of the attempts before it stays as it is."""
        number = change.attempt.number
        row = {"k": key, "p": change.position, "n": number}
        self._rows[statements.DELETE_ATTEMPTS].append(row)
        target = CallStatus.PENDING if number == 1 else CallStatus.RETRYING
        self._rows[statements.RETURN_CALLS].append(
            {
                "k": key,
                "p": change.position,
                "source": CallStatus.IN_PROGRESS.value,
                "target": target.value,
                "n": number - 1,
                "due": change.time_us if number > 1 else 0,
                "at": change.time_us,
            }
        )

    def _calls_canceled(self, key: int, change: CallsCanceled) -> None:
        rows = self._rows[statements.CANCEL_CALLS]
        for position, source in change.calls:
            rows.append({"k": key, "p": position, "source": source.value, "at": change.time_us})

    def _end_attempt(self, key: int, position: int, attempt: Attempt) -> None:
        assert attempt.outcome is not None
        self._rows[statements.END_ATTEMPTS].append(
            {
                "k": key,
                "p": position,
                "n": attempt.number,
                "result": attempt.outcome.value,
                "carrier_call": attempt.carrier_call_id,
                "code": attempt.carrier_code,
                "text": attempt.detail,
                "ring": attempt.ring_time_us,
                "answer": attempt.answer_time_us,
                "end": attempt.end_time_us,
            }
        )

    def _move(
        self,
        key: int,
        change: CallEnded | RetryScheduled,
        target: CallStatus,
        *,
        due: int = 0,
        end: int = 0,
    ) -> None:
        assert change.attempt.outcome is not None
        self._rows[statements.MOVE_CALLS].append(
            {
                "k": key,
                "p": change.position,
                "source": CallStatus.IN_PROGRESS.value,
                "target": target.value,
                "result": change.attempt.outcome.value,
                "due": due,
                "at": change.time_us,
                "end": end,
            }
        )


_ORDER: Final = (
    statements.INSERT_ATTEMPTS,
    statements.DIAL_CALLS,
    statements.ANSWER_ATTEMPTS,
    statements.END_ATTEMPTS,
    statements.DELETE_ATTEMPTS,
    statements.MOVE_CALLS,
    statements.RETURN_CALLS,
    statements.CANCEL_CALLS,
    statements.INSERT_EVENTS,
)
_COLLECT: Final[dict[type[Change], Callable[..., None]]] = {
    CallDialed: Rows._dialed,
    CallAnswered: Rows._answered,
    CallEnded: Rows._ended,
    RetryScheduled: Rows._retry_scheduled,
    CallReturned: Rows._returned,
    CallsCanceled: Rows._calls_canceled,
}
