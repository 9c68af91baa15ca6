"""Counts what the journal commits."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Sequence

from batchcalls.clock import MICROSECONDS
from batchcalls.core.effects import Attempted, AttemptStep, Effects
from batchcalls.core.model import Attempt, Batch, BatchStatus, EventType, Outcome
from batchcalls.engine.journal import Journal, Published
from batchcalls.metrics.instruments import Family, Histogram, Instruments


class CommitMetrics:
    """A listener of the journal; all it does is count.

    What can be counted of these ``carriers`` is there from the start, at 0: what grows from
    nothing isn't seen to grow.
    """

    def __init__(
        self, instruments: Instruments, journal: Journal, *, carriers: Iterable[str]
    ) -> None:
        self._journal = journal
        self._batches = instruments.counter("batchcalls_batches_total")
        self._calls = instruments.counter("batchcalls_calls_total")
        self._attempts = instruments.counter("batchcalls_attempts_total")
        self._returned = instruments.counter("batchcalls_dials_returned_total")
        self._events = instruments.counter("batchcalls_events_total")
        self._schedule_to_dial = instruments.histogram("batchcalls_schedule_to_dial_seconds")
        self._post_dial_delay = instruments.histogram("batchcalls_post_dial_delay_seconds")
        self._talk = instruments.histogram("batchcalls_talk_seconds")
        self._commit = instruments.histogram("batchcalls_commit_seconds").labels()
        self._group = instruments.histogram("batchcalls_commit_changes").labels()
        for status in ("submitted", *(status for status in BatchStatus if status.final)):
            self._batches.labels(status)
        for kind in EventType:
            self._events.labels(kind)
        for carrier in carriers:
            self._expect(carrier)

    def _expect(self, carrier: str) -> None:
        self._returned.labels(carrier)
        for outcome in Outcome:
            if outcome is not Outcome.THROTTLED:  # such a dial is returned, and is no attempt
                self._calls.labels(carrier, outcome)
                self._attempts.labels(carrier, outcome)
        for histogram in (self._schedule_to_dial, self._post_dial_delay, self._talk):
            histogram.labels(carrier)

    def committed(
        self, writes: Sequence[Effects], events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        """Count a commit."""
        if writes:
            self._commit.observe(self._journal.commit_s)
            self._group.observe(len(writes))
        for effects in writes:
            if effects.attempt is not None:
                self._count(effects.attempt, effects)
            elif effects.submitted is not None:
                self._batches.labels("submitted").inc()
        for kind, number in Tally(published.event.type for published in events).items():
            self._events.labels(kind).inc(number)
        for batch in batches:
            if batch.status.final:
                self._batches.labels(batch.status).inc()

    def health_changed(self, *, healthy: bool) -> None:
        """The gauge reads it from the journal."""

    def _count(self, attempted: Attempted, effects: Effects) -> None:
        attempt = attempted.attempt
        match attempted.step:
            case AttemptStep.OPEN:
                waited_us = effects.time_us - attempted.due_time_us
                _observe(self._schedule_to_dial, attempt.carrier, waited_us)
            case AttemptStep.END:
                self._count_attempt(attempt)
                if effects.moves[0].target.final:
                    self._calls.labels(*_labels(attempt)).inc()
            case AttemptStep.WITHDRAW:
                self._returned.labels(attempt.carrier).inc()

    def _count_attempt(self, attempt: Attempt) -> None:
        self._attempts.labels(*_labels(attempt)).inc()
        heard_us = attempt.ring_time_us or attempt.answer_time_us
        if heard_us:
            delay_us = heard_us - attempt.start_time_us
            _observe(self._post_dial_delay, attempt.carrier, delay_us)
        if attempt.answer_time_us:
            talk_us = attempt.end_time_us - attempt.answer_time_us
            _observe(self._talk, attempt.carrier, talk_us)


def _observe(histogram: Family[Histogram], carrier: str, duration_us: int) -> None:
    histogram.labels(carrier).observe(max(0, duration_us) / MICROSECONDS)


def _labels(attempt: Attempt) -> tuple[str, str]:
    assert attempt.outcome is not None
    return attempt.carrier, attempt.outcome
