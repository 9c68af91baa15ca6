"""The live display, as far as it can be seen without a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from batchcalls.cli.display import LineDisplay, LiveDisplay, Progress, display_for
from batchcalls.cli.outcomes import Tally
from batchcalls.core.model import Outcome
from batchcalls.timestamps import parse_rfc3339
from batchcalls.v1 import batch_pb2

NOW_S = 1_000_000.0
YEARS_LATER_US = parse_rfc3339("2100-01-01T12:00:00Z")
BATCH_ID = "batch_6c2defbcba1eb8bcf74c"


def shown(seen: Progress, *, width: int = 120, clock_s: float = NOW_S) -> str:
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=width, color_system=None)
    with LiveDisplay(console, clock=lambda: clock_s) as display:
        display.show(seen)
    return output.getvalue()


def progress(
    status: batch_pb2.BatchStatus.ValueType = batch_pb2.BATCH_STATUS_RUNNING,
    *,
    tally: Tally | None = None,
    **counts: int,
) -> Progress:
    counts = counts or {
        "total_calls": 10,
        "completed_calls": 3,
        "voicemail_calls": 1,
        "in_progress": 7,
    }
    outcomes = {Outcome.BUSY: 1, Outcome.COMPLETED: 2, Outcome.VOICEMAIL: 1}
    batch = batch_pb2.Batch(batch_id=BATCH_ID, status=status)
    for name, count in counts.items():
        setattr(batch, name, count)
    return Progress(
        batch=batch,
        tally=tally or Tally(outcomes=outcomes),
        calls_per_second=2.5,
        end_time_s=NOW_S + 125.0,
    )


def test_the_display_shows_all_that_is_known() -> None:
    """Bar, counts, people and machines apart, outcomes, speed and time left."""
    text = shown(progress())
    for part in (
        f"{BATCH_ID} running",
        "3/10",
        "2 reached, 1 voicemail, 7 in progress",
        "2 completed, 1 busy",
        "2.5 calls/s; about 2 min 05 s left",
    ):
        assert part in text
    assert "SIMULATED" not in text


def test_the_time_left_gets_less_while_nothing_happens() -> None:
    """It is drawn by the clock, not by what the server told last."""
    assert "about 1 min 05 s left" in shown(progress(), clock_s=NOW_S + 60.0)
    assert "left" not in shown(progress(), clock_s=NOW_S + 130.0)


def test_calls_that_wait_are_told_with_their_time() -> None:
    """Nobody wonders why nothing is dialed, nor believes that it is over in seconds."""
    tally = Tally(future_retries=26, next_retry_us=YEARS_LATER_US, last_retry_us=YEARS_LATER_US)
    text = shown(progress(tally=tally, total_calls=40, completed_calls=12, retrying_calls=28))
    assert "2 due, 26 wait, the next at 2100-01-01 " in text
    assert "at least 2 min 05 s left" in text
    assert "calls/s" not in text


@pytest.mark.parametrize(
    "status",
    [batch_pb2.BATCH_STATUS_PAUSED, batch_pb2.BATCH_STATUS_CANCELING],
)
def test_what_is_not_dialed_has_no_time_left(status: batch_pb2.BatchStatus.ValueType) -> None:
    """A paused batch is said to be paused, and nothing is promised."""
    text = shown(progress(status, total_calls=10, pending_calls=5, retrying_calls=5))
    assert status_word(status) in text
    assert "left" not in text
    assert "wait" not in text


def test_a_final_batch_has_no_time_left() -> None:
    """An estimate of what is over would be noise."""
    assert "left" not in shown(progress(batch_pb2.BATCH_STATUS_CANCELED))


def test_simulated_calls_are_said_to_be() -> None:
    """Nobody takes them for real ones."""
    seen = progress()
    seen.batch.simulated = True
    assert f"{BATCH_ID} running (SIMULATED: no phone rings)" in shown(seen)


def test_an_id_is_never_cut() -> None:
    """It is what the next command needs, however narrow the terminal."""
    assert BATCH_ID in shown(progress(), width=40)


def test_the_cursor_is_given_back() -> None:
    """However the watching ends, the terminal is as it was."""
    text = shown(progress())
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """It can't move its cursor, so nothing can be kept in place."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display_for(as_json=False), LineDisplay)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display_for(as_json=False), LiveDisplay)


def status_word(status: batch_pb2.BatchStatus.ValueType) -> str:
    return batch_pb2.BatchStatus.Name(status).removeprefix("BATCH_STATUS_").lower()
