"""The dialer sees one call through: place it, watch it, record how it ended.

A task per call. It begins when the intent is durable and the pace allows it, and ends when
the line is free and the outcome is with the journal. Cancelling the call's own scope hangs
up. When the whole server stops, the task is cancelled from outside and records nothing: the
open intent tells the next process to ask the carrier.

Carriers stand behind their ``Border``: two exceptions promise that no phone rang, and the call
is given back; a third says that nobody knows, and the attempt ends unknown. A carrier that was
told to end a call and doesn't let go of it is given up: the outcome is recorded without it, and
its task may go on for as long as it likes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

import structlog
import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierThrottled,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.border import CarrierFault
from batchcalls.clock import MICROSECONDS, Clock
from batchcalls.core import retry
from batchcalls.core.carrier_gate import CarrierGate
from batchcalls.core.changes import (
    CallAnswered,
    CallEnded,
    CallReturned,
    Change,
    RetryScheduled,
)
from batchcalls.core.dispatch import Dispatcher
from batchcalls.core.lane import Dial, Lane
from batchcalls.core.model import Attempt, Outcome, call_id
from batchcalls.core.script import render
from batchcalls.engine.bell import Bell
from batchcalls.engine.journal import Journal
from batchcalls.engine.undialed import UndialedBoard
from batchcalls.wire.spec import stored_call_spec

LETTING_GO_S: Final = 30.0
"""How long a carrier may take over a call that it was told to end, before it is given up."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long calls may take.

    ``max_call_duration_s`` (default 4 h) ends a call that nobody ends.
    """

    max_call_duration_s: float = 14_400.0


DEFAULT_TIMING = Timing()


@dataclass(frozen=True, slots=True)
class _Refused:
    """The carrier refused a dial, and no phone rang; the call waits ``wait_s`` seconds."""

    detail: str
    wait_s: float = 0.0


class Dialer:
    """Runs calls, and rings ``bell`` when a slot was given back."""

    def __init__(
        self,
        *,
        carriers: Mapping[str, Carrier],
        dispatcher: Dispatcher,
        journal: Journal,
        clock: Clock,
        random: Random,
        timing: Timing,
        bell: Bell,
        undialed: UndialedBoard,
    ) -> None:
        self._carriers = carriers
        self._dispatcher = dispatcher
        self._journal = journal
        self._clock = clock
        self._random = random
        self._timing = timing
        self._bell = bell
        self._undialed = undialed
        self._up: dict[Dial, trio.CancelScope] = {}
        self._told_to_end = Bell()
        self._waiting_for_end = trio.lowlevel.ParkingLot()

    def __repr__(self) -> str:
        return f"<Dialer {len(self._up)} calls up>"

    @property
    def calls_up(self) -> int:
        """How many calls are with a carrier now."""
        return len(self._up)

    def calls_up_by_batch(self) -> dict[str, int]:
        """How many calls of each batch are with a carrier now."""
        return dict(Counter(dial.lane.batch_id for dial in self._up))

    def hang_up(self, lane: Lane) -> None:
        """End the calls of the lane that are up; they end canceled."""
        for dial in lane.dials.values():
            scope = self._up.get(dial)
            if scope is not None and not scope.cancel_called:
                scope.deadline = min(scope.deadline, self._clock.now())
                scope.cancel()
                self._told_to_end.ring()

    async def next_end(self) -> None:
        """Wait until a call ends or is withdrawn, or a slot was given back without one."""
        await self._waiting_for_end.park()

    def given_back(self) -> None:
        """A slot was given back without a call: whoever waits for an end looks again."""
        if self._waiting_for_end:
            self._waiting_for_end.unpark_all()

    def take_up(self, dial: Dial, deadline: float) -> trio.CancelScope:
        """The scope for a call to be up in, no longer than until ``deadline``.

        Whoever enters it tells ``end`` what became of the call, unless he is cancelled from
        outside: then the server stops, and the call stays open.
        """
        scope = self._up[dial] = trio.CancelScope(deadline=deadline)
        return scope

    def take_over(self, dial: Dial, deadline: float) -> trio.CancelScope:
        """As ``take_up``, for a call of an earlier process; it is over where that hung it up."""
        scope = self.take_up(dial, deadline)
        batch = self._journal.batch(dial.lane.batch_id)
        if batch is not None and batch.hang_up:
            self.hang_up(dial.lane)
        self._told_to_end.ring()  # it may have to end before all that are up
        return scope

    async def run(self, dial: Dial) -> None:
        """See a launched dial through to its outcome, unless it is called off."""
        deadline = self._clock.now() + self._timing.max_call_duration_s
        with self.take_up(dial, deadline) as scope:
            result = await self._place(dial)
        if scope.cancelled_caught:
            result = hung_up(dial, overlong=scope.deadline == deadline)
        if result is None:
            del self._up[dial]
            self.withdraw(dial)
        elif isinstance(result, _Refused):
            self._refused(dial, result)
        else:
            self.end(dial, result)

    async def give_up_held_calls(self) -> None:
        """Record the ends of calls that their carriers don't let go of, until cancelled."""
        while True:
            await self._told_to_end.wait(until=self._next_overdue_at())
            now = self._clock.now()
            held = [dial for dial, up in self._up.items() if up.deadline + LETTING_GO_S <= now]
            for dial in held:
                log.error(
                    "carrier_holds_call",
                    carrier=dial.lane.carrier.name,
                    attempt_id=dial.attempt and dial.attempt.attempt_id,
                )
                self.end(dial, _HELD)

    def _next_overdue_at(self) -> float:
        """When the first call is overdue; one that is dialed from now on ends later."""
        latest = self._clock.now() + self._timing.max_call_duration_s
        return min((up.deadline for up in self._up.values()), default=latest) + LETTING_GO_S

    def end(self, dial: Dial, result: CallResult) -> None:
        """The line is free: give the slots back and record what became of the call.

        What comes after the call was given up changes nothing.
        """
        if self._up.pop(dial, None) is None:
            return
        now = self._clock.now()
        self._dispatcher.line_free(dial, now)
        assert dial.attempt is not None
        attempt = dial.attempt.ended(
            result.outcome,
            end_time_us=self._clock.now_us(),
            carrier_call_id=result.carrier_call_id,
            carrier_code=result.carrier_code,
            detail=result.detail,
        )
        self._record(self._consequence(dial, attempt, result.outcome))

    def withdraw(self, dial: Dial) -> None:
        """Give back a call whose dial never left; its slots are free already."""
        self._give_back(dial, _WITHDRAWN)

    def _refused(self, dial: Dial, refusal: _Refused) -> None:
        """Give back a call that the carrier refused, and its slots."""
        if self._up.pop(dial, None) is None:
            return
        assert dial.attempt is not None
        self._dispatcher.line_free(dial, self._clock.now())
        self._undialed.add(dial.attempt)
        self._give_back(dial, refusal)

    def _give_back(self, dial: Dial, refusal: _Refused) -> None:
        assert dial.attempt is not None
        now_us = self._clock.now_us()
        attempt = dial.attempt.ended(Outcome.THROTTLED, end_time_us=now_us, detail=refusal.detail)
        self._record(
            CallReturned(
                batch_id=dial.lane.batch_id,
                time_us=now_us,
                position=dial.call.position,
                attempt=attempt,
                due_time_us=now_us + round(refusal.wait_s * MICROSECONDS) if refusal.wait_s else 0,
            )
        )

    async def _place(self, dial: Dial) -> CallResult | _Refused | None:
        """Place the call, and take the carrier at its word as far as the border lets it through.

        None if it was called off: no phone rang.
        """
        carrier = self._carriers[dial.lane.carrier.name]
        call = self._read(dial, carrier)
        if not self._dispatcher.place(dial, self._clock.now()):
            return None
        if call is None:
            return CallResult(outcome=Outcome.UNKNOWN, detail="what is stored can't be read")
        assert dial.attempt is not None
        self._undialed.leave(dial.attempt)
        try:
            result = await carrier.place_call(call, partial(self.report, dial))
        except CarrierThrottled as error:
            refusals = self._dispatcher.carrier_throttled(
                dial, self._clock.now(), retry_after_s=error.retry_after_s
            )
            return _Refused(str(error), retry.refused_delay_s(refusals, error.retry_after_s))
        except CarrierUnavailable as error:
            if self._dispatcher.carrier_down(dial, self._clock.now()):
                self._log_shut(dial.lane.carrier)
            return _Refused(str(error))
        except CarrierFault as error:
            if self._dispatcher.carrier_broken(dial, self._clock.now()):
                self._log_shut(dial.lane.carrier)
            return CallResult(outcome=Outcome.UNKNOWN, detail=str(error))
        self._dispatcher.carrier_up(dial, self._clock.now())
        return result

    def _log_shut(self, gate: CarrierGate) -> None:
        now = self._clock.now()
        log.warning("carrier_shut", carrier=gate.name, for_s=gate.breaker.earliest(now) - now)

    def _read(self, dial: Dial, carrier: Carrier) -> OutboundCall | None:
        """The call as it is stored; None where that can't be read, which costs it alone."""
        try:
            return self._outbound(dial, carrier)
        except Exception:
            log.exception("call_unreadable", attempt_id=dial.attempt and dial.attempt.attempt_id)
            return None

    def _outbound(self, dial: Dial, carrier: Carrier) -> OutboundCall:
        lane, attempt = dial.lane, dial.attempt
        assert attempt is not None
        spec = stored_call_spec(dial.call.spec, lane.spec.defaults)
        assert spec.script is not None
        return OutboundCall(
            attempt_id=attempt.attempt_id,
            call_id=call_id(lane.batch_id, dial.call.position),
            batch_id=lane.batch_id,
            attempt_number=attempt.number,
            phone_number=spec.phone_number,
            script=render(spec.script, spec.variables),
            script_type=spec.script.type,
            voice_id=spec.voice_id,
            caller_id=spec.caller_id,
            metadata=spec.metadata,
            ring_timeout_s=carrier.limits.ring_timeout_s,
        )

    def report(self, dial: Dial, progress: Progress) -> None:
        """Take note of progress; what a carrier says after the end of a call counts no more."""
        attempt = dial.attempt
        if attempt is None or dial not in self._up:
            return
        if self._dispatcher.carrier_took(dial, self._clock.now()):
            self._bell.ring()
        now_us = self._clock.now_us()
        if progress is Progress.RINGING and not attempt.ring_time_us:
            dial.attempt = attempt.up(ring_time_us=now_us, answer_time_us=attempt.answer_time_us)
        if progress is Progress.ANSWERED and not attempt.answer_time_us:
            dial.attempt = attempt.up(ring_time_us=attempt.ring_time_us, answer_time_us=now_us)
            self._journal.record(
                CallAnswered(
                    batch_id=dial.lane.batch_id,
                    time_us=now_us,
                    position=dial.call.position,
                    attempt=dial.attempt,
                )
            )

    def _record(self, change: Change) -> None:
        """Tell the journal what becomes of a call that isn't up any more."""
        self._journal.record(change)
        self.given_back()
        self._bell.ring()

    def _consequence(self, dial: Dial, attempt: Attempt, outcome: Outcome) -> Change:
        batch_id, position, time_us = dial.lane.batch_id, dial.call.position, attempt.end_time_us
        config = dial.lane.settings.retry
        decision = retry.decide(config, outcome, attempt.number, self._random.random())
        if isinstance(decision, retry.Over):
            return CallEnded(
                batch_id=batch_id,
                time_us=time_us,
                position=position,
                attempt=attempt,
                status=decision.status,
            )
        return RetryScheduled(
            batch_id=batch_id,
            time_us=time_us,
            position=position,
            attempt=attempt,
            due_time_us=time_us + round(decision.delay_s * MICROSECONDS),
        )


def hung_up(dial: Dial, *, overlong: bool) -> CallResult:
    """The result of a call that we ended: on demand, or since it lasted too long."""
    if not overlong:
        return CallResult(outcome=Outcome.CANCELED, detail="hung up")
    answered = dial.attempt is not None and dial.attempt.answer_time_us > 0
    return CallResult(
        outcome=Outcome.COMPLETED if answered else Outcome.FAILED,
        detail="hung up at the longest duration of a call",
    )


_WITHDRAWN: Final = _Refused("withdrawn before it was dialed")

_HELD: Final = CallResult(
    outcome=Outcome.UNKNOWN, detail="the carrier didn't end the call when it was told to"
)
