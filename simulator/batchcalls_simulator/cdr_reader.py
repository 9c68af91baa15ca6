"""Reads a call-detail log back, for whoever checks what was dialed.

It judges nothing: an attempt id that was dialed twice is there twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from batchcalls.core.model import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDial:
    """One dial; times are monotonic seconds of the machine.

    ``end_s`` is None where the simulator was killed first, ``answer_s`` where nobody answered, or
    that wasn't told. ``refused`` is ``cdr.THROTTLED`` or ``cdr.DOWN``, empty where the call was
    placed; a call that was placed and ended has an ``outcome``.
    """

    attempt_id: str
    call_id: str
    batch_id: str
    attempt_number: int
    phone_number: str
    start_s: float
    answer_s: float | None = None
    end_s: float | None = None
    outcome: Outcome | None = None
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """All that a log tells: every dial, by its start, and the attempt ids that were sent again."""

    dials: tuple[LoggedDial, ...]
    repeats: tuple[str, ...]

    @property
    def placed(self) -> tuple[LoggedDial, ...]:
        """The dials that weren't refused."""
        return tuple(dial for dial in self.dials if not dial.refused)


def read_call_details(path: Path) -> CallDetails:
    """What the log at ``path`` tells; a last line that is torn is left out.

    Raises:
      OSError: the file can't be read.
      ValueError: a line isn't one of a call-detail log.
    """
    with path.open(encoding="utf-8") as lines:
        return _details(json.loads(line) for line in lines if line.endswith("\n"))


def peak_calls_up(dials: Iterable[LoggedDial]) -> int:
    """The most of these dials that were up at one moment; one without an end is up for ever."""
    changes = [(dial.start_s, 1) for dial in dials]
    changes += [(dial.end_s, -1) for dial in dials if dial.end_s is not None]
    calls_up = peak = 0
    for _, change in sorted(changes):  # an end counts before a start at the same moment
        calls_up += change
        peak = max(peak, calls_up)
    return peak


def _details(entries: Iterable[dict[str, Any]]) -> CallDetails:
    dials: list[LoggedDial] = []
    repeats: list[str] = []
    place: dict[str, int] = {}
    for entry in entries:
        attempt_id = entry["attempt_id"]
        match entry["event"]:
            case "start":
                place[attempt_id] = len(dials)
                dials.append(_started(entry))
            case "end":
                dials[place[attempt_id]] = _ended(dials[place[attempt_id]], entry)
            case "repeat":
                repeats.append(attempt_id)
            case other:
                raise ValueError(f"not an event of a call-detail log: {other!r}")
    return CallDetails(dials=tuple(dials), repeats=tuple(repeats))


def _started(entry: dict[str, Any]) -> LoggedDial:
    return LoggedDial(
        attempt_id=entry["attempt_id"],
        call_id=entry["call_id"],
        batch_id=entry["batch_id"],
        attempt_number=entry["attempt_number"],
        phone_number=entry["phone_number"],
        start_s=entry["start_s"],
    )


def _ended(dial: LoggedDial, entry: dict[str, Any]) -> LoggedDial:
    return replace(
        dial,
        answer_s=entry["answer_s"],
        end_s=entry["end_s"],
        outcome=entry["outcome"] and Outcome(entry["outcome"]),
        refused=entry["refused"] or "",
    )
