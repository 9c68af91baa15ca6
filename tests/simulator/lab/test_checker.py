"""The checker sees each broken promise, wherever it is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from batchcalls.carriers.base import OutboundCall
from batchcalls.clock import Clock
from batchcalls.core.changes import (
    BatchPaused,
    BatchSubmitted,
    CallDialed,
    CallEnded,
    CallReturned,
    CallsCanceled,
    CancelRequested,
    Change,
    RetryScheduled,
)
from batchcalls.core.ledger import Ledger
from batchcalls.core.model import (
    Attempt,
    Batch,
    BatchSettings,
    BatchSpec,
    BatchStatus,
    Call,
    CallSpec,
    CallStatus,
    Counts,
    EventType,
    Outcome,
    RetryConfig,
    attempt_id,
    call_id,
)
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.feed import Page
from batchcalls.engine.journal import Published
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls.wire.spec import new_call
from batchcalls_simulator.lab.books import BatchBook, BrokenPromise
from batchcalls_simulator.lab.checker import Checker
from batchcalls_simulator.lab.dials import Dials, Known, Ring, Tally
from batchcalls_simulator.lab.readings import Reading

NUMBER = "+15550100000"
SPEC = BatchSpec(
    batch_id="batch_a",
    carrier="simulator",
    settings=BatchSettings(
        concurrency=2,
        retry=RetryConfig(max_attempts=2, delay_s=0.0, retry_on=frozenset({Outcome.BUSY})),
    ),
)
CALL = CallSpec(phone_number=NUMBER)
CALLS = [new_call(CALL)] * 3
RUNNING = Known(status=BatchStatus.RUNNING, hang_up=False, since_s=0.0)


def attempt(number: int = 1, dial: int = 1, outcome: Outcome | None = None) -> Attempt:
    return Attempt(
        attempt_id=attempt_id("batch_a", 0, dial),
        number=number,
        carrier="simulator",
        start_time_us=10,
        outcome=outcome,
    )


def change(kind: type[Change], **fields: Any) -> Change:
    return kind(batch_id="batch_a", time_us=1, **fields)


def intent(number: int = 1, dial: int = 1, source: CallStatus = CallStatus.PENDING) -> Change:
    made = attempt(number, dial)
    return change(CallDialed, position=0, source=source, dial=dial, due_time_us=0, attempt=made)


def retry_at(due_time_us: int) -> Change:
    ended = attempt(outcome=Outcome.BUSY)
    return change(RetryScheduled, position=0, attempt=ended, due_time_us=due_time_us)


SUBMITTED = BatchSubmitted(batch_id="batch_a", time_us=1, spec=SPEC, calls=CALLS)


def books(*changes: Change) -> BatchBook:
    """The books of a batch after these changes."""
    book, _ = kept()
    for one in changes:
        effects = gullible().apply(one)
        effects.events.clear()  # they are told of by an account that is off
        book.apply(effects, [])
    return book


def gullible() -> Ledger:
    """An account that takes every change of a call for possible."""
    counts = Counts(pending=3, in_progress=3, retrying=3)
    return Ledger(Batch(spec=SPEC, status=BatchStatus.RUNNING, counts=counts))


def kept(*changes: Change) -> tuple[BatchBook, Ledger]:
    """The books and the service's own account, after the same changes."""
    ledger = Ledger.opened(SPEC, total_calls=len(CALLS), time_us=1)
    book = BatchBook(SPEC, [CALL] * 3)
    for one in (SUBMITTED, *changes):
        effects = ledger.apply(one)
        book.apply(effects, [b""] * len(effects.events))
    return book, ledger


DIALED_AGAIN = [intent(), retry_at(5), intent(2, 2, CallStatus.RETRYING)]


@pytest.mark.parametrize(
    "changes",
    [
        [],
        [change(BatchPaused)],
        DIALED_AGAIN,
        [intent(), change(CallReturned, position=0, attempt=attempt(outcome=Outcome.THROTTLED))],
        [change(CancelRequested, hang_up=True)],
        [
            change(CancelRequested, hang_up=False),
            change(CallsCanceled, calls=[(index, CallStatus.PENDING) for index in range(3)]),
        ],
    ],
)
def test_the_books_agree_with_a_right_account(changes: list[Change]) -> None:
    """Two accounts that share no code say the same."""
    book, ledger = kept(*changes)
    book.compare(ledger.snapshot())


def test_counts_that_are_off_are_seen() -> None:
    """A count that moved without its call is a broken promise."""
    book, ledger = kept(intent())
    batch = ledger.snapshot()
    with pytest.raises(BrokenPromise, match="counts"):
        book.compare(replace(batch, counts=batch.counts._replace(pending=3)))


def test_a_wrong_status_is_seen() -> None:
    """A batch whose calls are all final can't be running."""
    book, ledger = kept()
    with pytest.raises(BrokenPromise, match="should be running"):
        book.compare(replace(ledger.snapshot(), status=BatchStatus.COMPLETED))


