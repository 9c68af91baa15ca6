"""The live display, as far as it can be seen without a terminal."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from batchcalls.cli.display import LiveDisplay, Progress
from batchcalls.core.model import Outcome
from batchcalls.v1 import batch_pb2


def shown(progress: Progress) -> str:
    output = StringIO()
    console = Console(file=output, force_terminal=True, width=120, color_system=None)
    with LiveDisplay(console) as display:
        display.show(progress)
    return output.getvalue()


def progress(status: batch_pb2.BatchStatus.ValueType) -> Progress:
    batch = batch_pb2.Batch(
        batch_id="batch_x", status=status, total_calls=10, completed_calls=3, in_progress=7
    )
    return Progress(
        batch=batch,
        outcomes={Outcome.BUSY: 1, Outcome.COMPLETED: 3},
        calls_per_second=2.5,
        time_left_s=125.0,
    )


def test_the_display_shows_all_that_is_known() -> None:
    """Bar, counts, outcomes, speed and time left."""
    text = shown(progress(batch_pb2.BATCH_STATUS_RUNNING))
    for part in (
        "batch_x running",
        "3/10",
        "2.5 calls/s; 2 min 05 s left",
        "3 completed, 7 in progress",
        "3 completed, 1 busy",
    ):
        assert part in text


def test_a_final_batch_has_no_time_left() -> None:
    """An estimate of what is over would be noise."""
    assert "left" not in shown(progress(batch_pb2.BATCH_STATUS_CANCELED))


def test_the_cursor_is_given_back() -> None:
    """However the watching ends, the terminal is as it was."""
    text = shown(progress(batch_pb2.BATCH_STATUS_RUNNING))
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
