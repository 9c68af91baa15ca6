"""How a campaign went, sampled while it runs: calls up, calls reached, and what it waited for.

*What it waited for* is looked up in the dispatcher at each sample, in this order. No call is
ready to be dialed: the campaign waits for retries to fall due or, when none are left, for its
last calls to end. Calls are ready, and slots are short: the tightest limit that is full. Slots
are free: the carrier is down, or the pace that allows the next dial last. Where that is the
carrier's, and it isn't the one that its contract names, the carrier has throttled: then it is the
trunk, of which the engine knows nothing, that was short of lines or of turns. The share of the
samples in which a limit stood first is its share of the campaign's time; the *binding* limit
is the one with the largest share, since lifting any other would gain less.

The samples are spread evenly over the campaign, however long it is: when there are too many,
every second one goes and the interval doubles.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import trio

from batchcalls.core.lane import Lane
from batchcalls.core.limits import Limit
from batchcalls.core.model import Counts
from batchcalls.engine.engine import Engine
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.trunk import Shortage

_FIRST_INTERVAL_S: Final = 0.25

_OFFSET_S: Final = 0.0381
"""Keeps samples off the round moments at which calls end together and the next aren't up yet."""

_MAX_SAMPLES: Final = 2_000


class Binding(StrEnum):
    """What a campaign waits for."""

    SERVER_SLOTS = "server concurrency"
    CARRIER_SLOTS = "carrier concurrency"
    BATCH_SLOTS = "batch concurrency"
    SERVER_RATE = "server rate"
    CARRIER_RATE = "carrier rate"
    BATCH_RATE = "batch rate"
    TRUNK_SLOTS = "trunk capacity"
    TRUNK_RATE = "trunk rate"
    CARRIER_DOWN = "carrier down"
    RETRY_DELAYS = "retry delays"
    LAST_CALLS = "last calls"


@dataclass(frozen=True, slots=True)
class Sample:
    """A moment ``at_s`` seconds after the start: calls up, calls completed so far, the wait."""

    at_s: float
    up: int
    completed: int
    binding: Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One run of a campaign.

    ``end_s`` is from its start to its end, ``attempts`` those that count, ``peak`` the most
    calls up at once, ``completed`` of ``calls`` are those reached.
    """

    seed: int
    calls: int
    completed: int
    attempts: int
    end_s: float
    peak: int
    samples: tuple[Sample, ...]

    @property
    def reach(self) -> float:
        """The share of the calls that were completed."""
        return self.completed / self.calls

    @property
    def waits(self) -> Mapping[Binding, float]:
        """The share of the time that went to each wait."""
        counted = Counter(sample.binding for sample in self.samples)
        return {binding: count / counted.total() for binding, count in counted.items()}


class Sampler:
    """Takes the samples of one batch, dialed by ``carrier``; ``run`` it beside the engine."""

    def __init__(self, engine: Engine, batch_id: str, carrier: SimulatorCarrier) -> None:
        self.samples: list[Sample] = []
        self._engine = engine
        self._batch_id = batch_id
        self._carrier = carrier
        self._interval_s = _FIRST_INTERVAL_S

    async def run(self) -> None:
        """Sample until cancelled."""
        began = trio.current_time()
        while True:
            self._sample(trio.current_time(), began)
            await trio.sleep_until(began + self._next_s(trio.current_time() - began))

    def _next_s(self, now_s: float) -> float:
        return (now_s // self._interval_s + 1.0) * self._interval_s + _OFFSET_S

    def _sample(self, now: float, began: float) -> None:
        lane = self._engine.dispatcher.lanes.get(self._batch_id)
        batch = self._engine.journal.batch(self._batch_id)
        if lane is None or batch is None:
            return
        up = self._engine.dialer.calls_up
        binding = self._binding(lane, now, batch.counts)
        self.samples.append(Sample(now - began, up, batch.counts.completed, binding))
        if len(self.samples) > _MAX_SAMPLES:
            del self.samples[1::2]
            self._interval_s *= 2

    def _binding(self, lane: Lane, now: float, counts: Counts) -> Binding:
        if lane.ready.peek() is None:
            if counts.pending:  # each was refused, and waits to be dialed again
                return self._throttled_by()
            return Binding.RETRY_DELAYS if counts.retrying else Binding.LAST_CALLS
        limits = self._limits(lane)
        full = [(limit.slots, slots) for limit, slots, _ in limits if limit.full]
        if full:
            return min(full, key=lambda pair: pair[0])[1]
        if not lane.carrier.breaker.closed:
            return Binding.CARRIER_DOWN
        if lane.carrier.shut_at(now):
            return self._throttled_by()  # it has asked for a rest
        paced, _, rate = max(limits, key=lambda entry: entry[0].launch_at(now))
        if paced.launch_at(now) > now:
            return self._throttled_by() if self._is_slowed(paced, lane) else rate
        return min(limits, key=lambda entry: entry[0].slots or math.inf)[1]  # just freed

    def _throttled_by(self) -> Binding:
        full = self._carrier.statistics().shortage is Shortage.LINES
        return Binding.TRUNK_SLOTS if full else Binding.TRUNK_RATE

    def _is_slowed(self, paced: Limit, lane: Lane) -> bool:
        """Whether this is the carrier's pace, and the carrier's throttling has slowed it down."""
        contract = self._carrier.limits.calls_per_second
        return paced is lane.carrier.limit and paced.pacer.rate != contract

    def _limits(self, lane: Lane) -> list[tuple[Limit, Binding, Binding]]:
        """The limits, those that are easiest to lift first: ties go to them."""
        return [
            (lane.limit, Binding.BATCH_SLOTS, Binding.BATCH_RATE),
            (lane.carrier.limit, Binding.CARRIER_SLOTS, Binding.CARRIER_RATE),
            (self._engine.dispatcher.server, Binding.SERVER_SLOTS, Binding.SERVER_RATE),
        ]
