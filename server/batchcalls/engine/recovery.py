"""Recovery: what became of the calls that an earlier process left open.

An intent without an outcome means that the phone may have rung, may be ringing, or never
rang. Only the carrier can know. Its answer decides: still up, and the call keeps its slot
until it ends; ended, and that is the outcome; not known, and the attempt ends unknown, for
good, unless the batch names unknown among the outcomes to retry. Nobody is rung again on a
guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierUnavailable,
    Ended,
    Lookup,
    NotKnown,
    StillUp,
)
from batchcalls.clock import Clock
from batchcalls.core.dispatch import Dispatcher
from batchcalls.core.lane import Dial, Lane
from batchcalls.core.lifecycle import DialState
from batchcalls.core.model import Outcome
from batchcalls.engine.dialer import Dialer, Timing
from batchcalls.store.contract import OpenCall

_POLL_S: Final = 1.0
"""How often a carrier is asked about a call that is still up, or while it can't be reached."""

_MIN_WAIT_S: Final = 60.0
"""How long a carrier has to answer, even about a call that must be over by now."""

log = structlog.get_logger()


class Recovery:
    """Settles open calls. ``adopt`` them before the first plan, then ``settle`` each in a task."""

    def __init__(
        self,
        *,
        carriers: Mapping[str, Carrier],
        dispatcher: Dispatcher,
        dialer: Dialer,
        clock: Clock,
        timing: Timing,
    ) -> None:
        self._carriers = carriers
        self._dispatcher = dispatcher
        self._dialer = dialer
        self._clock = clock
        self._timing = timing

    def adopt(self, lane: Lane, found: OpenCall) -> Dial:
        """Account for a call that may be up: it holds its slots until it is settled."""
        dial = Dial(lane, found.call, found.attempt, DialState.UP)
        self._dispatcher.adopt(dial, self._clock.now())
        return dial

    async def settle(self, dial: Dial) -> None:
        """Find out what became of the call, wait for its end if it is up, and record it."""
        assert dial.attempt is not None
        result = CallResult(outcome=Outcome.UNKNOWN, detail="the server stopped during the call")
        began = self._clock.to_monotonic(dial.attempt.start_time_us)
        longest_s = self._timing.max_call_duration_s
        with trio.move_on_at(max(began + longest_s, self._clock.now() + _MIN_WAIT_S)):
            result = await self._wait_for_end(dial.attempt.attempt_id, dial) or result
        log.info("call_recovered", outcome=result.outcome.value)
        self._dialer.end(dial, result)

    async def _wait_for_end(self, attempt_id: str, dial: Dial) -> CallResult | None:
        carrier = self._carriers[dial.lane.carrier.name]
        while True:
            match await _look_up(carrier, attempt_id):
                case Ended(result):
                    return result
                case NotKnown():
                    return None
                case StillUp():
                    await trio.sleep(_POLL_S)


async def _look_up(carrier: Carrier, attempt_id: str) -> Lookup:
    """What the carrier says; one that can't be reached may still have the call up."""
    try:
        return await carrier.lookup(attempt_id)
    except CarrierUnavailable:
        return StillUp()
    except Exception:
        log.exception("carrier_lookup_failed")
        return NotKnown()
