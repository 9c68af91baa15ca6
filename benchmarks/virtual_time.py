"""Virtual time: how long 100,000 calls take on the wall, with retries 300 s apart.

The people are those of a working day (they are busy or out, ring, talk for a minute), at most
1,000 calls are up at once, up to three attempts. It is what ``batchcalls-simulator plan`` does
by default: phones ring and fall silent at whole seconds, and what falls together is committed
together. At exact times nearly every event has a commit of its own; how long that takes is
measured too, with a tenth of the calls and of the goal, against the same calls on bare trio
tasks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from batchcalls.wire.spec import new_call
from batchcalls_simulator.lab.campaign import Campaign
from batchcalls_simulator.lab.course import Course
from batchcalls_simulator.lab.plan import DEFAULT_GRAIN_S, run_campaign
from benchmarks.effort import Effort
from benchmarks.in_process import NO_LIMITS
from benchmarks.row import Goal, Row
from benchmarks.virtual import run_bare_campaign
from benchmarks.workload import DAYTIME, Workload


def measure(effort: Effort) -> Iterator[Row]:
    """The rows of this benchmark."""
    work = Workload(
        calls=effort.pick(full=100_000, quick=3_000),
        concurrency=1_000,
        people=DAYTIME,
        max_attempts=3,
        delay_s=300.0,
    )
    course, took_s = _plan(work, grain_s=DEFAULT_GRAIN_S)
    yield _row(f"{work.calls:,} calls planned", took_s, goal_s=20)
    yield Row(name="virtual_time: times as fast as life", value=course.end_s / took_s, unit="×")
    few = replace(work, calls=work.calls // 10)
    began = time.perf_counter()
    run_bare_campaign(few)
    bare_s = time.perf_counter() - began
    _, took_s = _plan(few, grain_s=0.0)
    yield _row(f"{few.calls:,} calls at exact times", took_s, goal_s=2, limit_s=bare_s)


def _plan(work: Workload, *, grain_s: float) -> tuple[Course, float]:
    """How the campaign went, and how long that took on the wall."""
    calls = [new_call(spec) for spec in work.call_specs()]
    campaign = Campaign(spec=work.batch_spec(), calls=calls, start_time_us=0)
    began = time.perf_counter()
    course = run_campaign(campaign, options=work.simulation, limits=NO_LIMITS, grain_s=grain_s)
    return course, time.perf_counter() - began


def _row(what: str, took_s: float, *, goal_s: float, limit_s: float | None = None) -> Row:
    return Row(
        name=f"virtual_time: {what}, on the wall",
        value=took_s,
        unit="s",
        limit=limit_s,
        goal=Goal(bound=goal_s),
        smaller_is_better=True,
    )
