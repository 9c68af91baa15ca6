"""The switchboard: calls that live on their own, whoever asked for them and whoever listens.

It is the trio half of the simulator's own process. A call that was placed goes on until it ends
or is hung up; what is told of it goes to a callback that must not fail and may lead nowhere.
What became of a call is remembered, in memory only: a new process knows nothing of the old one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import trio

from batchcalls.carriers.base import (
    CallResult,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.process.messages import Found, StillUp
from batchcalls.core.model import Outcome
from batchcalls_simulator.carrier import SimulatorCarrier
from batchcalls_simulator.cdr import DOWN, THROTTLED, CallDetailLog, CallEntry

REMEMBERED_CALLS: Final = 100_000
"""How many ended calls are kept for ``look_up`` and against repeats: tens of megabytes."""

Told = Progress | CallResult | CarrierThrottled | CarrierUnavailable
"""What is told of a call: how far it got, then how it ended or why it was refused."""


class AttemptKnown(Exception):
    """An attempt id came a second time; nothing was dialed."""


class Switchboard:
    """Places calls through ``carrier``, and writes them to ``log`` where there is one.

    ``run`` it first; cancelling that hangs up whatever is up.
    """

    def __init__(
        self,
        carrier: SimulatorCarrier,
        *,
        log: CallDetailLog | None = None,
        remembered_calls: int = REMEMBERED_CALLS,
    ) -> None:
        self._carrier = carrier
        self._log = log
        self._remembered_calls = remembered_calls
        self._nursery: trio.Nursery | None = None
        self._up: dict[str, _Call] = {}
        self._ended: OrderedDict[str, CallResult] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Switchboard {len(self._up)} calls up, {len(self._ended)} remembered>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Let calls live, until cancelled. A log that can't be written ends it."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def place(self, call: OutboundCall, tell: Callable[[Told], None]) -> None:
        """Dial, and ``tell`` how it goes.

        Raises:
          AttemptKnown: the attempt was dialed, or hung up, before.
        """
        assert self._nursery is not None, "run comes before place"
        if call.attempt_id in self._up or call.attempt_id in self._ended:
            if self._log is not None:
                self._log.repeat(call.attempt_id)
            raise AttemptKnown(f"attempt {call.attempt_id} is known")
        placed = self._up[call.attempt_id] = _Call(call, tell)
        self._nursery.start_soon(self._live, placed)

    async def hang_up(self, attempt_id: str) -> None:
        """End a call and wait until it is over; an attempt that isn't known is barred."""
        placed = self._up.get(attempt_id)
        if placed is not None:
            placed.scope.cancel()
            await placed.over.wait()
        elif attempt_id not in self._ended:
            detail = "hung up before it was dialed"
            self._remember(attempt_id, CallResult(outcome=Outcome.CANCELED, detail=detail))

    def look_up(self, attempt_id: str) -> Found:
        """What became of a call.

        Raises:
          CarrierUnavailable: the carrier can't say now.
        """
        self._carrier.require_alive()
        if attempt_id in self._up:
            return StillUp()
        return self._ended.get(attempt_id, NotKnown())

    async def _live(self, placed: _Call) -> None:
        entry = None if self._log is None else self._log.start(placed.call)
        told: Told = CallResult(outcome=Outcome.CANCELED, detail="hung up")
        try:
            with placed.scope:
                told = await self._place(placed, entry)
        finally:
            del self._up[placed.call.attempt_id]
            self._end(placed, told, entry)

    async def _place(self, placed: _Call, entry: CallEntry | None) -> Told:
        def report(progress: Progress) -> None:
            if entry is not None:
                entry.report(progress)
            placed.tell(progress)

        try:
            return await self._carrier.place_call(placed.call, report)
        except (CarrierThrottled, CarrierUnavailable) as refused:
            return refused

    def _end(self, placed: _Call, told: Told, entry: CallEntry | None) -> None:
        """Write the end down before anyone is told: who was told may dial the next at once."""
        match told:
            case CallResult():
                self._remember(placed.call.attempt_id, told)
                if entry is not None:
                    entry.end(told.outcome)
            case _ if entry is not None:
                entry.refuse(THROTTLED if isinstance(told, CarrierThrottled) else DOWN)
        placed.over.set()
        placed.tell(told)

    def _remember(self, attempt_id: str, result: CallResult) -> None:
        self._ended[attempt_id] = result
        if len(self._ended) > self._remembered_calls:
            self._ended.popitem(last=False)


class _Call:
    """A call that is up."""

    def __init__(self, call: OutboundCall, tell: Callable[[Told], None]) -> None:
        self.call = call
        self.tell = tell
        self.scope = trio.CancelScope()
        self.over = trio.Event()
