"""Pacing: whether a batch dials as fast as it may, and never faster.

The starts are taken down where they count, at the carrier. The check is exact: of all
half-open windows of one second, the fullest one is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import trio

from batchcalls.carriers.base import CallResult, Carrier, NotKnown, OutboundCall, Progress
from batchcalls_simulator.carrier import SimulatorCarrier
from benchmarks.effort import Effort
from benchmarks.in_process import run_batch, running_engine
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, most_in_a_window, spread
from benchmarks.workload import Workload

_RATES: Final = (50, 200, 1_000)
_WINDOW_S: Final = 1.0


class Witness(Carrier):
    """The simulator, with somebody beside it who takes down when each call starts."""

    def __init__(self, inner: Carrier) -> None:
        self.limits = inner.limits
        self.starts: list[float] = []
        self._inner = inner

    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        """Take down the time and pass the call on."""
        self.starts.append(time.perf_counter())
        return await self._inner.place_call(call, report)

    async def follow(
        self, attempt_id: str, report: Callable[[Progress], None]
    ) -> CallResult | NotKnown:
        """Pass the question on."""
        return await self._inner.follow(attempt_id, report)

    async def hang_up(self, attempt_id: str) -> None:
        """Pass the order on."""
        await self._inner.hang_up(attempt_id)


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    times, seconds = effort.pick(full=(2, 8), quick=(1, 2))
    for rate in _RATES:
        runs = [_starts(rate, rate * seconds, effort.folder) for _ in range(times)]
        yield from _rows(rate, runs)


def _rows(rate: int, runs: list[list[float]]) -> Iterator[Row]:
    rates = [(len(starts) - 1) / (starts[-1] - starts[0]) for starts in runs]
    yield Row(
        name=f"pacing at {rate:,}/s: starts",
        value=middle(rates),
        unit="calls/s",
        limit=rate,
        goal=Goal(bound=0.98, of_ratio=True),
        spread=spread(rates),
    )
    yield Row(
        name=f"pacing at {rate:,}/s: most in any second",
        value=max(most_in_a_window(starts, _WINDOW_S) for starts in runs),
        unit="calls",
        goal=Goal(bound=rate),
        smaller_is_better=True,
    )


def _starts(rate: int, calls: int, folder: Path) -> list[float]:
    work = Workload(
        calls=calls,
        concurrency=rate,
        people={"talk_time": "0.05"},
        max_calls_per_second=rate,
    )
    witness = Witness(SimulatorCarrier(work.simulation))
    database = folder / f"pacing-{time.monotonic_ns()}.db"

    async def run() -> None:
        async with running_engine(f"sqlite:///{database}", witness) as engine:
            await run_batch(engine, work.batch_spec(), work.call_specs())

    trio.run(run)
    return witness.starts
