"""Slots in use: how near the makespan of a batch comes to the ideal one.

The ideal comes from list scheduling: whoever is free first takes the next call, at once, and
nothing costs anything. 5,000 calls of 0.2 to 0.6 s in 100 slots take 20 s at best.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import trio

from batchcalls_simulator.callee import Callees
from batchcalls_simulator.carrier import SimulatorCarrier
from benchmarks.effort import Effort
from benchmarks.in_process import run_batch, running_engine
from benchmarks.row import Goal, Row
from benchmarks.sample import middle, repeated, spread
from benchmarks.workload import Workload, phone_number


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    work = Workload(
        calls=effort.pick(full=5_000, quick=500),
        concurrency=100,
        people={"talk_time": "uniform:0.2,0.6"},
    )
    took = repeated(effort.pick(full=2, quick=1), partial(_makespan_s, work, effort.folder))
    yield Row(
        name="slots: makespan",
        value=middle(took),
        unit="s",
        limit=ideal_makespan(_durations(work), work.concurrency),
        goal=Goal(bound=0.99, of_ratio=True),
        spread=spread(took),
        smaller_is_better=True,
    )


def ideal_makespan(durations: Sequence[float], slots: int) -> float:
    """When the last of these calls ends if every slot takes the next one as soon as it is free."""
    free_at = [0.0] * slots
    for duration in durations:
        heapq.heapreplace(free_at, free_at[0] + duration)
    return max(free_at)


def _durations(work: Workload) -> list[float]:
    callees = Callees(work.simulation)
    fates = [
        callees.fate(phone_number(index), 1, ring_timeout_s=30.0, unix_time_s=0.0)
        for index in range(work.calls)
    ]
    return [fate.talk_s for fate in fates if fate.talk_s is not None]


def _makespan_s(work: Workload, folder: Path) -> float:
    database = folder / f"slots-{time.monotonic_ns()}.db"

    async def run() -> float:
        carrier = SimulatorCarrier(work.simulation)
        async with running_engine(f"sqlite:///{database}", carrier) as engine:
            calls = work.call_specs()
            began = time.perf_counter()
            await run_batch(engine, work.batch_spec(), calls)
            return time.perf_counter() - began

    return trio.run(run)
