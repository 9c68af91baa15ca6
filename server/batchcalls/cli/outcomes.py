"""What a batch's own counts don't tell, counted from its event log.

A batch carries counts of calls, but neither how attempts ended, nor who picked up the phone, a
person or a machine, nor when calls that wait are dialed again. The log has each end of an
attempt exactly once, so the tally can grow with the log and never reads an event twice.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from batchcalls.cli.connection import Connection
from batchcalls.core.model import EventType, Outcome
from batchcalls.timestamps import microseconds
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the log of a batch says at one moment.

    ``outcomes`` are attempts; those that didn't occur are left out. ``future_retries`` wait for
    a time that is yet to come, from ``next_retry_us`` to ``last_retry_us``, which are 0 where
    there is none.
    """

    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    future_retries: int = 0
    next_retry_us: int = 0
    last_retry_us: int = 0


class OutcomeTally:
    """Counts the log of one batch, as far as it was read. ``clock`` tells the time in seconds."""

    def __init__(
        self, connection: Connection, batch_id: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._connection = connection
        self._batch_id = batch_id
        self._clock = clock
        self._sequence = 0
        self._counts: Counter[Outcome] = Counter()
        self._dues_us: list[int] = []  # a heap; a call canceled alone is in it until it is due
        self._last_us = 0

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
            now_us = self._now_us()
            for event in page.events:
                self._count(event, now_us)
            self._sequence = page.next_after_sequence

    def now(self) -> Tally:
        """What was counted so far; of waiting calls, those that are still to come."""
        now_us = self._now_us()
        while self._dues_us and self._dues_us[0] <= now_us:
            heapq.heappop(self._dues_us)
        waits = bool(self._dues_us)
        return Tally(
            outcomes=dict(self._counts),
            future_retries=len(self._dues_us),
            next_retry_us=self._dues_us[0] if waits else 0,
            last_retry_us=self._last_us if waits else 0,
        )

    def _count(self, event: Event, now_us: int) -> None:
        outcome = OUTCOME_WORDS.get(event.attempt.outcome)
        if outcome is not None:
            self._counts[outcome] += 1
        due_us = microseconds(event.next_attempt_time)
        if due_us > now_us:
            heapq.heappush(self._dues_us, due_us)
            self._last_us = max(self._last_us, due_us)

    def _now_us(self) -> int:
        return int(self._clock() * 1e6)