def test_a_gap_in_the_log_is_seen() -> None:
    """Sequences are dense."""
    _, ledger = kept()
    book = BatchBook(SPEC, [CALL] * 3)
    with pytest.raises(BrokenPromise, match="event 2 logged where 1 was due"):
        book.apply(ledger.apply(change(BatchPaused)), [b""])


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ([intent(), intent()], "is in_progress and is dialed"),
        ([intent(number=2)], "attempt 2 should be 1"),
        ([intent(dial=2)], "dial 2 should be 1"),
        ([retry_at(5)], "isn't open"),
        (
            [intent(), change(CallsCanceled, calls=[(0, CallStatus.PENDING)])],
            "as if it were pending",
        ),
    ],
)
def test_a_call_can_do_only_what_its_status_allows(changes: list[Change], broken: str) -> None:
    """The books know the life of a call."""
    with pytest.raises(BrokenPromise, match=broken):
        books(*changes)


def test_a_delay_that_is_too_short_is_seen() -> None:
    """The books know from the batch alone how long a retry waits at least."""
    retry = replace(
        SPEC.settings.retry, delay_s=10.0, backoff_multiplier=2.0, max_delay_s=15.0, jitter=0.5
    )
    book, ledger = kept(intent())
    book.spec = replace(SPEC, settings=replace(SPEC.settings, retry=retry))
    with pytest.raises(BrokenPromise, match=" 1 s too early"):
        book.apply(ledger.apply(retry_at(4_000_000)), [b""])


def test_a_due_time_that_isnt_durable_is_seen() -> None:
    """What the store shows of a retry is when it is due."""
    stored = Call(
        batch_id="batch_a",
        position=0,
        spec=new_call(CALL).spec,
        status=CallStatus.RETRYING,
        attempts=(attempt(outcome=Outcome.BUSY),),
        due_time_us=4,
    )
    book = books(intent(), retry_at(5))
    with pytest.raises(BrokenPromise, match="due time isn't durable"):
        book.compare_call(0, stored)
    book.compare_call(0, replace(stored, due_time_us=5))


# At the phones


def dials() -> Dials:
    return Dials(limits=EngineLimits(max_concurrent_calls=5), carriers={})


def ring(number: int = 1, dial: int = 1, *, at_us: int = 100) -> Ring:
    call = OutboundCall(
        attempt_id=attempt_id("batch_a", 0, dial),
        call_id=call_id("batch_a", 0),
        batch_id="batch_a",
        attempt_number=number,
        phone_number=NUMBER,
        script=("Hello",),
    )
    return Ring(call, "server", 1, at_us / 1e6, at_us)


def stored(*attempts: Attempt, status: CallStatus = CallStatus.IN_PROGRESS) -> Call:
    return Call(
        batch_id="batch_a", position=0, spec=new_call(CALL).spec, status=status, attempts=attempts
    )


def refusal(
    rings: Sequence[Ring], book: BatchBook, *, known: Known = RUNNING, shown: Call | None = None
) -> str:
    """What is said of the last of these dials; empty if nothing."""
    seen = dials()
    for earlier in rings[:-1]:
        seen.note(earlier, book)
        seen.over(earlier.call.attempt_id, Outcome.BUSY)
    try:
        seen.dialed(rings[-1], book, known, shown or stored(book.calls[0].open or attempt()))
    except BrokenPromise as promise:
        return str(promise)
    return ""


def test_a_right_dial_is_allowed() -> None:
    """With a durable intent, a slot and a running batch."""
    assert refusal([ring()], books(intent())) == ""
    assert refusal([ring(), ring(2, 2)], books(*DIALED_AGAIN)) == ""


def test_a_dial_without_a_durable_intent_is_seen() -> None:
    """The database must show it, open, at the moment of the dial."""
    book = books(intent())
    nothing, ended = stored(), stored(attempt(outcome=Outcome.BUSY))
    waiting = stored(attempt(), status=CallStatus.PENDING)
    for shown in (nothing, ended, waiting):
        assert "without a durable intent" in refusal([ring()], book, shown=shown)


def test_an_attempt_that_is_dialed_twice_is_seen() -> None:
    """By its id, and by its number."""
    assert "attempt_a_0_1 was dialed twice" in refusal([ring(), ring()], books(intent()))
    again = books(intent(), retry_at(5), intent(2, 2, CallStatus.RETRYING))
    again.calls[0].open = attempt(1, 2)
    assert "attempt number 1 was dialed twice" in refusal([ring(), ring(1, 2)], again)


def test_a_dial_past_max_attempts_is_seen() -> None:
    """The third dial of a call that has two attempts."""
    book = books(*DIALED_AGAIN)
    book.calls[0].open = attempt(3, 3)
    rings = [ring(), ring(2, 2), ring(3, 3)]
    assert "past its 2 attempts" in refusal(rings, book)


def test_a_dial_after_an_outcome_that_isnt_retried_is_seen() -> None:
    """Unknown isn't named in ``retry_on``: nobody is rung again."""
    book = books(*DIALED_AGAIN)
    book.calls[0].ended = [attempt(outcome=Outcome.UNKNOWN)]
    assert "dialed again after unknown" in refusal([ring(), ring(2, 2)], book)


