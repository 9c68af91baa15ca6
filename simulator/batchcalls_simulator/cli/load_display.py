"""How far a load is, live on a terminal's standard error, or line by line in a log."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from batchcalls_simulator.lab.meter import Meter, Quantiles

_RECENT = 5_000
"""Of how many events the lag is shown: the last ones, which are soon sorted."""


class LoadDisplay(ABC):
    """Shows a load of ``total_calls``; ``interval_s`` is how often it wants to, in seconds."""

    interval_s: float

    def __init__(self, total_calls: int) -> None:
        self._total_calls = total_calls

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was; lines have nothing to restore."""
        return

    @abstractmethod
    def show(self, meter: Meter, took_s: float) -> None:
        """Show what was measured so far."""


class LineDisplay(LoadDisplay):
    """A plain line now and then."""

    interval_s = 2.0

    def show(self, meter: Meter, took_s: float) -> None:
        sys.stderr.write(
            f"{took_s:.0f} s: {meter.calls_ended:,} of {self._total_calls:,} calls ended,"
            f" {_measures(meter, took_s)}\n"
        )
        sys.stderr.flush()


class LiveDisplay(LoadDisplay):
    """A progress bar with its numbers, kept in place."""

    interval_s = 0.5

    def __init__(self, total_calls: int, console: Console) -> None:
        super().__init__(total_calls)
        self._live = Live(console=console, refresh_per_second=4)

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

    def show(self, meter: Meter, took_s: float) -> None:
        row = Table.grid(padding=(0, 2))
        row.add_row(
            ProgressBar(total=self._total_calls, completed=meter.calls_ended, width=30),
            f"{meter.calls_ended:,}/{self._total_calls:,}",
            _measures(meter, took_s),
        )
        self._live.update(row)


def display_for(total_calls: int) -> LoadDisplay:
    """The display that fits standard error."""
    console = Console(stderr=True)
    return LiveDisplay(total_calls, console) if console.is_terminal else LineDisplay(total_calls)


def _measures(meter: Meter, took_s: float) -> str:
    rates = f"{meter.calls_ended / took_s:,.0f} calls/s, {meter.attempts / took_s:,.0f} attempts/s"
    lag = Quantiles.of(meter.event_lags_s[-_RECENT:])
    return f"{rates}, event lag p99 {lag.p99_s * 1e3:,.0f} ms" if lag.count else rates
