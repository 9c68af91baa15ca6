"""The ways to show a batch while it runs: live, line by line, or as JSON.

A display is a context manager around the watching. It shows what it is given and doesn't know
the server; of the clock, it knows how much of the time left has passed.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batchcalls.cli.outcomes import Tally
from batchcalls.cli.output import write_document_line
from batchcalls.cli.render import (
    SIMULATED,
    counts_text,
    duration_text,
    ended_calls,
    is_running,
    moment_text,
    outcomes_text,
    status_word,
    waiting_text,
)
from batchcalls.cli.session import tell
from batchcalls.document import batch_document
from batchcalls.timestamps import microseconds
from batchcalls.v1.batch_pb2 import BATCH_STATUS_SCHEDULED, Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What there is to show of a batch at one moment; None where it isn't known.

    ``end_time_s`` is when the batch is expected to end, in seconds since the epoch.
    """

    batch: Batch
    tally: Tally
    calls_per_second: float | None
    end_time_s: float | None


class Display(ABC):
    """Shows a batch again and again; ``interval_s`` is how often it wants to, in seconds."""

    interval_s: float

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was; most displays have nothing to restore."""
        return

    @abstractmethod
    def show(self, progress: Progress) -> None:
        """Show where the batch is now."""


class DocumentDisplay(Display):
    """A JSON document a line on standard output, for machines."""

    interval_s = 0.2

    def show(self, progress: Progress) -> None:
        write_document_line(batch_document(progress.batch))


class LineDisplay(Display):
    """A plain line on standard error now and then, for logs."""

    interval_s = 2.0

    def show(self, progress: Progress) -> None:
        batch = progress.batch
        parts = [
            _title(batch),
            f"{ended_calls(batch)}/{batch.total_calls} calls ended",
            counts_text(batch),
            *_measures(progress, time.time()),
        ]
        tell("; ".join(parts))


class LiveDisplay(Display):
    """A progress bar with its numbers, kept in place on a terminal's standard error."""

    interval_s = 0.2

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._progress: Progress | None = None
        self._live = Live(console=console, refresh_per_second=8, get_renderable=self._panel)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, progress: Progress) -> None:
        self._progress = progress
        self._live.refresh()

    def _panel(self) -> RenderableType:
        """Drawn again and again: while nothing happens, the time left still gets less."""
        return progress_panel(self._progress, self._clock()) if self._progress else ""


def display_for(*, as_json: bool) -> Display:
    """The display that fits the wish and the terminal."""
    if as_json:
        return DocumentDisplay()
    console = Console(stderr=True)
    alive = console.is_terminal and not console.is_dumb_terminal
    return LiveDisplay(console) if alive else LineDisplay()


def progress_panel(progress: Progress, now_s: float) -> RenderableType:
    """The bar, and below it where the calls stand, how attempts ended, and how fast it goes."""
    batch = progress.batch
    ended = ended_calls(batch)
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        "",
        ProgressBar(total=max(batch.total_calls, 1), completed=ended, width=40),
        Text(f"{ended}/{batch.total_calls}"),
    )
    lines = [f"  calls     {counts_text(batch)}"]
    if progress.tally.outcomes:
        lines.append(f"  attempts  {outcomes_text(progress.tally.outcomes)}")
    measures = "; ".join(_measures(progress, now_s))
    if measures:
        lines.append(f"  pace      {measures}")
    return Group(Text(_title(batch), style="bold"), bar, *map(Text, lines))


def _title(batch: Batch) -> str:
    title = f"{batch.batch_id} {status_word(batch)}"
    return f"{title} ({SIMULATED})" if batch.simulated else title


def _measures(progress: Progress, now_s: float) -> Iterator[str]:
    """How fast it goes, who waits, and the time left: of a batch that is dialed, all else waits."""
    batch = progress.batch
    if batch.status == BATCH_STATUS_SCHEDULED:
        yield f"starts at {moment_text(microseconds(batch.start_time))}"
    if not is_running(batch):
        return
    if progress.calls_per_second is not None and (batch.in_progress or batch.pending_calls):
        yield f"{progress.calls_per_second:.1f} calls/s"
    if waiting := waiting_text(batch, progress.tally):
        yield waiting
    if progress.end_time_s is not None and progress.end_time_s > now_s:
        # The retries that wait in the end may fail and wait once more.
        how_sure = "at least" if batch.retrying_calls and not batch.pending_calls else "about"
        yield f"{how_sure} {duration_text(progress.end_time_s - now_s)} left"
