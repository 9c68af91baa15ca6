"""The ledger: counts, events and the batch's end follow from the changes, whatever their order."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from batchcalls.core.changes import (
    BatchPaused,
    BatchResumed,
    BatchStarted,
    BatchSubmitted,
    CallAnswered,
    CallDialed,
    CallEnded,
    CallReturned,
    CallsCanceled,
    CancelRequested,
    Change,
    NewCall,
    RetryScheduled,
)
from batchcalls.core.ledger import Ledger
from batchcalls.core.lifecycle import IllegalStep
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSettings,
    BatchSpec,
    BatchStatus,
    CallStatus,
    Counts,
    Event,
    EventType,
    Outcome,
)

BATCH_ID = "batch_1"
SPEC = BatchSpec(batch_id=BATCH_ID, carrier="any", settings=BatchSettings(concurrency=1))
CALL = NewCall(priority=0, spec=b"")


def make_attempt(number: int = 1) -> Attempt:
    return Attempt(attempt_id=f"a{number}", number=number, carrier="any", start_time_us=1)


def started(position: int = 0, *, source: CallStatus = CallStatus.PENDING) -> CallDialed:
    return CallDialed(
        batch_id=BATCH_ID,
        time_us=5,
        position=position,
        source=source,
        due_time_us=0,
        dial=1,
        attempt=make_attempt(),
    )


def ended(position: int = 0, status: CallStatus = CallStatus.COMPLETED) -> CallEnded:
    return CallEnded(
        batch_id=BATCH_ID, time_us=6, position=position, status=status, attempt=make_attempt()
    )


def running(calls: int = 1) -> Ledger:
    ledger = Ledger.opened(SPEC, total_calls=calls, time_us=1)
    ledger.apply(BatchSubmitted(batch_id=BATCH_ID, time_us=1, spec=SPEC, calls=[CALL] * calls))
    return ledger


def types(events: list[Event]) -> list[EventType]:
    return [event.type for event in events]


def ledger_in(status: BatchStatus) -> Ledger:
    """A batch of one call that has come into that status, by itself or by its only call."""
    ledger = Ledger.opened(SPEC, total_calls=1, time_us=1)
    batch = ledger.snapshot()
    counts = Counts(pending=1)
    if status.final:
        counts = Counts(completed=1) if status is BatchStatus.COMPLETED else Counts(failed=1)
    return (
        Ledger(Batch(spec=SPEC, status=status, counts=counts, end_time_us=9 if status.final else 0))
        if status is not batch.status
        else ledger
    )


CHANGES: list[Change] = [
    BatchStarted(batch_id=BATCH_ID, time_us=10),
    BatchPaused(batch_id=BATCH_ID, time_us=10),
    BatchResumed(batch_id=BATCH_ID, time_us=10),
    CancelRequested(batch_id=BATCH_ID, time_us=10, hang_up=True),
    started(),
    CallAnswered(batch_id=BATCH_ID, time_us=10, position=0, attempt=make_attempt()),
    ended(),
    RetryScheduled(
        batch_id=BATCH_ID, time_us=10, position=0, attempt=make_attempt(), due_time_us=11
    ),
    CallReturned(batch_id=BATCH_ID, time_us=10, position=0, attempt=make_attempt()),
    CallsCanceled(batch_id=BATCH_ID, time_us=10, calls=[(0, CallStatus.PENDING)]),
]
FINAL_BATCHES = [status for status in BatchStatus if status.final]


@pytest.mark.parametrize(
    ("status", "change"),
    list(product(FINAL_BATCHES, CHANGES)),
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_nothing_happens_to_a_final_batch(status: BatchStatus, change: Change) -> None:
    """Once a batch is final, every change is refused and the account stays as it is."""
    ledger = ledger_in(status)
    before = ledger.snapshot()
    with pytest.raises((IllegalStep, AssertionError)):
        ledger.apply(change)
    assert ledger.snapshot() == before


@pytest.mark.parametrize("status", [status for status in BatchStatus if not status.final])
@pytest.mark.parametrize("change", CHANGES[:4], ids=lambda change: type(change).__name__)
def test_a_batch_can_be_steered_as_the_table_says(status: BatchStatus, change: Change) -> None:
    """Every status × every steering change: it moves the status or leaves the account alone."""
    ledger = ledger_in(status)
    before = ledger.snapshot()
    legal = {
        BatchStarted: [BatchStatus.SCHEDULED],
        BatchPaused: [BatchStatus.SCHEDULED, BatchStatus.RUNNING],
        BatchResumed: [BatchStatus.PAUSED],
        CancelRequested: [status for status in BatchStatus if not status.final],
    }
    if status in legal[type(change)]:
        [event] = ledger.apply(change).events
        assert (event.sequence, event.time_us) == (1, 10)
        assert ledger.snapshot().revision == before.revision + 1
    else:
        with pytest.raises(IllegalStep):
            ledger.apply(change)
        assert ledger.snapshot() == before


def test_a_batch_that_starts_at_once_says_so_first() -> None:
    """The first event of a batch that need not wait is that it started."""
    ledger = Ledger.opened(SPEC, total_calls=1, time_us=1)
    change = BatchSubmitted(batch_id=BATCH_ID, time_us=1, spec=SPEC, calls=[CALL])
    assert types(ledger.apply(change).events) == [EventType.BATCH_STARTED]
    assert ledger.status is BatchStatus.RUNNING


def test_the_batchs_own_end_comes_behind_its_last_calls() -> None:
    """The final event is the last one, with the final counts, in the same change."""
    ledger = running()
    ledger.apply(started())
    events = ledger.apply(ended()).events
    assert types(events) == [EventType.CALL_COMPLETED, EventType.BATCH_COMPLETED]
    assert events[-1].counts == Counts(completed=1)
    assert ledger.snapshot().end_time_us == 6


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ([CallStatus.COMPLETED, CallStatus.FAILED], BatchStatus.COMPLETED),
        ([CallStatus.FAILED, CallStatus.COMPLETED], BatchStatus.COMPLETED),
        ([CallStatus.FAILED, CallStatus.FAILED], BatchStatus.FAILED),
        ([CallStatus.FAILED, CallStatus.CANCELED], BatchStatus.FAILED),
    ],
)
def test_one_completed_call_completes_a_batch(
    ends: list[CallStatus], expected: BatchStatus
) -> None:
    """A batch is completed when any of its calls is, and failed when none is."""
    ledger = running(len(ends))
    for position, status in enumerate(ends):
        ledger.apply(started(position))
        ledger.apply(ended(position, status))
    assert ledger.status is expected


def test_a_paused_batch_settles_when_its_last_call_ends() -> None:
    """Calls that are up go on through a pause, and their end is the batch's."""
    ledger = running()
    ledger.apply(started())
    ledger.apply(BatchPaused(batch_id=BATCH_ID, time_us=5))
    ledger.apply(ended())
    assert ledger.status is BatchStatus.COMPLETED


