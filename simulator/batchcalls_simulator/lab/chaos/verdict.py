"""The verdict: what a run's evidence must not show, each promise as one function.

A check is pure: evidence in, complaints out, none where the promise was kept. What the phone
network logged is the truth about calls; the database and the readers have to agree with it.

A dial *may have rung* unless the carrier itself refused it. Whether it did doesn't matter here:
nobody may be dialed twice on a guess.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import takewhile
from typing import Final, TypeVar

from batchcalls.core.model import Attempt, BatchStatus, Call, CallStatus, Outcome
from batchcalls.wire.spec import stored_call_spec
from batchcalls_simulator.cdr_reader import LoggedDial
from batchcalls_simulator.lab.chaos.evidence import Evidence, Stored
from batchcalls_simulator.lab.chaos.exactness import concurrency_kept, launches_seen, pace_kept

T = TypeVar("T")
Check = Callable[[Evidence], Iterator[str]]

_COMPLAINTS_A_CHECK: Final = 5


def judge(evidence: Evidence) -> list[str]:
    """All complaints, the first few of each check, under its name."""
    found = []
    for name, check in CHECKS.items():
        complaints = list(check(evidence))
        found += [f"{name}: {complaint}" for complaint in complaints[:_COMPLAINTS_A_CHECK]]
        if len(complaints) > _COMPLAINTS_A_CHECK:
            found.append(f"{name}: and {len(complaints) - _COMPLAINTS_A_CHECK} more")
    return found


def nothing_went_wrong(evidence: Evidence) -> Iterator[str]:
    """No process ended unasked, and everything was over in time."""
    yield from evidence.mishaps


def dialed_once(evidence: Evidence) -> Iterator[str]:
    """No attempt id reaches a carrier twice, and no attempt of a call is dialed under two ids."""
    ids = Counter(dial.attempt_id for dial in evidence.dials)
    yield from (f"{attempt_id} was dialed {count} times" for attempt_id, count in _many(ids))
    yield from (f"{attempt_id} was sent again" for attempt_id in evidence.repeats)
    numbers = Counter((dial.call_id, dial.attempt_number) for dial in evidence.placed)
    for (call_id, number), count in _many(numbers):
        yield f"attempt {number} of {call_id} was dialed {count} times"


def within_attempts(evidence: Evidence) -> Iterator[str]:
    """No call is dialed past its ``max_attempts``."""
    limits = {
        one.batch.batch_id: one.batch.spec.settings.retry.max_attempts for one in evidence.stored
    }
    dials = Counter((dial.batch_id, dial.call_id) for dial in evidence.placed)
    for (batch_id, call_id), count in dials.items():
        if count > limits.get(batch_id, 0):
            yield f"{call_id} was dialed {count} times, {limits.get(batch_id, 0)} were allowed"


def retried_only_if_asked(evidence: Evidence) -> Iterator[str]:
    """No call is dialed again after an outcome that its batch doesn't retry; mostly UNKNOWN."""
    for one, call in _calls(evidence):
        retry_on = one.batch.spec.settings.retry.retry_on
        last = max((dial.attempt_number for dial in _dials(evidence)[call.call_id]), default=0)
        last = max(last, len(call.attempts))
        for attempt in call.attempts:
            if attempt.number < last and attempt.outcome not in retry_on:
                yield f"{call.call_id} was dialed again after {attempt.outcome}"


def acknowledged_kept(evidence: Evidence) -> Iterator[str]:
    """What was acknowledged is there, once, with all its calls."""
    stored = {one.batch.batch_id: one for one in evidence.stored}
    answers = defaultdict(set)
    for told in evidence.acknowledged:
        answers[told.request_id].add(told.batch_id)
        one = stored.get(told.batch_id)
        if one is None:
            yield f"{told.batch_id} was acknowledged and isn't there"
        elif tuple(map(_phone_number, one.calls)) != told.phone_numbers:
            yield f"{told.batch_id} doesn't have the calls that were submitted"
    for request_id, batch_ids in answers.items():
        if len(batch_ids) > 1:
            yield f"request {request_id} made {len(batch_ids)} batches"
    for batch_id in stored.keys() - {told.batch_id for told in evidence.acknowledged}:
        yield f"{batch_id} is there and nobody knows it"


def all_final(evidence: Evidence) -> Iterator[str]:
    """In the end every batch, every call and every attempt is final."""
    for one in evidence.stored:
        if not one.batch.status.final:
            yield f"{one.batch.batch_id} is {one.batch.status}"
    for _, call in _calls(evidence):
        if not call.status.final:
            yield f"{call.call_id} is {call.status}"
        elif any(attempt.outcome is None for attempt in call.attempts):
            yield f"{call.call_id} has an attempt without an outcome"


