"""Recovery: what became of the calls that an earlier process left open.

An intent without an outcome means that the phone may have rung, may be ringing, or never
rang. Only the carrier can know. Each such call keeps its slot, and its carrier is asked to
follow it to its end, which is its outcome. (What stands on the board of the undialed never
left; it waits again at once.) While a carrier can't say, it is asked again; the
attempt ends unknown only when the carrier doesn't know it, for good, unless the batch names
unknown among the outcomes to retry. Nobody is rung again on a guess.

A thousand calls may have been up. Each question takes a turn of the carrier's pace, as a dial
does; a hang-up doesn't, since the time for it is short.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Final, TypeVar

import structlog
import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierError,
    CarrierThrottled,
    NotKnown,
)
from batchcalls.clock import Clock
from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.dispatch import Dispatcher
from batchcalls.core.lane import Dial, Lane
from batchcalls.core.lifecycle import DialState
from batchcalls.core.model import Attempt, Outcome
from batchcalls.engine.dialer import Dialer, Timing, hung_up
from batchcalls.engine.undialed import UndialedBoard
from batchcalls.store.contract import OpenCall

_FIRST_DELAY_S: Final = 1.0
_LONGEST_DELAY_S: Final = 30.0
"""How soon, and in the end how seldom, a carrier that can't say is asked again."""

_MIN_WAIT_S: Final = 60.0
"""How long a carrier has to tell even of a call that must be over by now."""

_TELL_TIMEOUT_S: Final = 10.0
"""How long a carrier has to tell how a call that it hung up has ended."""

_NOT_KNOWN: Final = CallResult(
    outcome=Outcome.UNKNOWN,
    detail="the server stopped during the call, and the carrier doesn't know it",
)

T = TypeVar("T")

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
        undialed: UndialedBoard,
    ) -> None:
        self._carriers = carriers
        self._dispatcher = dispatcher
        self._dialer = dialer
        self._clock = clock
        self._timing = timing
        self._undialed = undialed
        self._asking = {name: trio.StrictFIFOLock() for name in carriers}

    def adopt(self, lane: Lane, found: Sequence[OpenCall]) -> list[Dial]:
        """Account for the open calls of a lane; returns those that may be up, to be settled.

        Each of them holds its slots until then. Where no phone has rung, the call waits again.
        """
        return [dial for call in found if (dial := self._adopt(lane, call)) is not None]

    def _adopt(self, lane: Lane, found: OpenCall) -> Dial | None:
        if self._undialed.take_over(found.attempt):
            dial = Dial(lane, found.call, found.attempt, DialState.SETTLING)
            self._dispatcher.take_back(dial)
            self._dialer.withdraw(dial)
            return None
        dial = Dial(lane, found.call, found.attempt, DialState.UP)
        self._dispatcher.adopt(dial, self._clock.now())
        return dial

    async def settle(self, dial: Dial) -> None:
        """Stay with the call to its end, and record it.

        A call that must end, since its batch was hung up or it lasts too long, is hung up; for
        how long a carrier may be deaf to that is the dialer's to say.
        """
        assert dial.attempt is not None
        carrier, attempt_id = self._carriers[dial.lane.carrier.name], dial.attempt.attempt_id
        deadline = self._deadline(dial.attempt)
        with self._dialer.take_over(dial, deadline) as scope:
            result = await self._follow(carrier, dial, attempt_id)
        if scope.cancelled_caught:
            await _insist(attempt_id, partial(carrier.hang_up, attempt_id))
            result = hung_up(dial, overlong=scope.deadline == deadline)
            with trio.move_on_after(_TELL_TIMEOUT_S):
                result = await self._follow(carrier, dial, attempt_id)
        log.info("call_recovered", attempt_id=attempt_id, outcome=result.outcome.value)
        self._dialer.end(dial, result)

    def _deadline(self, attempt: Attempt) -> float:
        began = self._clock.to_monotonic(attempt.start_time_us)
        longest_s = self._timing.max_call_duration_s
        return max(began + longest_s, self._clock.now() + _MIN_WAIT_S)

    async def _follow(self, carrier: Carrier, dial: Dial, attempt_id: str) -> CallResult:
        report = partial(self._dialer.report, dial)

        async def ask() -> CallResult | NotKnown:
            await self._turn(dial.lane.carrier)
            return await carrier.follow(attempt_id, report)

        found = await _insist(attempt_id, ask)
        return _NOT_KNOWN if isinstance(found, NotKnown) else found

    async def _turn(self, gate: CarrierGate) -> None:
        """Wait until the carrier may be asked; those who wait come one after the other."""
        async with self._asking[gate.name]:
            while True:
                now = self._clock.now()
                at = gate.ask_at(now)
                if at <= now:
                    gate.ask(now)
                    return
                await trio.sleep_until(at)


async def _insist(attempt_id: str, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the carrier can say, less and less often, and not before it wants to be asked."""
    delay_s = _FIRST_DELAY_S
    while True:
        try:
            return await ask()
        except CarrierError as error:
            asked_s = error.retry_after_s if isinstance(error, CarrierThrottled) else 0.0
            wait_s = max(delay_s, asked_s)
            log.warning(
                "carrier_cannot_say",
                attempt_id=attempt_id,
                detail=str(error),
                again_in_s=wait_s,
            )
        await trio.sleep(wait_s)
        delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
