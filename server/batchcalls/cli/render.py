"""Batches, calls and events as text: lines anywhere, tables where there is a terminal.

Names and details come from clients and carriers; a terminal takes control characters in them
for commands, and a tab or a new line would break the columns of a plain listing. So nothing is
printed that isn't ``printable``. Documents for machines are ``batchcalls.document``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from batchcalls.cli.outcomes import Tally
from batchcalls.core.model import BatchStatus, Outcome
from batchcalls.timestamps import microseconds, rfc3339
from batchcalls.v1.batch_pb2 import Batch
from batchcalls.v1.call_pb2 import Attempt, Call
from batchcalls.v1.event_pb2 import Event
from batchcalls.wire.words import (
    BATCH_STATUS_WORDS,
    CALL_STATUS_WORDS,
    EVENT_TYPE_WORDS,
    OUTCOME_WORDS,
)

Row = tuple[str, ...]

BATCH_COLUMNS = ("batch", "status", "calls", "completed", "failed", "created", "starts", "name")
CALL_COLUMNS = ("call", "phone number", "status", "outcome", "attempts")

SIMULATED = "SIMULATED: no phone rings"
"""Nobody who sees a batch may take simulated calls for real ones, or real ones for simulated."""


def status_word(batch: Batch) -> str:
    """The word for where the batch stands; a newer server's status is its number."""
    return BATCH_STATUS_WORDS.get(batch.status, str(batch.status))


def is_final(batch: Batch) -> bool:
    """Whether nothing will change any more."""
    word = BATCH_STATUS_WORDS.get(batch.status)
    return word is not None and word.final


def is_running(batch: Batch) -> bool:
    """Whether its calls are dialed now."""
    return BATCH_STATUS_WORDS.get(batch.status) is BatchStatus.RUNNING


def has_completed(batch: Batch) -> bool:
    """Whether the batch ended well."""
    return BATCH_STATUS_WORDS.get(batch.status) is BatchStatus.COMPLETED


def ended_calls(batch: Batch) -> int:
    """How many calls are final."""
    return batch.completed_calls + batch.failed_calls + batch.canceled_calls


def batch_lines(batch: Batch, tally: Tally | None = None) -> Iterator[str]:
    """The state of a batch in a few lines; without ``tally`` where its log wasn't read."""
    name = f"  {printable(batch.display_name)}" if batch.display_name else ""
    yield f"{batch.batch_id}  {status_word(batch)}{name}"
    yield f"  carrier   {carrier_text(batch)}"
    yield f"  calls     {batch.total_calls}: {counts_text(batch)}"
    tried = f": {outcomes_text(tally.outcomes)}" if tally and tally.outcomes else ""
    yield f"  attempts  {batch.attempts}{tried}"
    if tally and waiting_text(batch, tally):
        yield f"  retries   {waiting_text(batch, tally)}"
    yield f"  created   {_time(microseconds(batch.create_time))}"
    if batch.HasField("start_time"):
        yield f"  starts    {_time(microseconds(batch.start_time))}"
    if batch.HasField("end_time"):
        yield f"  ended     {_time(microseconds(batch.end_time))}"


def carrier_text(batch: Batch) -> str:
    """Who places the calls, and whether anybody's phone rings."""
    simulated = [SIMULATED] if batch.simulated else []
    return "; ".join([printable(batch.carrier) or "-", *simulated])


def counts_text(batch: Batch) -> str:
    """Where the calls of the batch stand; places where none stand are left out.

    People who were reached and machines that answered are told apart.
    """
    counts = {
        "reached": batch.completed_calls - batch.voicemail_calls,
        "voicemail": batch.voicemail_calls,
        "failed": batch.failed_calls,
        "canceled": batch.canceled_calls,
        "in progress": batch.in_progress,
        "retrying": batch.retrying_calls,
        "pending": batch.pending_calls,
    }
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count) or "none"


def waiting_text(batch: Batch, tally: Tally) -> str:
    """How many calls wait for their next attempt, and for when; empty where none does."""
    if not (batch.retrying_calls and is_running(batch)):
        return ""
    if not tally.future_retries:
        return f"{batch.retrying_calls} due"
    due = max(0, batch.retrying_calls - tally.future_retries)
    waiting = f"{batch.retrying_calls - due} wait, the next at {moment_text(tally.next_retry_us)}"
    return f"{due} due, {waiting}" if due else waiting


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
        _time(microseconds(batch.start_time)),
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


def call_lines(call: Call) -> Iterator[str]:
    """A call and each of its attempts, in a few lines."""
    outcome = OUTCOME_WORDS.get(call.outcome)
    status = CALL_STATUS_WORDS.get(call.status, str(call.status))
    yield f"{call.call_id}  {status}" + (f": {outcome}" if outcome else "")
    yield f"  batch     {call.batch_id}"
    yield f"  number    {printable(call.spec.phone_number)}"
    if call.spec.reference_id:
        yield f"  reference {printable(call.spec.reference_id)}"
    yield f"  created   {_time(microseconds(call.create_time))}"
    for attempt in call.attempts:
        yield from _attempt_lines(attempt)
    if call.HasField("next_attempt_time"):
        yield f"  again at  {_time(microseconds(call.next_attempt_time))}"
    if call.HasField("end_time"):
        yield f"  ended     {_time(microseconds(call.end_time))}"


def _attempt_lines(attempt: Attempt) -> Iterator[str]:
    outcome = OUTCOME_WORDS.get(attempt.outcome) or "under way"
    said = " ".join(printable(word) for word in (attempt.carrier_code, attempt.detail) if word)
    yield f"  attempt {attempt.number}: {outcome}" + (f"  ({said})" if said else "")
    yield f"    {attempt.attempt_id} by {printable(attempt.carrier)}"
    times = {
        "dialed": attempt.start_time,
        "rang": attempt.ring_time,
        "answered": attempt.answer_time,
        "ended": attempt.end_time,
    }
    for word, time in times.items():
        if microseconds(time):
            yield f"    {word:<9} {_time(microseconds(time))}"


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


def moment_text(time_us: int) -> str:
    """A time for people, by their own clock: of today ``11:21:05``, else with its date."""
    moment = datetime.fromtimestamp(time_us / 1e6).astimezone()
    today = moment.date() == datetime.now(moment.tzinfo).date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def plain_rows(columns: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """A table for other programs: tabs between the columns, nothing cut, names first."""
    yield "\t".join(columns)
    yield from map("\t".join, rows)


def _time(time_us: int) -> str:
    return rfc3339(time_us) if time_us else "-"
