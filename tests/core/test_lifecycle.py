"""The life-cycle tables, exhaustively: every status × every step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

import pytest

from batchcalls.core.lifecycle import (
    BATCH,
    BATCH_EVENT,
    CALL,
    CALL_EVENT,
    DIAL,
    OPENING,
    SETTLING,
    BatchStep,
    CallStep,
    DialState,
    DialStep,
    IllegalStep,
    next_batch,
    next_call,
    next_dial,
)
from batchcalls.core.model import BatchStatus, CallStatus

LEGAL_CALL_STEPS = {
    (CallStatus.PENDING, CallStep.DIAL): CallStatus.IN_PROGRESS,
    (CallStatus.PENDING, CallStep.CANCEL): CallStatus.CANCELED,
    (CallStatus.IN_PROGRESS, CallStep.COMPLETE): CallStatus.COMPLETED,
    (CallStatus.IN_PROGRESS, CallStep.FAIL): CallStatus.FAILED,
    (CallStatus.IN_PROGRESS, CallStep.CANCEL): CallStatus.CANCELED,
    (CallStatus.IN_PROGRESS, CallStep.RETRY): CallStatus.RETRYING,
    (CallStatus.IN_PROGRESS, CallStep.RETURN): CallStatus.PENDING,
    (CallStatus.RETRYING, CallStep.DIAL): CallStatus.IN_PROGRESS,
    (CallStatus.RETRYING, CallStep.CANCEL): CallStatus.CANCELED,
}
LEGAL_BATCH_STEPS = {
    (BatchStatus.SCHEDULED, BatchStep.START): BatchStatus.RUNNING,
    (BatchStatus.SCHEDULED, BatchStep.PAUSE): BatchStatus.PAUSED,
    (BatchStatus.SCHEDULED, BatchStep.CANCEL): BatchStatus.CANCELING,
    (BatchStatus.RUNNING, BatchStep.DIAL): BatchStatus.RUNNING,
    (BatchStatus.RUNNING, BatchStep.PAUSE): BatchStatus.PAUSED,
    (BatchStatus.RUNNING, BatchStep.CANCEL): BatchStatus.CANCELING,
    (BatchStatus.RUNNING, BatchStep.SETTLE_COMPLETED): BatchStatus.COMPLETED,
    (BatchStatus.RUNNING, BatchStep.SETTLE_FAILED): BatchStatus.FAILED,
    (BatchStatus.PAUSED, BatchStep.RESUME): BatchStatus.RUNNING,
    (BatchStatus.PAUSED, BatchStep.RESCHEDULE): BatchStatus.SCHEDULED,
    (BatchStatus.PAUSED, BatchStep.CANCEL): BatchStatus.CANCELING,
    (BatchStatus.PAUSED, BatchStep.SETTLE_COMPLETED): BatchStatus.COMPLETED,
    (BatchStatus.PAUSED, BatchStep.SETTLE_FAILED): BatchStatus.FAILED,
    (BatchStatus.CANCELING, BatchStep.CANCEL): BatchStatus.CANCELING,
    (BatchStatus.CANCELING, BatchStep.SETTLE_CANCELED): BatchStatus.CANCELED,
}
LEGAL_DIAL_STEPS = {
    (DialState.PREPARING, DialStep.INTEND): DialState.PREPARED,
    (DialState.PREPARING, DialStep.REFUSE): DialState.GONE,
    (DialState.PREPARED, DialStep.LAUNCH): DialState.LAUNCHED,
    (DialState.PREPARED, DialStep.RECALL): DialState.SETTLING,
    (DialState.LAUNCHED, DialStep.PLACE): DialState.UP,
    (DialState.LAUNCHED, DialStep.RECALL): DialState.SETTLING,
    (DialState.UP, DialStep.FREE): DialState.SETTLING,
    (DialState.SETTLING, DialStep.SETTLE): DialState.GONE,
}

Status = BatchStatus | CallStatus
Moves = Mapping[Status, Iterable[Status]]

CALL_MOVES: Moves = {status: set(steps.values()) for status, steps in CALL.items()}
BATCH_MOVES: Moves = {status: set(steps.values()) for status, steps in BATCH.items()}


def reachable(start: Status, moves: Moves) -> set[Status]:
    """Every status that some way of steps leads to from ``start``, which is one of them."""
    seen: set[Status] = set()
    todo = [start]
    while todo:
        status = todo.pop()
        if status not in seen:
            seen.add(status)
            todo.extend(moves[status])
    return seen


@pytest.mark.parametrize(("status", "step"), list(product(CallStatus, CallStep)))
def test_every_step_of_a_call_is_legal_or_refused(status: CallStatus, step: CallStep) -> None:
    """A call's step leads where this list says; a step that isn't in it raises."""
    if (status, step) in LEGAL_CALL_STEPS:
        assert next_call(status, step) is LEGAL_CALL_STEPS[status, step]
    else:
        with pytest.raises(IllegalStep) as raised:
            next_call(status, step)
        assert (raised.value.status, raised.value.step) == (status, step)


@pytest.mark.parametrize(("status", "step"), list(product(BatchStatus, BatchStep)))
def test_every_step_of_a_batch_is_legal_or_refused(status: BatchStatus, step: BatchStep) -> None:
    """A batch's step leads where this list says; a step that isn't in it raises."""
    if (status, step) in LEGAL_BATCH_STEPS:
        assert next_batch(status, step) is LEGAL_BATCH_STEPS[status, step]
    else:
        with pytest.raises(IllegalStep) as raised:
            next_batch(status, step)
        assert (raised.value.status, raised.value.step) == (status, step)


@pytest.mark.parametrize(("state", "step"), list(product(DialState, DialStep)))
def test_every_step_of_a_dial_is_legal_or_refused(state: DialState, step: DialStep) -> None:
    """A dial's step leads where this list says; a step that isn't in it raises."""
    if (state, step) in LEGAL_DIAL_STEPS:
        assert next_dial(state, step) is LEGAL_DIAL_STEPS[state, step]
    else:
        with pytest.raises(IllegalStep, match="is not possible while"):
            next_dial(state, step)


def test_a_batch_opens_by_a_step_that_it_can_take() -> None:
    """What OPENING names is legal where it names it; nothing opens a batch in another status."""
    assert {status for status, _ in OPENING} == {BatchStatus.SCHEDULED, BatchStatus.PAUSED}
    for (status, is_time), step in OPENING.items():
        if step is not None:
            assert (next_batch(status, step) is BatchStatus.RUNNING) == is_time


def test_a_batch_settles_by_a_step_that_it_can_take() -> None:
    """What SETTLING names is final; a batch that may have dialed is in it either way."""
    assert {status for status, _ in SETTLING} == {
        BatchStatus.RUNNING,
        BatchStatus.PAUSED,
        BatchStatus.CANCELING,
    }
    for (status, _), step in SETTLING.items():
        assert next_batch(status, step).final


def test_every_step_that_changes_something_has_its_event() -> None:
    """The dial of a call is reported as the call's: the batch stays as it is."""
    assert set(CALL_EVENT) == set(CallStep)
    assert set(BATCH_EVENT) == set(BatchStep) - {BatchStep.DIAL}


