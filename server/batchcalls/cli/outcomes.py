"""How many attempts of a batch ended how, counted from its event log.

A batch carries counts of calls but not of outcomes. The log has each attempt's end exactly
once, so the count can grow with the log and never reads an event twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from batchcalls.cli.connection import Connection
from batchcalls.core.model import EventType, Outcome
from batchcalls.v1.event_pb2 import Event
from batchcalls.wire.words import EVENT_TYPE_VALUES, OUTCOME_WORDS

_ENDS = tuple(
    EVENT_TYPE_VALUES[word]
    for word in (
        EventType.CALL_COMPLETED,
        EventType.CALL_FAILED,
        EventType.CALL_CANCELED,
        EventType.CALL_RETRY_SCHEDULED,
    )
)


class OutcomeTally:
    """The outcomes of one batch's attempts, as far as its log was read."""

    def __init__(self, connection: Connection, batch_id: str) -> None:
        self._connection = connection
        self._batch_id = batch_id
        self._sequence = 0
        self._counts: Counter[Outcome] = Counter()

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """Attempts by outcome; outcomes that didn't occur are left out."""
        return self._counts

    def catch_up(self, last_sequence: int) -> None:
        """Count what is in the log, at least up to ``last_sequence``.

        Raises:
          RpcFailed: the log can't be read; what was counted before stays.
        """
        if self._sequence >= last_sequence:
            return
        for page in self._connection.event_pages(
            self._batch_id, after_sequence=self._sequence, types=_ENDS
        ):
            self._counts.update(filter(None, map(_outcome, page.events)))
            self._sequence = page.next_after_sequence


def _outcome(event: Event) -> Outcome | None:
    return OUTCOME_WORDS.get(event.attempt.outcome)