def test_a_dial_before_its_time_is_seen() -> None:
    """A retry that is due at 5 s isn't dialed at 4 s."""
    book = books(intent(), retry_at(5_000_000), intent(2, 2, CallStatus.RETRYING))
    assert "before it was due" in refusal([ring(), ring(2, 2, at_us=4_000_000)], book)
    assert refusal([ring(), ring(2, 2, at_us=5_000_000)], book) == ""


@pytest.mark.parametrize(
    ("status", "since_us", "broken"),
    [
        (BatchStatus.PAUSED, 99, "though its batch was paused"),
        (BatchStatus.PAUSED, 100, ""),
        (BatchStatus.CANCELING, 99, "though its batch was canceling"),
        (BatchStatus.SCHEDULED, 0, "while its batch was scheduled"),
        (BatchStatus.COMPLETED, 0, "while its batch was completed"),
    ],
)
def test_a_dial_of_a_batch_that_may_not_is_seen(
    status: BatchStatus, since_us: int, broken: str
) -> None:
    """Paused, canceled, not started, over: from the moment that the server knows it, nothing."""
    known = replace(RUNNING, status=status, since_s=since_us / 1e6)
    assert broken in refusal([ring()], books(intent()), known=known)


def test_more_calls_than_slots_are_seen() -> None:
    """The third call on two slots, but not the third after one has ended."""
    tally = Tally("server", slots=2, rate=0.0)
    tally.start(0.0)
    tally.start(0.0)
    with pytest.raises(BrokenPromise, match="3 calls are up, 2 may be"):
        tally.start(0.0)


def test_more_dials_than_the_rate_are_seen() -> None:
    """Two a second: the third within a second breaks it, a second after the first it doesn't."""
    tally = Tally("server", slots=0, rate=2.0)
    for now in (0.0, 0.5, 1.0, 1.5):
        tally.start(now)
    with pytest.raises(BrokenPromise, match="3 dials within"):
        tally.start(1.99)


def test_a_lost_end_is_seen() -> None:
    """Only the open attempt of a call can end."""
    ended = change(CallEnded, position=0, status=CallStatus.COMPLETED, attempt=attempt(dial=7))
    with pytest.raises(BrokenPromise, match="attempt_a_0_7 has news and isn't open"):
        books(intent(), ended)


# Where events are read

READING = Reading(name="a reader", batch_id="batch_a")
WANTED = EventType.CALL_STARTED


async def complaint(reading: Reading, page: Page, *, after: int = 0) -> str:
    """What is said of a page, where three events are durable and the server knows of two."""
    store = SqlStore.open("sqlite://")
    checker = Checker(store, clock=Clock(), limits=EngineLimits(), carriers={}, stop=lambda: None)
    watcher = checker.watcher(1)
    ledger = Ledger.opened(SPEC, total_calls=3, time_us=1)
    book = checker.books["batch_a"] = BatchBook(SPEC, [CALL] * 3)
    for each in (SUBMITTED, intent(), retry_at(5)):
        effects = ledger.apply(each)
        events = [Published(event, b"%d" % event.sequence) for event in effects.events]
        book.apply(effects, [event.payload for event in events])
        watcher.committed([], [one for one in events if one.event.sequence <= 2], [])
    checker.read(reading, after, page)
    store.close()
    return str(checker.broken or "")


@pytest.mark.parametrize(
    ("payloads", "after", "last_sequence", "is_end", "broken"),
    [
        ([b"1", b"2"], 0, 2, False, ""),
        ([b"2"], 1, 2, False, ""),
        ([], 2, 2, False, ""),
        ([], 3, 3, False, ""),
        ([b"2"], 0, 2, False, "saw 1 events behind 0, other than the 2 of the log"),
        ([b"1", b"1", b"2"], 0, 2, False, "saw 3 events behind 0, other than the 2 of the log"),
        ([b"2", b"1"], 0, 2, False, "other than the 2 of the log"),
        ([b"1", b"2", b"3"], 0, 3, False, "was led from 0 to 3 of 2 events"),
        ([], 2, 1, False, "was led from 2 to 1 of 2 events"),
        ([b"1", b"2"], 0, 2, True, "was told of an end too early"),
    ],
)
async def test_a_page_that_isnt_the_log_is_seen(
    payloads: list[bytes], after: int, last_sequence: int, is_end: bool, broken: str
) -> None:
    """Gaps, repeats, another order, news ahead of the server, a way back, an early end."""
    said = await complaint(
        READING, Page(payloads, last_sequence, last_sequence, is_end), after=after
    )
    assert broken in said
    assert bool(said) == bool(broken)


async def test_a_reader_is_given_only_what_it_wants() -> None:
    """Events of other types aren't missed by one who names some."""
    reading = replace(READING, types=frozenset({WANTED}))
    assert await complaint(reading, Page([b"2"], 2, 3, is_end=False)) == ""
    assert "other than" in await complaint(reading, Page([b"1", b"2"], 2, 3, is_end=False))