def test_a_canceled_batch_ends_canceled_even_if_calls_completed() -> None:
    """After a cancel the end is canceled, however the calls that were up end."""
    ledger = running()
    ledger.apply(started())
    ledger.apply(CancelRequested(batch_id=BATCH_ID, time_us=5, hang_up=False))
    assert types(ledger.apply(ended()).events) == [
        EventType.CALL_COMPLETED,
        EventType.BATCH_CANCELED,
    ]
    assert ledger.status is BatchStatus.CANCELED


def test_a_second_cancel_may_hang_up_but_never_takes_it_back() -> None:
    """A cancel may be sharpened, not softened."""
    ledger = running()
    for hang_up in (False, True, False):
        ledger.apply(CancelRequested(batch_id=BATCH_ID, time_us=5, hang_up=hang_up))
    assert ledger.snapshot().hang_up


def test_a_resumed_batch_waits_for_its_start_if_it_never_ran() -> None:
    """A pause before the start time doesn't start a batch early."""
    ledger = Ledger.opened(SPEC, total_calls=1, time_us=1)
    ledger.apply(BatchPaused(batch_id=BATCH_ID, time_us=2))
    ledger.apply(BatchResumed(batch_id=BATCH_ID, time_us=3))
    assert ledger.status is BatchStatus.SCHEDULED


