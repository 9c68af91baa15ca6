"""The rows of a group, collected by statement, and written with one execution each.

That order of statements is right because within a group a call changes its status once at
most: the engine takes the next step of a call only after the last one is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.sql.dml import UpdateBase

from batchcalls.core.effects import Attempted, AttemptStep, Effects, Move
from batchcalls.store.sql import statements
from batchcalls.store.sql.statements import prepared

Row = dict[str, Any]


class LostRow(AssertionError):
    """A row wasn't in the state that the engine believed; the transaction was taken back."""


class Changeset:
    """What one group writes beside its batches. ``add`` what happened, then ``execute`` once."""

    def __init__(self) -> None:
        self._rows: dict[UpdateBase, list[Row]] = {statement: [] for statement in _ORDER}

    def add(self, key: int, effects: Effects) -> None:
        """Collect what becomes of the calls and attempts of the batch with that key."""
        if effects.attempt is not None:
            statement, row = _ATTEMPT[effects.attempt.step]
            self._rows[statement].append(row(key, effects.attempt))
        if effects.moves:
            rows = self._rows[statements.MOVE_CALLS]
            for move in effects.moves:
                rows.append(_moved(key, move, effects.time_us))  # one, nearly always

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


def _moved(key: int, move: Move, time_us: int) -> Row:
    position, source, target, attempts, dials, outcome, due_time_us = move
    return {
        "k": key,
        "p": position,
        "source": source.value,
        "target": target.value,
        "tries": attempts,
        "dial": dials,
        "dials_before": None if dials is None else dials - 1,
        "result": None if outcome is None else outcome.value,
        "due": due_time_us,
        "at": time_us,
        "end": time_us if target.final else 0,
    }


def _opened(key: int, attempted: Attempted) -> Row:
    attempt = attempted.attempt
    return {
        "batch_key": key,
        "position": attempted.position,
        "number": attempt.number,
        "dial": attempted.dial,
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


def _answered(key: int, attempted: Attempted) -> Row:
    attempt = attempted.attempt
    return {
        "k": key,
        "p": attempted.position,
        "n": attempt.number,
        "ring": attempt.ring_time_us,
        "answer": attempt.answer_time_us,
    }


def _ended(key: int, attempted: Attempted) -> Row:
    attempt = attempted.attempt
    assert attempt.outcome is not None
    return {
        "k": key,
        "p": attempted.position,
        "n": attempt.number,
        "result": attempt.outcome.value,
        "carrier_call": attempt.carrier_call_id,
        "code": attempt.carrier_code,
        "text": attempt.detail,
        "ring": attempt.ring_time_us,
        "answer": attempt.answer_time_us,
        "end": attempt.end_time_us,
    }


def _withdrawn(key: int, attempted: Attempted) -> Row:
    return {"k": key, "p": attempted.position, "n": attempted.attempt.number}


_ATTEMPT: Final[dict[AttemptStep, tuple[UpdateBase, Callable[[int, Attempted], Row]]]] = {
    AttemptStep.OPEN: (statements.INSERT_ATTEMPTS, _opened),
    AttemptStep.ANSWER: (statements.ANSWER_ATTEMPTS, _answered),
    AttemptStep.END: (statements.END_ATTEMPTS, _ended),
    AttemptStep.WITHDRAW: (statements.DELETE_ATTEMPTS, _withdrawn),
}
_ORDER: Final = (
    *[statement for statement, _ in _ATTEMPT.values()],
    statements.MOVE_CALLS,
    statements.INSERT_EVENTS,
)
