"""Virtual time: how long 100,000 calls take on the wall, with retries 300 s apart.

The people are those of a working day (they are busy or out, ring, talk for a minute), at most
1,000 calls are up at once, up to three attempts. The limit is the same on bare trio tasks.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.effort import Effort
from benchmarks.row import Goal, Row
from benchmarks.virtual import run_bare_campaign, run_campaign
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
    began = time.perf_counter()
    run_bare_campaign(work)
    bare_s = time.perf_counter() - began
    began = time.perf_counter()
    campaign = run_campaign(work, work.batch_spec())
    took_s = time.perf_counter() - began
    yield Row(
        name=f"virtual_time: {work.calls:,} calls, on the wall",
        value=took_s,
        unit="s",
        limit=bare_s,
        goal=Goal(bound=60),
        smaller_is_better=True,
    )
    yield Row(name="virtual_time: times as fast as life", value=campaign.took_s / took_s, unit="×")
