"""The verdict finds each broken promise in evidence that was doctored to break it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from batchcalls.core.model import BatchStatus, CallStatus, Counts, Outcome, RetryConfig
from batchcalls_simulator.cdr import THROTTLED
from batchcalls_simulator.lab.chaos.evidence import Acknowledged, Evidence, Seen
from batchcalls_simulator.lab.chaos.verdict import CHECKS, judge
from tests.simulator.lab.chaos.evidence import (
    BATCH,
    EVENTS,
    NUMBERS,
    attempt,
    call,
    dial,
    kept,
    with_dials,
    with_stored,
)


def one_batch(evidence: Evidence, **changes: object) -> Evidence:
    """The evidence with changes in the record of its batch."""
    (one,) = evidence.stored
    return with_stored(evidence, replace(one, batch=replace(one.batch, **changes)))  # type: ignore[arg-type]  # fields of any type


def with_calls(*calls: object) -> Evidence:
    (one,) = kept().stored
    return with_stored(kept(), replace(one, calls=calls))  # type: ignore[arg-type]  # they are calls


def with_retry(retry: RetryConfig) -> Evidence:
    (one,) = kept().stored
    spec = one.batch.spec
    return one_batch(kept(), spec=replace(spec, settings=replace(spec.settings, retry=retry)))


def seeing(*events: tuple[int, bytes]) -> Evidence:
    return replace(kept(), seen=(Seen(reader="a reader", batch_id=BATCH, events=events),))


def acknowledging(**changes: object) -> Evidence:
    (told,) = kept().acknowledged
    other = replace(told, **changes)  # type: ignore[arg-type]  # fields of any type
    return replace(kept(), acknowledged=(told, other))


def without_intent() -> Evidence:
    (one,) = kept().stored
    return with_calls(replace(one.calls[0], attempts=one.calls[0].attempts[:1]), one.calls[1])


def in_another_place(sequence: int) -> Evidence:
    (one,) = kept().stored
    log = tuple(event for event in EVENTS if event[0] != sequence)
    return with_stored(kept(), replace(one, events=log))


BUSY, COMPLETED, UNKNOWN = Outcome.BUSY, Outcome.COMPLETED, Outcome.UNKNOWN

DOCTORED = [
    (
        "nothing went wrong",
        replace(kept(), mishaps=("the server ended by itself with 1",)),
        "ended by itself",
    ),
    ("dialed once", with_dials(kept(), dial(1, 1, 20.0, COMPLETED)), "was dialed 2 times"),
    ("dialed once", replace(kept(), repeats=("attempt_1_0_1",)), "was sent again"),
    (
        "dialed once",
        with_dials(kept(), replace(dial(1, 1, 20.0, COMPLETED), attempt_id="attempt_1_1_2")),
        "attempt 1 of call_1_1 was dialed 2 times",
    ),
    ("within its attempts", with_retry(RetryConfig(max_attempts=1)), "1 were allowed"),
    (
        "within its attempts",
        with_dials(kept(), replace(dial(0, 3, 20.0, BUSY), outcome=None, end_s=None)),
        "was dialed 3 times, 2 were allowed",
    ),
    (
        "retried only if asked",
        with_calls(call(0, UNKNOWN, COMPLETED), call(1, COMPLETED)),
        "dialed again after unknown",
    ),
    (
        "retried only if asked",
        with_dials(with_calls(call(0, UNKNOWN), call(1, COMPLETED))),
        "dialed again after unknown",
    ),
    ("acknowledged is kept", replace(kept(), stored=()), "isn't there"),
    ("acknowledged is kept", acknowledging(batch_id="batch_2"), "made 2 batches"),
    ("acknowledged is kept", acknowledging(phone_numbers=NUMBERS[:1]), "the calls that were"),
    ("acknowledged is kept", replace(kept(), acknowledged=()), "nobody knows it"),
    ("all is final", one_batch(kept(), status=BatchStatus.PAUSED), "batch_1 is paused"),
    (
        "all is final",
        with_calls(
            replace(call(0, BUSY, COMPLETED), status=CallStatus.RETRYING), call(1, COMPLETED)
        ),
        "call_1_0 is retrying",
    ),
    (
        "all is final",
        with_calls(
            call(0, BUSY, COMPLETED),
            replace(
                call(1, COMPLETED),
                attempts=(replace(attempt(1, 1, COMPLETED), outcome=None),),
            ),
        ),
        "an attempt without an outcome",
    ),
    ("counts add up", one_batch(kept(), counts=Counts(completed=1, failed=1)), "its calls are"),
    ("counts add up", one_batch(kept(), attempts=2), "counts 2 attempts and has 3"),
    ("counts add up", one_batch(kept(), status=BatchStatus.FAILED), "batch_1 is failed with"),
    (
        "intents come first",
        replace(kept(), launches=(replace(kept().launches[0], intended=False),)),
        "attempt_1_0_1 left before it was in the database",
    ),
    ("intents come first", without_intent(), "attempt_1_0_2 was dialed and isn't in"),
    (
        "intents come first",
        replace(
            kept(),
            dials=(replace(kept().dials[0], phone_number=NUMBERS[1]), *kept().dials[1:]),
        ),
        "for another call",
    ),
    (
        "outcomes are true",
        with_calls(call(0, BUSY, COMPLETED), call(1, BUSY)),
        "is busy where the phone saw completed",
    ),
    (
        "outcomes are true",
        replace(kept(), dials=kept().dials[:2]),
        "is completed where the phone saw no dial",
    ),
    ("events are seen once", seeing(*EVENTS[:3], *EVENTS[4:]), "saw 6 of 7 events"),
    ("events are seen once", seeing(*EVENTS[:3], *EVENTS[2:]), "saw 8 of 7 events"),
    ("events are seen once", seeing(*EVENTS[:6]), "behind the 6th"),
    ("events are seen once", seeing(*EVENTS[:6], (7, b"other")), "saw other events"),
    ("events are seen once", in_another_place(4), "isn't dense"),
]


def test_evidence_of_kept_promises_is_not_complained_about() -> None:
    """The doctored evidence below is guilty of what was doctored, and of nothing else."""
    assert judge(kept()) == []


@pytest.mark.parametrize(
    ("name", "evidence", "complaint"),
    DOCTORED,
    ids=[f"{name}, {complaint}" for name, _, complaint in DOCTORED],
)
def test_a_broken_promise_is_found(name: str, evidence: Evidence, complaint: str) -> None:
    """The check that is there for it says what was broken."""
    assert any(complaint in found for found in CHECKS[name](evidence)), [*CHECKS[name](evidence)]
    assert any(found.startswith(f"{name}: ") for found in judge(evidence))


def test_every_check_has_been_seen_to_find_something() -> None:
    """The three about limits are seen beside ``exactness``."""
    limits = {"concurrency is kept", "pace is kept", "launches are seen"}
    assert {name for name, _, _ in DOCTORED} | limits == set(CHECKS)


def test_a_dial_that_the_carrier_refused_rang_nobody() -> None:
    """It is no attempt: it may be dialed again under another id, and needs no row."""
    refused = replace(
        dial(1, 1, 9.0, COMPLETED), attempt_id="attempt_1_1_0", outcome=None, refused=THROTTLED
    )
    assert judge(with_dials(kept(), refused)) == []


def test_unknown_may_be_retried_where_that_was_asked_for() -> None:
    """Then it is an outcome like any other."""
    asked = RetryConfig(max_attempts=2, retry_on=frozenset({UNKNOWN}))
    (one,) = with_retry(asked).stored
    calls = (call(0, UNKNOWN, COMPLETED), call(1, COMPLETED))
    assert judge(with_stored(kept(), replace(one, calls=calls))) == []


def test_a_call_that_was_hung_up_is_canceled_whatever_the_phone_saw() -> None:
    """It may have ended at that very moment; elsewhere that would be a lie."""
    (one,) = kept().stored
    canceled = replace(
        one,
        calls=(call(0, BUSY, Outcome.CANCELED), call(1, COMPLETED)),
        batch=replace(one.batch, hang_up=True),
    )
    honest = CHECKS["outcomes are true"]
    assert [*honest(with_stored(kept(), canceled))] == []
    lie = replace(canceled, batch=one.batch)
    assert len([*honest(with_stored(kept(), lie))]) == 1


def test_only_the_first_complaints_of_a_check_are_listed() -> None:
    """A bug that hits every call is told in a few lines."""
    told = [f"mishap {number}" for number in range(8)]
    found = judge(replace(kept(), mishaps=tuple(told)))
    assert len(found) == 6
    assert found[-1] == "nothing went wrong: and 3 more"


def test_the_same_answer_twice_is_one_batch() -> None:
    """A submission that was repeated after its answer changes nothing."""
    (told,) = kept().acknowledged
    assert isinstance(told, Acknowledged)
    assert judge(replace(kept(), acknowledged=(told, told))) == []