def counts_add_up(evidence: Evidence) -> Iterator[str]:
    """A batch's counts are those of its calls, and its status follows from them."""
    for one in evidence.stored:
        batch = one.batch
        statuses = Counter(call.status for call in one.calls)
        if batch.counts.by_status != {status: statuses[status] for status in CallStatus}:
            yield f"{batch.batch_id} counts {batch.counts}, its calls are {dict(statuses)}"
        attempts = sum(len(call.attempts) for call in one.calls)
        if batch.attempts != attempts:
            yield f"{batch.batch_id} counts {batch.attempts} attempts and has {attempts}"
        if batch.status is not BatchStatus.CANCELED and batch.status is not _ending(statuses):
            yield f"{batch.batch_id} is {batch.status} with {dict(statuses)}"


def intents_first(evidence: Evidence) -> Iterator[str]:
    """A dial is in the database before it leaves, and stays there if it may have rung."""
    for launch in evidence.launches:
        if not launch.intended:
            yield f"{launch.attempt_id} left before it was in the database"
    known = {
        attempt.attempt_id: (call, attempt)
        for _, call in _calls(evidence)
        for attempt in call.attempts
    }
    for dial in evidence.placed:
        if dial.attempt_id not in known:
            yield f"{dial.attempt_id} was dialed and isn't in the database"
            continue
        call, attempt = known[dial.attempt_id]
        stored = (call.call_id, _phone_number(call), attempt.number)
        if stored != (dial.call_id, dial.phone_number, dial.attempt_number):
            yield f"{dial.attempt_id} was dialed for another call than the database says"


def outcomes_true(evidence: Evidence) -> Iterator[str]:
    """An outcome is what the phone network logged, unknown, or that we hung up."""
    dials = {dial.attempt_id: dial for dial in evidence.placed}
    for one, call in _calls(evidence):
        for attempt in call.attempts:
            if not _is_true(attempt, dials.get(attempt.attempt_id), one):
                saw = (
                    dials[attempt.attempt_id].outcome if attempt.attempt_id in dials else "no dial"
                )
                yield f"{attempt.attempt_id} is {attempt.outcome} where the phone saw {saw}"


def events_once(evidence: Evidence) -> Iterator[str]:
    """Every reader saw each event of its batch once, in order, and as it is in the database."""
    stored = {one.batch.batch_id: one for one in evidence.stored}
    for one in evidence.stored:
        sequences = [sequence for sequence, _ in one.events]
        if sequences != [*range(1, one.batch.last_sequence + 1)]:
            yield f"the log of {one.batch.batch_id} isn't dense"
    for seen in evidence.seen:
        log = stored[seen.batch_id].events if seen.batch_id in stored else ()
        if seen.events != log:
            yield f"{seen.reader} of {seen.batch_id} {_difference(seen.events, log)}"


CHECKS: Final[Mapping[str, Check]] = {
    "nothing went wrong": nothing_went_wrong,
    "dialed once": dialed_once,
    "within its attempts": within_attempts,
    "retried only if asked": retried_only_if_asked,
    "acknowledged is kept": acknowledged_kept,
    "all is final": all_final,
    "counts add up": counts_add_up,
    "intents come first": intents_first,
    "outcomes are true": outcomes_true,
    "events are seen once": events_once,
    "concurrency is kept": concurrency_kept,
    "pace is kept": pace_kept,
    "launches are seen": launches_seen,
}
"""Every promise by its name."""


def _phone_number(call: Call) -> str:
    return stored_call_spec(call.spec).phone_number


def _calls(evidence: Evidence) -> Iterator[tuple[Stored, Call]]:
    for one in evidence.stored:
        for call in one.calls:
            yield one, call


def _dials(evidence: Evidence) -> Mapping[str, list[LoggedDial]]:
    by_call = defaultdict(list)
    for dial in evidence.placed:
        by_call[dial.call_id].append(dial)
    return by_call


def _many(counts: Counter[T]) -> Iterator[tuple[T, int]]:
    return ((key, count) for key, count in counts.items() if count > 1)


def _ending(statuses: Counter[CallStatus]) -> BatchStatus:
    return BatchStatus.COMPLETED if statuses[CallStatus.COMPLETED] else BatchStatus.FAILED


def _is_true(attempt: Attempt, dial: LoggedDial | None, one: Stored) -> bool:
    if attempt.outcome is Outcome.UNKNOWN:
        return True
    if attempt.outcome is Outcome.CANCELED and one.batch.hang_up:
        return True
    return dial is not None and attempt.outcome is dial.outcome


def _difference(seen: tuple[tuple[int, bytes], ...], log: tuple[tuple[int, bytes], ...]) -> str:
    sequences = [sequence for sequence, _ in seen]
    expected = [sequence for sequence, _ in log]
    if sequences == expected:
        return "saw other events than are in the database"
    same = (one == other for one, other in zip(sequences, expected, strict=False))
    alike = sum(takewhile(bool, same))
    return f"saw {len(seen)} of {len(log)} events; behind the {alike}th comes another than the next"
