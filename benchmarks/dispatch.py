"""Durable calls a second, against bare trio tasks that do the same work.

3,000 calls, 20 ms talk, 30 % busy, up to 3 attempts 100 ms apart: through the engine in this
process (store and all, no RPCs), and through a server of its own with RPC submit and watch.
The time runs from the submission to the last outcome on disk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import trio

from batchcalls_simulator.carrier import SimulatorCarrier
from benchmarks.bare import run_bare
from benchmarks.effort import Effort
from benchmarks.in_process import run_batch, running_engine
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, spread
from benchmarks.server_process import running_server, seconds
from benchmarks.workload import Workload

CALLS: Final = 3_000
_GOALS: Final = {200: Goal(bound=0.6, of_ratio=True), 1_000: Goal(bound=0.5, of_ratio=True)}
"""By concurrency."""


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    calls = effort.pick(full=CALLS, quick=600)
    times = effort.pick(full=5, quick=1)
    for concurrency, goal in _GOALS.items():
        yield from _at(work_w(calls, concurrency), goal, times, effort.folder)


def work_w(calls: int, concurrency: int) -> Workload:
    """The work that everything that dials is measured by."""
    return Workload(
        calls=calls,
        concurrency=concurrency,
        people={"busy_rate": "0.3", "talk_time": "0.02"},
        max_attempts=3,
        delay_s=0.1,
    )


def _at(work: Workload, goal: Goal, times: int, folder: Path) -> Iterator[Row]:
    """Measure limit and ways in turn, so that a machine that slows down slows them all."""
    ways: dict[str, Callable[[], float]] = {
        "bare": partial(_bare, work),
        "in process": partial(_in_process, work, folder),
        "through a server": partial(_through_server, work, folder),
    }
    turns = [{way: rate() for way, rate in ways.items()} for _ in range(times)]
    bare, *others = [(way, [turn[way] for turn in turns]) for way in ways]
    for way, rates in others:
        yield Row(
            name=f"dispatch {way}, {work.concurrency:,} at once",
            value=middle(rates),
            unit="calls/s",
            limit=middle(bare[1]),
            goal=goal,
            spread=spread(rates),
        )


def _bare(work: Workload) -> float:
    began = time.perf_counter()
    trio.run(run_bare, work)
    return work.calls / (time.perf_counter() - began)


def _in_process(work: Workload, folder: Path) -> float:
    database = folder / f"engine-{time.monotonic_ns()}.db"

    async def run() -> float:
        carrier = SimulatorCarrier(work.simulation)
        async with running_engine(f"sqlite:///{database}", carrier) as engine:
            calls = work.call_specs()
            began = time.perf_counter()
            await run_batch(engine, work.batch_spec(), calls)
            return time.perf_counter() - began

    return work.calls / trio.run(run)


def _through_server(work: Workload, folder: Path) -> float:
    database = folder / f"server-{time.monotonic_ns()}.db"
    with running_server(database, work.options) as server:
        return work.calls / seconds(server.run(work.request()))
