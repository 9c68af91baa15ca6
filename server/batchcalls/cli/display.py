"""The ways to show a batch while it runs: live, line by line, or as JSON.

A display is a context manager around the watching. It shows what it is given and knows
neither the server nor the clock.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from batchcalls.cli.output import write_document_line
from batchcalls.cli.render import (
    counts_text,
    duration_text,
    ended_calls,
    is_final,
    outcomes_text,
    status_word,
)
from batchcalls.core.model import Outcome
from batchcalls.document import batch_document
from batchcalls.v1.batch_pb2 import Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What there is to show of a batch at one moment; None where it isn't known yet."""

    batch: Batch
    outcomes: Mapping[Outcome, int]
    calls_per_second: float | None
    time_left_s: float | None


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
            f"{batch.batch_id} {status_word(batch)}",
            f"{ended_calls(batch)}/{batch.total_calls} calls ended",
            counts_text(batch),
            *_measures(progress),
        ]
        sys.stderr.write("; ".join(parts) + "\n")
        sys.stderr.flush()


class LiveDisplay(Display):
    """A progress bar with its numbers, kept in place on a terminal's standard error."""

    interval_s = 0.2

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=8)

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
        self._live.update(progress_panel(progress))


def display_for(*, as_json: bool) -> Display:
    """The display that fits the wish and the terminal."""
    if as_json:
        return DocumentDisplay()
    console = Console(stderr=True)
    return LiveDisplay(console) if console.is_terminal else LineDisplay()


def progress_panel(progress: Progress) -> RenderableType:
    """The bar, and below it where the calls stand and how attempts ended."""
    batch = progress.batch
    ended = ended_calls(batch)
    bar = Table.grid(padding=(0, 2))
    bar.add_row(
        Text(f"{batch.batch_id} {status_word(batch)}", style="bold"),
        ProgressBar(total=max(batch.total_calls, 1), completed=ended, width=30),
        Text(f"{ended}/{batch.total_calls}"),
        Text("; ".join(_measures(progress))),
    )
    lines = [Text(f"  calls     {counts_text(batch)}")]
    if progress.outcomes:
        lines.append(Text(f"  attempts  {outcomes_text(progress.outcomes)}"))
    return Group(bar, *lines)


def _measures(progress: Progress) -> Iterator[str]:
    if progress.calls_per_second is not None:
        yield f"{progress.calls_per_second:.1f} calls/s"
    if progress.time_left_s is not None and not is_final(progress.batch):
        yield f"{duration_text(progress.time_left_s)} left"
