"""The simulator as a carrier: lets simulated calls live out their fates on trio's clock.

What becomes of a call is decided in ``callee``, whether it gets a line in ``trunk``; here
time passes. Under a virtual clock it passes at once.
"""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierError,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.core.model import Outcome
from batchcalls_simulator.alarm import Sleeper
from batchcalls_simulator.callee import Callees, Fate
from batchcalls_simulator.options import SimulatorOptions, read_options
from batchcalls_simulator.reports import Reports
from batchcalls_simulator.trunk import Shortage, Trunk

REMEMBERED_CALLS = 10_000
"""How many ended calls are kept for ``follow`` and against repeats: a few megabytes."""

_SIP = {
    Outcome.COMPLETED: ("200", "OK"),
    Outcome.VOICEMAIL: ("200", "answered by a machine"),
    Outcome.BUSY: ("486", "Busy Here"),
    Outcome.NO_ANSWER: ("480", "Temporarily Unavailable"),
    Outcome.REJECTED: ("603", "Decline"),
    Outcome.FAILED: ("503", "Service Unavailable"),
    Outcome.INVALID_NUMBER: ("404", "Not Found"),
    Outcome.CANCELED: ("487", "Request Terminated"),
}
"""The code and phrase with which a SIP trunk tells each outcome (RFC 3261, section 21)."""