def test_the_tables_name_every_status() -> None:
    """No status is forgotten, not even one that has no way out."""
    assert set(CALL) == set(CallStatus)
    assert set(BATCH) == set(BatchStatus)
    assert set(DIAL) == set(DialState)


@pytest.mark.parametrize("status", CallStatus)
def test_a_call_is_final_where_no_step_leads_out(status: CallStatus) -> None:
    """What the records call final and what the table says is the same."""
    assert status.final == (not CALL[status])


@pytest.mark.parametrize("status", BatchStatus)
def test_a_batch_is_final_where_no_step_leads_out(status: BatchStatus) -> None:
    """What the records call final and what the table says is the same."""
    assert status.final == (not BATCH[status])


@pytest.mark.parametrize("status", CallStatus)
def test_every_call_can_end(status: CallStatus) -> None:
    """From every status of a call, some final one can be reached."""
    assert any(end.final for end in reachable(status, CALL_MOVES))


@pytest.mark.parametrize("status", BatchStatus)
def test_every_batch_can_end(status: BatchStatus) -> None:
    """From every status of a batch, some final one can be reached."""
    assert any(end.final for end in reachable(status, BATCH_MOVES))


def test_no_status_is_out_of_reach() -> None:
    """From the first status of a call and of a batch, every other one can be reached."""
    assert reachable(CallStatus.PENDING, CALL_MOVES) == set(CallStatus)
    assert reachable(BatchStatus.SCHEDULED, BATCH_MOVES) == set(BatchStatus)


def test_nothing_leads_back_from_canceling_to_dialing() -> None:
    """A cancel is for good: the only way on is canceled."""
    assert reachable(BatchStatus.CANCELING, BATCH_MOVES) == {
        BatchStatus.CANCELING,
        BatchStatus.CANCELED,
    }


def test_only_dialing_brings_a_call_up() -> None:
    """There is one way into ``in_progress``, so one place where an attempt begins."""
    ways = {
        step
        for steps in CALL.values()
        for step, target in steps.items()
        if target is CallStatus.IN_PROGRESS
    }
    assert ways == {CallStep.DIAL}


def test_the_refusal_says_what_was_tried() -> None:
    """The message names the step and the status, in the words of the documents."""
    with pytest.raises(IllegalStep, match=r"^'resume' is not possible while completed$"):
        next_batch(BatchStatus.COMPLETED, BatchStep.RESUME)
