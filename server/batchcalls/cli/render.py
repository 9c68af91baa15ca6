"""Batches, calls and events as text: lines anywhere, tables where there is a terminal.

Names and details come from clients and carriers; a terminal takes control characters in them
for commands, and a tab or a new line would break the columns of a plain listing. So nothing is
printed that isn't ``printable``. Documents for machines are ``batchcalls.document``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from batchcalls.core.model import BatchStatus, Outcome
from batchcalls.timestamps import microseconds, rfc3339
from batchcalls.v1.batch_pb2 import Batch
from batchcalls.v1.call_pb2 import Call
from batchcalls.v1.event_pb2 import Event
from batchcalls.wire.words import (
    BATCH_STATUS_WORDS,
    CALL_STATUS_WORDS,
    EVENT_TYPE_WORDS,
    OUTCOME_WORDS,
)

Row = tuple[str, ...]

BATCH_COLUMNS = ("batch", "status", "calls", "completed", "failed", "created", "name")
CALL_COLUMNS = ("call", "phone number", "status", "outcome", "attempts")


def status_word(batch: Batch) -> str:
    """The word for where the batch stands; a newer server's status is its number."""
    return BATCH_STATUS_WORDS.get(batch.status, str(batch.status))


def is_final(batch: Batch) -> bool:
    """Whether nothing will change any more."""
    word = BATCH_STATUS_WORDS.get(batch.status)
    return word is not None and word.final


def has_completed(batch: Batch) -> bool:
    """Whether the batch ended well."""
    return BATCH_STATUS_WORDS.get(batch.status) is BatchStatus.COMPLETED


def ended_calls(batch: Batch) -> int:
    """How many calls are final."""
    return batch.completed_calls + batch.failed_calls + batch.canceled_calls


def batch_lines(batch: Batch, outcomes: Mapping[Outcome, int] | None = None) -> Iterator[str]:
    """The state of a batch in a few lines; without ``outcomes`` where they weren't counted."""
    name = f"  {printable(batch.display_name)}" if batch.display_name else ""
    yield f"{batch.batch_id}  {status_word(batch)}{name}"
    yield f"  calls     {batch.total_calls}: {counts_text(batch)}"
    tried = f": {outcomes_text(outcomes)}" if outcomes else ""
    yield f"  attempts  {batch.attempts}{tried}"
    yield f"  created   {_time(microseconds(batch.create_time))}"
    if batch.HasField("end_time"):
        yield f"  ended     {_time(microseconds(batch.end_time))}"


def counts_text(batch: Batch) -> str:
    """Where the calls of the batch stand; places where none stands are left out."""
    counts = {
        "completed": batch.completed_calls,
        "failed": batch.failed_calls,
        "canceled": batch.canceled_calls,
        "in progress": batch.in_progress,
        "retrying": batch.retrying_calls,
        "pending": batch.pending_calls,
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none"


def outcomes_text(outcomes: Mapping[Outcome, int]) -> str:
    """How attempts ended, the most frequent first."""
    ordered = sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {outcome.value}" for outcome, count in ordered)


def batch_row(batch: Batch) -> Row:
    """A line of ``batchcalls list``, by ``BATCH_COLUMNS``."""
    return (
        batch.batch_id,
        status_word(batch),
        str(batch.total_calls),
        str(batch.completed_calls),
        str(batch.failed_calls),
        _time(microseconds(batch.create_time)),
        printable(batch.display_name),
    )


def call_row(call: Call) -> Row:
    """A line of ``batchcalls calls``, by ``CALL_COLUMNS``."""
    outcome = OUTCOME_WORDS.get(call.outcome)
    return (
        call.call_id,
        printable(call.spec.phone_number),
        CALL_STATUS_WORDS.get(call.status, str(call.status)),
        outcome or "-",
        str(len(call.attempts)),
    )


def event_line(event: Event) -> str:
    """A line of ``batchcalls events``: sequence, time, type, then what the event is about."""
    word = EVENT_TYPE_WORDS.get(event.type, str(event.type))
    return "  ".join(
        (str(event.sequence), _time(microseconds(event.time)), word, *_event_details(event))
    )


def _event_details(event: Event) -> Iterator[str]:
    if event.call_id:
        yield event.call_id
    if event.HasField("attempt"):
        outcome = OUTCOME_WORDS.get(event.attempt.outcome)
        yield f"attempt {event.attempt.number}" + (f": {outcome}" if outcome else "")
    if event.attempt.detail:
        yield f"({printable(event.attempt.detail)})"
    if event.HasField("next_attempt_time"):
        yield f"again at {_time(microseconds(event.next_attempt_time))}"


def duration_text(duration_s: float) -> str:
    """``42 s``, ``3 min 05 s`` or ``2 h 07 min``."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"


def printable(text: str) -> str:
    """``text`` with everything that isn't printable, or half a character, escaped."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
        for letter in text
    )


def plain_rows(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """A table for other programs: tabs between the columns, nothing cut, names first."""
    yield "\t".join(columns)
    yield from map("\t".join, rows)


def _time(time_us: int) -> str:
    return rfc3339(time_us) if time_us else "-"