class RepeatedAttempt(CarrierError):
    """An attempt id was dialed a second time: somebody's phone would have rung twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorStatistics:
    """What a simulator has seen so far.

    ``placed`` counts the dials that got a line; each is up or is counted in ``outcomes``.
    ``throttled``, ``unavailable`` and ``repeated`` count the dials that were refused;
    ``shortage`` is what the trunk had too little of when it throttled last.
    """

    placed: int
    calls_up: int
    peak_calls_up: int
    throttled: int
    shortage: Shortage | None
    unavailable: int
    repeated: int
    outcomes: Mapping[Outcome, int]


class SimulatorCarrier(Carrier):
    """A carrier that rings no phone.

    ``clock`` gives trio's monotonic seconds, ``wall_clock`` seconds since the Unix epoch: it
    says what hour of the day it is where the answer rate depends on it. ``grain_s`` above 0
    moves everything that happens on a phone to the nearest multiple of it: what would happen at
    a thousand moments of a second happens at one, which takes a virtual world much less time.

    An attempt id that is up, or is among the last ``REMEMBERED_CALLS`` that ended, is refused
    with ``RepeatedAttempt``. It has nothing to hold, and works without ``run``.
    """

    def __init__(
        self,
        options: SimulatorOptions | None = None,
        *,
        clock: Callable[[], float] = trio.current_time,
        wall_clock: Callable[[], float] = time.time,
        grain_s: float = 0.0,
    ) -> None:
        self.options = options or SimulatorOptions()
        self.limits = self.options.limits
        self._clock = clock
        self._grain_s = grain_s
        self._wall_clock = wall_clock
        self._callees = Callees(self.options)
        self._reports = Reports(self.options)
        self._trunk = Trunk(
            capacity=self.options.trunk_capacity,
            calls_per_second=self.options.trunk_calls_per_second,
            outages=self.options.outages,
        )
        self._up: dict[str, Sleeper] = {}
        self._followed: dict[str, trio.Event] = {}
        self._ended: OrderedDict[str, CallResult] = OrderedDict()
        self._outcomes: Counter[Outcome] = Counter()
        self._throttled = 0
        self._unavailable = 0
        self._repeated = 0

    def __repr__(self) -> str:
        return (
            f"<SimulatorCarrier seed={self.options.seed} calls_up={len(self._up)}"
            f" ended={self._outcomes.total()}>"
        )

    def statistics(self) -> SimulatorStatistics:
        """A snapshot of the counters."""
        return SimulatorStatistics(
            placed=len(self._up) + self._outcomes.total(),
            calls_up=len(self._up),
            peak_calls_up=self._trunk.peak_calls_up,
            throttled=self._throttled,
            shortage=self._trunk.shortage,
            unavailable=self._unavailable,
            repeated=self._repeated,
            outcomes=dict(self._outcomes),
        )

    async def place_call(
        self, call: OutboundCall, report: Callable[[Progress], None]
    ) -> CallResult:
        """Let the call live out its fate.

        Raises:
          CarrierThrottled: every line is taken, or too many calls came within a second.
          CarrierUnavailable: during an outage.
          RepeatedAttempt: the attempt id was dialed, or barred, before.
        """
        phone = self._seize(call.attempt_id)
        outcome = Outcome.CANCELED
        try:
            fate = self._fate(call)
            if await self._live_out(call, fate, phone, report):
                outcome = fate.outcome
        finally:
            result = self._release(call.attempt_id, outcome)
        return result

    async def follow(
        self,
        attempt_id: str,
        report: Callable[[Progress], None],  # noqa: ARG002  # there is nothing to report
    ) -> CallResult | NotKnown:
        """Wait for the end of a dial; ended calls are remembered up to ``REMEMBERED_CALLS``.

        Raises:
          CarrierUnavailable: during an outage.
        """
        await trio.lowlevel.checkpoint()
        self.require_alive()
        if attempt_id in self._up:
            await self._followed.setdefault(attempt_id, trio.Event()).wait()
        return self._ended.get(attempt_id, NotKnown())

    async def hang_up(self, attempt_id: str) -> None:
        """End a call; one that isn't known is barred.

        Raises:
          CarrierUnavailable: during an outage.
        """
        await trio.lowlevel.checkpoint()
        self.require_alive()
        if attempt_id in self._up:
            self._up[attempt_id].rouse()
            await self._followed.setdefault(attempt_id, trio.Event()).wait()
        elif attempt_id not in self._ended:
            self._remember(attempt_id, _result(attempt_id, Outcome.CANCELED))

    def require_alive(self) -> None:
        """Raise ``CarrierUnavailable`` during an outage."""
        self._trunk.require_alive(self._clock())

    def _seize(self, attempt_id: str) -> Sleeper:
        if attempt_id in self._up or attempt_id in self._ended:
            self._repeated += 1
            raise RepeatedAttempt(f"attempt {attempt_id} was dialed before")
        try:
            self._trunk.seize(self._clock())
        except CarrierThrottled:
            self._throttled += 1
            raise
        except CarrierUnavailable:
            self._unavailable += 1
            raise
        phone = self._up[attempt_id] = Sleeper()
        return phone

    def _release(self, attempt_id: str, outcome: Outcome) -> CallResult:
        result = _result(attempt_id, outcome)
        self._trunk.release()
        del self._up[attempt_id]
        self._outcomes[outcome] += 1
        self._remember(attempt_id, result)
        followed = self._followed.pop(attempt_id, None)
        if followed is not None:
            followed.set()
        return result

    def _remember(self, attempt_id: str, result: CallResult) -> None:
        self._ended[attempt_id] = result
        if len(self._ended) > REMEMBERED_CALLS:
            self._ended.popitem(last=False)

    def _fate(self, call: OutboundCall) -> Fate:
        return self._callees.fate(
            call.phone_number,
            call.attempt_number,
            ring_timeout_s=call.ring_timeout_s,
            unix_time_s=self._wall_clock(),
        )

    async def _live_out(
        self, call: OutboundCall, fate: Fate, phone: Sleeper, report: Callable[[Progress], None]
    ) -> bool:
        """Whether the call came to its end; it doesn't where somebody hangs up before."""
        await trio.lowlevel.checkpoint_if_cancelled()  # nobody answers what was hung up before
        began = now = self._clock()
        for delivery in self._reports.delivered(fate, call.phone_number, call.attempt_number):
            reported_at = self._moment(began, delivery.at_s)
            if reported_at > now:  # even a sleep that has nothing to wait for takes its time
                if not await phone.sleep_until(reported_at):
                    return False
                now = reported_at
            report(delivery.progress)
        return await phone.sleep_until(self._moment(began, fate.lasts_s))

    def _moment(self, began: float, seconds: float) -> float:
        """When a call that began then is so many seconds old."""
        at = began + seconds * self.options.time_scale
        if not self._grain_s or at == math.inf:
            return at
        return round(at / self._grain_s) * self._grain_s


def _result(attempt_id: str, outcome: Outcome) -> CallResult:
    code, phrase = _SIP[outcome]
    return CallResult(
        outcome=outcome,
        carrier_call_id=f"sim_{attempt_id}",
        carrier_code=code,
        detail=phrase,
    )


def create(options: Mapping[str, object]) -> SimulatorCarrier:
    """The factory behind the entry point ``simulator``.

    Raises:
      CarrierOptionError: an option is unknown, can't be read, or is out of range.
    """
    return SimulatorCarrier(read_options(options))
