"""The rows of a group, collected by statement, and written in one step of the database each.

That order of statements is right because within a group a call changes its status once at
most: the engine takes the next step of a call only after the last one is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from batchcalls.core.effects import Attempted, AttemptStep, Effects, Move
from batchcalls.core.model import Event
from batchcalls.store.sql import statements
from batchcalls.store.sql.given import Row, Statement


class Changeset:
    """What one group writes beside its batches. ``add`` what happened, then ``execute`` once."""

    def __init__(self) -> None:
        self._rows: dict[Statement, list[Row]] = {statement: [] for statement in _ORDER}

    def add(self, key: int, effects: Effects) -> None:
        """Collect what becomes of the calls and attempts of the batch with that key."""
        if effects.attempt is not None:
            statement, row = _ATTEMPT[effects.attempt.step]
            self._rows[statement].append(row(key, effects.attempt))
        if effects.moves:
            rows = self._rows[statements.MOVE_CALLS]
            for move in effects.moves:
                rows.append(_moved(key, move, effects.time_us))  # one, nearly always

    def add_event(self, key: int, event: Event, payload: bytes) -> None:
        """Collect one event."""
        row = key, event.sequence, event.type, payload
        self._rows[statements.INSERT_EVENTS].append(row)

    def execute(self, connection: Connection) -> None:
        """Write everything.

        Raises:
          LostRow: a statement didn't find each of its rows.
        """
        for statement, rows in self._rows.items():
            if rows:
                statement.execute(connection, rows)


def _moved(key: int, move: Move, time_us: int) -> Row:
    position, source, target, attempts, dials, outcome, due_time_us = move
    end_time_us = time_us if target.final else 0
    return (
        *(key, position, source, target, attempts, dials, outcome),
        *(due_time_us, time_us, end_time_us),
    )


def _opened(key: int, attempted: Attempted) -> Row:
    _, position, attempt, dial, _ = attempted
    return key, position, attempt.number, dial, attempt.carrier, attempt.start_time_us


def _answered(key: int, attempted: Attempted) -> Row:
    _, position, attempt, *_ = attempted
    return key, position, attempt.number, attempt.ring_time_us, attempt.answer_time_us


def _ended(key: int, attempted: Attempted) -> Row:
    _, position, attempt, *_ = attempted
    return (
        *(key, position, attempt.number),
        *(attempt.outcome, attempt.carrier_call_id, attempt.carrier_code, attempt.detail),
        *(attempt.ring_time_us, attempt.answer_time_us, attempt.end_time_us),
    )


def _withdrawn(key: int, attempted: Attempted) -> Row:
    return key, attempted.position, attempted.attempt.number


_ATTEMPT: Final[dict[AttemptStep, tuple[Statement, Callable[[int, Attempted], Row]]]] = {
    AttemptStep.OPEN: (statements.OPEN_ATTEMPTS, _opened),
    AttemptStep.ANSWER: (statements.ANSWER_ATTEMPTS, _answered),
    AttemptStep.END: (statements.END_ATTEMPTS, _ended),
    AttemptStep.WITHDRAW: (statements.DELETE_ATTEMPTS, _withdrawn),
}
_ORDER: Final = (
    *[statement for statement, _ in _ATTEMPT.values()],
    statements.MOVE_CALLS,
    statements.INSERT_EVENTS,
)
