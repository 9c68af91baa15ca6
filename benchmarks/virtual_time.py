"""Virtual time: how long 100,000 calls take on the wall, with retries 300 s apart.

The people are those of a working day (they are busy or out, ring, talk for a minute), at most
1,000 calls are up at once, up to three attempts. It is what ``batchcalls-simulator plan`` does
by default: phones ring and fall silent at whole seconds, and what falls together is committed
together. At exact times nearly every event has a commit of its own; how long that takes is
measured too, with a tenth of the calls. The limits are the same calls on bare trio tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from batchcalls.engine.admission import EngineLimits
from batchcalls.wire.spec import new_call
from batchcalls_simulator.campaign import Campaign
from batchcalls_simulator.course import Course
from batchcalls_simulator.plan import DEFAULT_GRAIN_S, run_campaign
from benchmarks.effort import Effort
from benchmarks.row import Goal, Row
from benchmarks.virtual import run_bare_campaign
from benchmarks.workload import DAYTIME, Workload

T = TypeVar("T")

_NO_LIMITS = EngineLimits(max_concurrent_calls=0, max_open_batches=0, max_open_calls=0)


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    work = Workload(
        calls=effort.pick(full=100_000, quick=3_000),
        concurrency=1_000,
        people=DAYTIME,
        max_attempts=3,
        delay_s=300.0,
    )
    course, planned = _row(work, "planned", grain_s=DEFAULT_GRAIN_S, goal=Goal(bound=60))
    yield planned
    assert planned.value, "it took a while"
    yield Row(
        name="virtual_time: times as fast as life", value=course.end_s / planned.value, unit="×"
    )
    few = replace(work, calls=work.calls // 10)
    _, exact = _row(few, "at exact times", grain_s=0.0, goal=None)
    yield exact


def _row(work: Workload, how: str, *, grain_s: float, goal: Goal | None) -> tuple[Course, Row]:
    _, bare_s = _timed(lambda: run_bare_campaign(work))
    campaign = Campaign(
        spec=work.batch_spec(), calls=list(map(new_call, work.call_specs())), start_time_us=0
    )
    course, took_s = _timed(
        lambda: run_campaign(campaign, options=work.simulation, limits=_NO_LIMITS, grain_s=grain_s)
    )
    return course, Row(
        name=f"virtual_time: {work.calls:,} calls {how}, on the wall",
        value=took_s,
        unit="s",
        limit=bare_s,
        goal=goal,
        smaller_is_better=True,
    )


def _timed(run: Callable[[], T]) -> tuple[T, float]:
    began = time.perf_counter()
    result = run()
    return result, time.perf_counter() - began