def test_people_and_machines_that_were_reached_are_counted_apart() -> None:
    """A call that completes at a voicemail is completed; one that is tried again isn't counted."""
    ledger = running(calls=3)
    for position in range(3):
        ledger.apply(started(position))
    machine = replace(make_attempt(), outcome=Outcome.VOICEMAIL)
    again = RetryScheduled(
        batch_id=BATCH_ID, time_us=7, position=0, attempt=machine, due_time_us=99
    )
    over = CallEnded(
        batch_id=BATCH_ID, time_us=7, position=1, status=CallStatus.COMPLETED, attempt=machine
    )
    ledger.apply(again)
    [event] = ledger.apply(over).events
    ledger.apply(ended(2, CallStatus.COMPLETED))
    assert event.counts == Counts(in_progress=1, retrying=1, completed=1, voicemail=1)
    assert ledger.snapshot().counts == Counts(retrying=1, completed=2, voicemail=1)
    assert ledger.snapshot().counts.total == 3


def test_a_call_that_is_given_back_has_no_attempt_of_it() -> None:
    """A dial that certainly did not ring counts as no attempt; the call is due at once."""
    ledger = running()
    ledger.apply(started())
    [event] = ledger.apply(
        CallReturned(batch_id=BATCH_ID, time_us=9, position=0, attempt=make_attempt(1))
    ).events
    batch = ledger.snapshot()
    assert (batch.attempts, batch.counts) == (0, Counts(pending=1))
    assert (event.type, event.due_time_us) == (EventType.CALL_RETRY_SCHEDULED, 9)


def test_a_later_dial_that_is_given_back_stays_a_retry() -> None:
    """A call with an attempt that counts never becomes pending again."""
    ledger = running()
    ledger.apply(started())
    ledger.apply(
        RetryScheduled(
            batch_id=BATCH_ID, time_us=6, position=0, attempt=make_attempt(), due_time_us=8
        )
    )
    ledger.apply(started(source=CallStatus.RETRYING))
    ledger.apply(CallReturned(batch_id=BATCH_ID, time_us=9, position=0, attempt=make_attempt(2)))
    assert ledger.snapshot().counts == Counts(retrying=1)
    assert ledger.snapshot().attempts == 1


def test_only_a_retry_says_when_it_is_due() -> None:
    """The due time stands on the retry's event and on no other."""
    ledger = running()
    events = ledger.apply(started()).events
    retry = RetryScheduled(
        batch_id=BATCH_ID, time_us=6, position=0, attempt=make_attempt(), due_time_us=8
    )
    events += ledger.apply(retry).events
    assert [event.due_time_us for event in events] == [0, 8]


def test_calls_are_canceled_all_or_none() -> None:
    """One call among many that can't be canceled, and none of them is."""
    ledger = running(2)
    before = ledger.snapshot()
    pairs = [(0, CallStatus.PENDING), (1, CallStatus.COMPLETED)]
    with pytest.raises(IllegalStep):
        ledger.apply(CallsCanceled(batch_id=BATCH_ID, time_us=5, calls=pairs))
    assert ledger.snapshot() == before


def test_a_call_that_isnt_there_cant_end() -> None:
    """The counts are never below zero: a call that ends must have been dialed."""
    ledger = running()
    with pytest.raises(AssertionError, match="is in_progress"):
        ledger.apply(ended())


def test_a_fork_goes_its_own_way() -> None:
    """What a fork accounts for, its original knows nothing of, and the other way round."""
    ledger = running(2)
    fork = ledger.fork()
    before = ledger.snapshot()
    fork.apply(started(0))
    assert ledger.snapshot() == before
    ledger.apply(started(1))
    assert (ledger.snapshot().last_sequence, fork.snapshot().last_sequence) == (2, 2)
    assert repr(fork).startswith("<Ledger batch_1 running #2")


def test_events_that_were_returned_stay_as_they_are() -> None:
    """A later change adds nothing to the events of an earlier one."""
    ledger = running()
    first = ledger.apply(started()).events
    ledger.apply(ended())
    assert types(first) == [EventType.CALL_STARTED]
