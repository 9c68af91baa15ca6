"""The call-detail log: what the simulated phone network saw, whoever asked for it.

One JSON object a line, each flushed when it is written, so that the log of a simulator that was
killed is whole up to that moment:

    {"event": "start", "attempt_id": …, "call_id": …, "batch_id": …, "attempt_number": 1,
     "phone_number": …, "start_time": "2030-01-31T12:00:00.000000Z", "start_s": 12.5}
    {"event": "end", …the same…, "ring_time": …, "ring_s": …, "answer_time": …, "answer_s": …,
     "end_time": …, "end_s": …, "outcome": "completed", "refused": null}
    {"event": "repeat", "attempt_id": …, "time": …, "time_s": …}

A ``start`` without an ``end`` is a call that was up when the simulator was killed. A dial that
was refused ends at once, without an outcome, ``refused`` as ``throttled`` or ``down``. ``repeat``
is an attempt id that was sent a second time; it dialed nothing, but nobody may send one. Times
are UTC; ``*_s`` are seconds of the machine's monotonic clock, which go on over restarts of the
simulator but not of the machine. Ring and answer are as the carrier reported them, null where it
didn't. ``cdr_reader`` reads all this back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TextIO

from batchcalls.carriers.base import OutboundCall, Progress
from batchcalls.core.model import Outcome
from batchcalls.timestamps import rfc3339

THROTTLED = "throttled"
DOWN = "down"


class Instant(NamedTuple):
    """One moment on both clocks: microseconds since the epoch, and monotonic seconds."""

    time_us: int
    monotonic_s: float

    @classmethod
    def now(cls) -> Instant:
        """This moment."""
        return cls(time.time_ns() // 1000, time.monotonic())


class CallDetailLog:
    """Appends to the file at ``path``; ``now`` tells the time on both clocks.

    Raises:
      OSError: the file can't be opened, or written to.
    """

    def __init__(self, path: Path, *, now: Callable[[], Instant] = Instant.now) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._now = now

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def start(self, call: OutboundCall) -> CallEntry:
        """Note that ``call`` is dialed."""
        return CallEntry(call, write=self._write, now=self._now)

    def repeat(self, attempt_id: str) -> None:
        """Note that an attempt id came a second time."""
        self._write("repeat", {"attempt_id": attempt_id, **_at("time", "time_s", self._now())})

    def _write(self, event: str, fields: dict[str, Any]) -> None:
        self._file.write(json.dumps({"event": event, **fields}) + "\n")
        self._file.flush()


class CallEntry:
    """The entry of one call: it starts when this is made, and ends once."""

    def __init__(
        self,
        call: OutboundCall,
        *,
        write: Callable[[str, dict[str, Any]], None],
        now: Callable[[], Instant],
    ) -> None:
        self._write = write
        self._now = now
        self._reported: dict[Progress, Instant] = {}
        self._head: dict[str, Any] = {
            "attempt_id": call.attempt_id,
            "call_id": call.call_id,
            "batch_id": call.batch_id,
            "attempt_number": call.attempt_number,
            "phone_number": call.phone_number,
            **_at("start_time", "start_s", now()),
        }
        write("start", self._head)

    def report(self, progress: Progress) -> None:
        """Note when the phone rang, or was answered, for the first time."""
        self._reported.setdefault(progress, self._now())

    def end(self, outcome: Outcome) -> None:
        """Note how the call ended."""
        self._end(outcome=outcome.value, refused=None)

    def refuse(self, reason: str) -> None:
        """Note that the call wasn't placed: ``THROTTLED`` or ``DOWN``."""
        self._end(outcome=None, refused=reason)

    def _end(self, *, outcome: str | None, refused: str | None) -> None:
        reported = self._reported
        fields = {
            **self._head,
            **_at("ring_time", "ring_s", reported.get(Progress.RINGING)),
            **_at("answer_time", "answer_s", reported.get(Progress.ANSWERED)),
            **_at("end_time", "end_s", self._now()),
            "outcome": outcome,
            "refused": refused,
        }
        self._write("end", fields)


def _at(time_name: str, seconds_name: str, moment: Instant | None) -> dict[str, Any]:
    if moment is None:
        return {time_name: None, seconds_name: None}
    return {time_name: rfc3339(moment.time_us), seconds_name: round(moment.monotonic_s, 6)}
