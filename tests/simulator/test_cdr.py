"""The call-detail log tells what was dialed, and a reader gets it back."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from batchcalls.carriers.base import OutboundCall, Progress
from batchcalls.core.model import Outcome
from batchcalls_simulator.cdr import THROTTLED, CallDetailLog, Instant
from batchcalls_simulator.cdr_reader import LoggedDial, peak_calls_up, read_call_details

EPOCH_US = 1_893_456_000_000_000  # 2030-01-01


def log_with_ticks(path: Path) -> CallDetailLog:
    """A log for which a second passes with each look at the clock, starting with the first."""
    seconds = count(1)

    def now() -> Instant:
        second = next(seconds)
        return Instant(EPOCH_US + second * 1_000_000, 100.0 + second)

    return CallDetailLog(path, now=now)


def call(attempt_id: str) -> OutboundCall:
    return OutboundCall(
        attempt_id=attempt_id,
        call_id="call_1_0",
        batch_id="batch_1",
        attempt_number=2,
        phone_number="+15550100000",
        script=("Hello",),
    )


def dial(
    attempt_id: str = "attempt_1", *, start_s: float, end_s: float | None = None
) -> LoggedDial:
    return LoggedDial(
        attempt_id=attempt_id,
        call_id="call_1_0",
        batch_id="batch_1",
        attempt_number=2,
        phone_number="+15550100000",
        start_s=start_s,
        end_s=end_s,
    )


def test_a_call_has_a_line_when_it_starts_and_a_whole_one_when_it_ends(tmp_path: Path) -> None:
    """Times are told on both clocks; a progress that is told twice counts once."""
    path = tmp_path / "cdr.jsonl"
    with log_with_ticks(path) as log:
        entry = log.start(call("attempt_1"))
        entry.report(Progress.RINGING)
        entry.report(Progress.ANSWERED)
        entry.report(Progress.RINGING)
        entry.end(Outcome.COMPLETED)
    start, end = map(json.loads, path.read_text().splitlines())
    head = {
        "attempt_id": "attempt_1",
        "call_id": "call_1_0",
        "batch_id": "batch_1",
        "attempt_number": 2,
        "phone_number": "+15550100000",
        "start_time": "2030-01-01T00:00:01.000000Z",
        "start_s": 101.0,
    }
    assert start == {"event": "start", **head}
    assert end == {
        "event": "end",
        **head,
        "ring_time": "2030-01-01T00:00:02.000000Z",
        "ring_s": 102.0,
        "answer_time": "2030-01-01T00:00:03.000000Z",
        "answer_s": 103.0,
        "end_time": "2030-01-01T00:00:05.000000Z",
        "end_s": 105.0,
        "outcome": "completed",
        "refused": None,
    }


def test_what_is_written_is_there_at_once(tmp_path: Path) -> None:
    """A log whose writer is killed in the next moment has lost nothing."""
    path = tmp_path / "cdr.jsonl"
    with log_with_ticks(path) as log:
        log.start(call("attempt_1"))
        assert [dial.attempt_id for dial in read_call_details(path).dials] == ["attempt_1"]


def test_the_reader_gets_back_what_was_written(tmp_path: Path) -> None:
    """Calls that ended, were refused, are up, or were sent again can be told apart."""
    path = tmp_path / "cdr.jsonl"
    with log_with_ticks(path) as log:
        ended, refused = log.start(call("attempt_1")), log.start(call("attempt_2"))
        log.start(call("attempt_3"))
        ended.report(Progress.ANSWERED)
        ended.end(Outcome.BUSY)
        refused.refuse(THROTTLED)
        log.repeat("attempt_1")
    seen = read_call_details(path)
    first, second, third = seen.dials
    assert (first.outcome, first.start_s, first.answer_s, first.end_s) == ("busy", 101, 104, 105)
    assert (second.outcome, second.refused, second.end_s) == (None, "throttled", 106)
    assert third == dial("attempt_3", start_s=103)
    assert seen.placed == (first, third)
    assert seen.repeats == ("attempt_1",)


def test_a_new_process_goes_on_in_the_same_log(tmp_path: Path) -> None:
    """An attempt that was dialed again by the next process is there twice."""
    path = tmp_path / "cdr.jsonl"
    for _ in range(2):
        with log_with_ticks(path) as log:
            log.start(call("attempt_1")).end(Outcome.BUSY)
    assert [dial.attempt_id for dial in read_call_details(path).dials] == ["attempt_1"] * 2


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    """What was being written when the machine stopped was not yet said."""
    path = tmp_path / "cdr.jsonl"
    with log_with_ticks(path) as log:
        log.start(call("attempt_1"))
    with path.open("a") as torn:
        torn.write('{"event": "end", "attempt_')
    assert read_call_details(path).dials == (dial(start_s=101),)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    """A checker that reads the wrong file must not find all well."""
    path = tmp_path / "other.jsonl"
    path.write_text('{"event": "party", "attempt_id": "attempt_1"}\n')
    with pytest.raises(ValueError, match="party"):
        read_call_details(path)


def test_the_peak_counts_calls_that_overlap() -> None:
    """A line that is freed may be taken at the same moment; one without an end is never free."""
    assert peak_calls_up([]) == 0
    assert peak_calls_up([dial(start_s=1, end_s=2), dial(start_s=2, end_s=3)]) == 1
    assert peak_calls_up([dial(start_s=1, end_s=2.5), dial(start_s=2, end_s=3)]) == 2
    assert peak_calls_up([dial(start_s=1), dial(start_s=7, end_s=8)]) == 2
