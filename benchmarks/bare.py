"""The limit of everything that dials: bare trio tasks that live out the same fates.

No store, no API, no events, no pacing: a task for each call, a semaphore for the slots, and
trio's own sleeps. It is a yardstick, not a bound: the simulator's sleeps, for one, cost less.
"""

from __future__ import annotations

import trio

from batchcalls.core.model import RetryConfig
from batchcalls_simulator.callee import Callees, Fate
from benchmarks.workload import Workload, phone_number

_RING_TIMEOUT_S = 30.0


async def run_bare(workload: Workload) -> None:
    """Do the work of ``workload`` and nothing else."""
    callees = Callees(workload.simulation)
    slots = trio.Semaphore(workload.concurrency)
    async with trio.open_nursery() as nursery:
        for index in range(workload.calls):
            nursery.start_soon(_call, phone_number(index), callees, slots, workload.retry)


async def _call(number: str, callees: Callees, slots: trio.Semaphore, config: RetryConfig) -> None:
    for attempt in range(1, config.max_attempts + 1):
        async with slots:
            fate = callees.fate(number, attempt, ring_timeout_s=_RING_TIMEOUT_S, unix_time_s=0.0)
            await _live_out(fate)
        if fate.outcome not in config.retry_on:
            return
        if attempt < config.max_attempts:
            await trio.sleep(config.delay_s)


async def _live_out(fate: Fate) -> None:
    for part_s in (fate.post_dial_delay_s, fate.ring_s, fate.talk_s):
        if part_s:
            await trio.sleep(part_s)
