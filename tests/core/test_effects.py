"""What a change means for calls and attempts, told once, by the ledger."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from batchcalls.core.changes import (
    BatchPaused,
    BatchSubmitted,
    CallAnswered,
    CallDialed,
    CallEnded,
    CallReturned,
    CallsCanceled,
    Change,
    NewCall,
    RetryScheduled,
)
from batchcalls.core.effects import Attempted, AttemptStep, Move
from batchcalls.core.ledger import Ledger
from batchcalls.core.model import Attempt, BatchSettings, BatchSpec, CallStatus, Outcome

SPEC: Final = BatchSpec(batch_id="batch_1", carrier="any", settings=BatchSettings(concurrency=1))
FIRST: Final = Attempt(attempt_id="a1", number=1, carrier="any", start_time_us=1)
SECOND: Final = replace(FIRST, attempt_id="a2", number=2)
BUSY: Final = replace(FIRST, outcome=Outcome.BUSY, end_time_us=5)
REACHED: Final = replace(FIRST, outcome=Outcome.COMPLETED, end_time_us=5)
AGAIN: Final = replace(SECOND, outcome=Outcome.THROTTLED, end_time_us=9)

PENDING, UP, RETRYING, COMPLETED, _, CANCELED = CallStatus


def dialed(attempt: Attempt, source: CallStatus, dial: int) -> CallDialed:
    return CallDialed(
        batch_id="batch_1",
        time_us=2,
        position=0,
        source=source,
        dial=dial,
        due_time_us=1,
        attempt=attempt,
    )


SUBMITTED: Final = BatchSubmitted(
    batch_id="batch_1", time_us=1, spec=SPEC, calls=[NewCall(0, b"")] * 3
)
DIALED: Final = dialed(FIRST, PENDING, 1)
RETRY: Final = RetryScheduled(
    batch_id="batch_1", time_us=5, position=0, attempt=BUSY, due_time_us=60
)
DIALED_AGAIN: Final = dialed(SECOND, RETRYING, 2)


@pytest.mark.parametrize(
    ("before", "change", "move", "step"),
    [
        ([], DIALED, Move(0, PENDING, UP, 1, 1), AttemptStep.OPEN),
        ([DIALED, RETRY], DIALED_AGAIN, Move(0, RETRYING, UP, 2, 2), AttemptStep.OPEN),
        (
            [DIALED],
            CallEnded(batch_id="batch_1", time_us=5, position=0, status=COMPLETED, attempt=REACHED),
            Move(0, UP, COMPLETED, 1, outcome=Outcome.COMPLETED),
            AttemptStep.END,
        ),
        (
            [DIALED],
            RETRY,
            Move(0, UP, RETRYING, 1, outcome=Outcome.BUSY, due_time_us=60),
            AttemptStep.END,
        ),
        (
            [DIALED],
            CallReturned(
                batch_id="batch_1",
                time_us=9,
                position=0,
                attempt=replace(FIRST, outcome=Outcome.THROTTLED),
            ),
            Move(0, UP, PENDING, 0),
            AttemptStep.WITHDRAW,
        ),
        (
            [DIALED, RETRY, DIALED_AGAIN],
            CallReturned(batch_id="batch_1", time_us=9, position=0, attempt=AGAIN),
            Move(0, UP, RETRYING, 1, due_time_us=9),
            AttemptStep.WITHDRAW,
        ),
    ],
    ids=["dialed", "dialed again", "completed", "tried again", "given back", "given back later"],
)
def test_a_change_of_a_call_is_one_move_and_one_step_of_its_attempt(
    before: list[Change], change: Change, move: Move, step: AttemptStep
) -> None:
    """From where to where, with what counts from now on, and when the call is due."""
    ledger = running(*before)
    effects = ledger.apply(change)
    assert effects.moves == [move]
    assert effects.attempt is not None
    assert (effects.attempt.step, effects.attempt.position) == (step, 0)


def test_an_intent_says_since_when_the_call_could_be_dialed() -> None:
    """Beside the dial's number, which no other dial of the call has."""
    assert running().apply(DIALED).attempt == Attempted(AttemptStep.OPEN, 0, FIRST, 1, 1)


def test_an_answer_moves_no_call() -> None:
    """The call is in progress before and after; its attempt has news."""
    change = CallAnswered(batch_id="batch_1", time_us=3, position=0, attempt=FIRST)
    effects = running(DIALED).apply(change)
    assert effects.moves == []
    assert effects.attempt == Attempted(AttemptStep.ANSWER, 0, FIRST)


def test_calls_that_are_canceled_while_they_wait_move_without_an_attempt() -> None:
    """Each from where it stood; nothing of their attempts changes."""
    canceled = CallsCanceled(batch_id="batch_1", time_us=9, calls=[(0, RETRYING), (2, PENDING)])
    effects = running(DIALED, RETRY).apply(canceled)
    assert effects.attempt is None
    assert effects.moves == [
        Move(0, RETRYING, CANCELED, outcome=Outcome.CANCELED),
        Move(2, PENDING, CANCELED, outcome=Outcome.CANCELED),
    ]


def test_a_submission_brings_its_batch() -> None:
    """New calls come with it; they haven't moved."""
    ledger = Ledger.opened(SPEC, total_calls=3, time_us=1)
    effects = ledger.apply(SUBMITTED)
    assert (effects.submitted, effects.moves, effects.attempt) == (SUBMITTED, [], None)


def test_steering_a_batch_moves_no_call() -> None:
    """A pause is told by its event alone."""
    effects = running().apply(BatchPaused(batch_id="batch_1", time_us=2))
    assert (effects.submitted, effects.moves, effects.attempt) == (None, [], None)


def running(*changes: Change) -> Ledger:
    ledger = Ledger.opened(SPEC, total_calls=3, time_us=1)
    for change in (SUBMITTED, *changes):
        ledger.apply(change)
    return ledger
