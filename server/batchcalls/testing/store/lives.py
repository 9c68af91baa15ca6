"""What becomes of a call and of its batch, change by change, as the store shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from batchcalls.core.changes import Change
from batchcalls.core.model import CallStatus, Outcome, RetryOrder
from batchcalls.testing.breach import require_equal
from batchcalls.testing.store.bench import Bench, Rule, StoreFactory, fresh
from batchcalls.testing.store.changes import (
    NOW_US,
    SECOND_US,
    answered,
    attempt,
    cancel_requested,
    completed,
    dialed,
    paused,
    retried,
    returned,
    submitted,
)

_TWO_ATTEMPTS: Final[Sequence[Change]] = (
    submitted(calls=1),
    dialed(),
    retried(),
    dialed(number=2, dial=2),
    returned(number=2, dial=2),
    dialed(number=2, dial=3),
    answered(number=2, dial=3),
    completed(number=2, dial=3),
)
"""A call that is busy, then throttled, then reached."""


def a_call_lives_step_by_step(open_store: StoreFactory) -> None:
    """What the store shows follows from the changes, each committed by itself."""
    with fresh(open_store) as bench:
        for change in _TWO_ATTEMPTS:
            bench.commit(change)
            bench.require_as_in_the_books()
        _require_two_attempts(bench)


def a_call_is_answered_and_ends_in_one_group(open_store: StoreFactory) -> None:
    """What an attempt went through shows, in as few groups as it comes."""
    with fresh(open_store) as bench:
        *before, up, over = _TWO_ATTEMPTS
        for change in before:
            bench.commit(change)
        bench.commit(up, over)
        bench.require_as_in_the_books()
        _require_two_attempts(bench)


def _require_two_attempts(bench: Bench) -> None:
    (call,) = bench.calls()
    require_equal(
        (call.status, call.outcome, call.due_time_us, call.end_time_us),
        (CallStatus.COMPLETED, Outcome.COMPLETED, 0, NOW_US + SECOND_US),
        "a call must end as its last change says",
    )
    require_equal(
        call.attempts,
        (attempt(outcome=Outcome.BUSY), attempt(number=2, dial=3, outcome=Outcome.COMPLETED)),
        "a call must have the attempts that count, and no other",
    )


def a_call_given_back_is_as_before(open_store: StoreFactory) -> None:
    """A throttled first dial leaves no attempt: the call is pending, its dial stays counted."""
    with fresh(open_store) as bench:
        for change in (submitted(calls=1), dialed(), returned()):
            bench.commit(change)
        (call,) = bench.calls()
        require_equal(
            (call.status, call.outcome, call.attempts),
            (CallStatus.PENDING, None, ()),
            "a call that was given back must be as before its dial",
        )
        order = RetryOrder.FRESH_FIRST
        head = bench.store.queue_head("batch_a", now_us=NOW_US, after=None, limit=9, order=order)
        require_equal(
            [(each.attempts, each.dials) for each in head.ready],
            [(0, 1)],
            "a dial that was given back must stay counted, as no attempt",
        )


def a_retry_given_back_is_due_at_once(open_store: StoreFactory) -> None:
    """A throttled second dial leaves the first attempt, and the call retrying, due now."""
    with fresh(open_store) as bench:
        for change in (submitted(calls=1), dialed(), retried(), dialed(0, 2, 2), returned(0, 2, 2)):
            bench.commit(change)
        (call,) = bench.calls()
        require_equal(
            (call.status, call.due_time_us, [each.number for each in call.attempts]),
            (CallStatus.RETRYING, NOW_US + SECOND_US, [1]),
            "a retry that was given back must be retrying, due at once",
        )


def a_batch_is_paused_and_canceled(open_store: StoreFactory) -> None:
    """What happens to a whole batch moves no call of it."""
    with fresh(open_store) as bench:
        bench.commit(submitted(calls=2))
        before = bench.calls()
        for change in (paused(), cancel_requested()):
            bench.commit(change)
            bench.require_as_in_the_books()
        require_equal(bench.calls(), before, "calls must stay while their batch is canceling")


RULES: Final[tuple[Rule, ...]] = (
    a_call_lives_step_by_step,
    a_call_is_answered_and_ends_in_one_group,
    a_call_given_back_is_as_before,
    a_retry_given_back_is_due_at_once,
    a_batch_is_paused_and_canceled,
)
