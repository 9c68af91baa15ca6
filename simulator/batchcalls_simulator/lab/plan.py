"""What if: run a campaign in virtual time, through the real engine, before anybody's phone rings.

Nothing fails here but the people and the carrier, as the simulator's options say. The store is
the real one, in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

import trio
from trio.testing import MockClock

from batchcalls.clock import MICROSECONDS, Clock
from batchcalls.core.effects import Effects
from batchcalls.core.model import Batch
from batchcalls.engine.admission import EngineLimits
from batchcalls.engine.engine import DEFAULT_LIMITS, Engine
from batchcalls.engine.journal import Published, run_inline
from batchcalls.store.sql.sql_store import SqlStore
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.lab.campaign import Campaign
from batchcalls_simulator.lab.course import Course, Sampler
from batchcalls_simulator.lab.scenario import WALL_S
from batchcalls_simulator.lab.world import deterministic_scheduling
from batchcalls_simulator.options import SimulatorOptions

DEFAULT_GRAIN_S = 1.0
"""Phones ring and fall silent at whole seconds: what falls together is committed together."""


def run_campaign(
    campaign: Campaign,
    *,
    options: SimulatorOptions,
    seed: int = 0,
    limits: EngineLimits = DEFAULT_LIMITS,
    grain_s: float = DEFAULT_GRAIN_S,
    start_unix_s: float = WALL_S,
) -> Course:
    """Run ``campaign`` once; the same arguments give the same course.

    Args:
      campaign: what to run.
      options: the people and the trunk; their seed is replaced by ``seed``.
      seed: another seed is another population.
      limits: those of the server.
      grain_s: the times of calls are rounded to multiples of it, up or down; 0 for exact times.
        A coarser grain runs faster.
      start_unix_s: the wall-clock time at which the campaign begins, above 0.

    Raises:
      LimitExceeded, TryLater: the batch is above a limit of the server.
    """

    def wall_s() -> float:
        return start_unix_s + trio.current_time()

    async def run() -> Course:
        engine = Engine(
            store=store,
            carriers={campaign.spec.carrier: carrier},
            clock=Clock(wall=wall_s, check_s=math.inf),
            random=Random(f"plan {seed}"),
            run_sync=run_inline,
            limits=limits,
        )
        return await _run(engine, campaign, carrier, seed)

    carrier = SimulatorCarrier(replace(options, seed=seed), wall_clock=wall_s, grain_s=grain_s)
    store = SqlStore.open("sqlite://")
    try:
        with deterministic_scheduling(seed):
            return trio.run(run, clock=MockClock(autojump_threshold=0))
    finally:
        store.close()


async def _run(engine: Engine, campaign: Campaign, carrier: SimulatorCarrier, seed: int) -> Course:
    engine.admit(campaign.spec, len(campaign.calls))  # what it raises comes in no group from here
    end = _End()
    engine.listen(end)
    async with trio.open_nursery() as nursery:
        await nursery.start(engine.run)
        batch = await engine.submit(campaign.spec, campaign.calls)
        sampler = Sampler(engine, batch.batch_id, carrier)
        nursery.start_soon(sampler.run)
        batch = await end.wait()
        nursery.cancel_scope.cancel()
    return Course(
        seed=seed,
        calls=batch.counts.total,
        completed=batch.counts.completed,
        attempts=batch.attempts,
        end_s=(batch.end_time_us - batch.create_time_us) / MICROSECONDS,
        peak=carrier.statistics().peak_calls_up,
        samples=tuple(sampler.samples),
    )


class _End:
    """Waits for the only batch to end (as a ``Listener``)."""

    def __init__(self) -> None:
        self._batch: Batch | None = None
        self._ended = trio.Event()

    async def wait(self) -> Batch:
        """The batch as it ended."""
        await self._ended.wait()
        assert self._batch is not None
        return self._batch

    def committed(
        self, _writes: Sequence[Effects], _events: Sequence[Published], batches: Sequence[Batch]
    ) -> None:
        for batch in batches:
            if batch.status.final:
                self._batch = batch
                self._ended.set()

    def health_changed(self, *, healthy: bool) -> None:
        """A store in memory doesn't fail."""
