"""A carrier that keeps the contract, and many that break it in one way each."""

import asyncio
import math
from collections.abc import Callable

import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierError,
    CarrierLimits,
    CarrierThrottled,
    CarrierUnavailable,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.core.model import Outcome

Report = Callable[[Progress], None]
COMPLETED = CallResult(outcome=Outcome.COMPLETED)


def call(phone_number: str) -> OutboundCall:
    return OutboundCall(
        attempt_id="sample",
        call_id="call_1",
        batch_id="batch_1",
        attempt_number=1,
        phone_number=phone_number,
        script=("Hello",),
    )


COMPLETES = call("+15550100000")
LASTS = call("+15550100009")


class Honest(Carrier):
    """A carrier that keeps the contract, in parts for the others to break one at a time."""

    def __init__(self, *, lines: int = 0) -> None:
        self.lines = lines
        self.up: dict[str, trio.CancelScope] = {}
        self.over: dict[str, trio.Event] = {}
        self.ended: dict[str, CallResult] = {}
        self.closed = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            await self.close()

    async def close(self) -> None:
        self.closed = True

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        self.seize(call)
        result = CallResult(outcome=Outcome.CANCELED)
        try:
            with self.up[call.attempt_id]:
                await self.dial(call, report)
                result = COMPLETED
        finally:
            self.remember(call.attempt_id, result)
            self.release(call)
        return result

    def seize(self, call: OutboundCall) -> None:
        if call.attempt_id in self.up or call.attempt_id in self.ended:
            raise CarrierError("the attempt is known")
        if self.lines and len(self.up) >= self.lines:
            raise CarrierThrottled
        self.up[call.attempt_id] = trio.CancelScope()
        self.over[call.attempt_id] = trio.Event()

    def remember(self, attempt_id: str, result: CallResult) -> None:
        self.ended[attempt_id] = result

    def release(self, call: OutboundCall) -> None:
        del self.up[call.attempt_id]
        self.over[call.attempt_id].set()

    async def dial(self, call: OutboundCall, report: Report) -> None:
        await trio.sleep(0.1)
        report(Progress.RINGING)
        await trio.sleep(0.1)
        report(Progress.ANSWERED)
        await trio.sleep(math.inf if call.phone_number == LASTS.phone_number else 5)

    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        await trio.lowlevel.checkpoint()
        if attempt_id in self.up:
            await self.over[attempt_id].wait()
        return self.ended.get(attempt_id, NotKnown())

    async def hang_up(self, attempt_id: str) -> None:
        await trio.lowlevel.checkpoint()
        if attempt_id in self.up:
            self.up[attempt_id].cancel()
            await self.over[attempt_id].wait()
        elif attempt_id not in self.ended:
            self.bar(attempt_id)

    def bar(self, attempt_id: str) -> None:
        self.remember(attempt_id, CallResult(outcome=Outcome.CANCELED))


class NegativeLimits(Honest):
    limits = CarrierLimits(calls_per_second=-1)


class NoRingTimeout(Honest):
    limits = CarrierLimits(ring_timeout_s=0)


class LimitsOfAnotherKind(Honest):
    limits = {"calls_per_second": 5}  # type: ignore[assignment] # noqa: RUF012 - the fault


class NeverReturns(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        await trio.sleep_forever()


class ReturnsNothing(Honest):
    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        await super().place_call(call, report)
        return None  # type: ignore[return-value] # the fault


class RaisesWhatIsAResult(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        raise CarrierError("486 Busy Here")


class EndsOtherwise(Honest):
    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        await super().place_call(call, report)
        return CallResult(outcome=Outcome.FAILED)


class EndsWith(Honest):
    """Returns, and remembers, what no border lets through."""

    result: object

    def remember(self, attempt_id: str, result: CallResult) -> None:
        super().remember(attempt_id, self.result)  # type: ignore[arg-type] # the fault

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        await super().place_call(call, report)
        return self.result  # type: ignore[return-value] # the fault


class EndsWithAWord(EndsWith):
    result = "completed"


class EndsWithAnUnknownOutcome(EndsWith):
    result = CallResult(outcome="voicemail-ish")  # type: ignore[arg-type] # the fault


class EndsThrottled(EndsWith):
    result = CallResult(outcome=Outcome.THROTTLED)


class EndsWithANumber(EndsWith):
    result = CallResult(outcome=Outcome.COMPLETED, carrier_code=200)  # type: ignore[arg-type] # the fault


class EndsWithHalfACharacter(EndsWith):
    result = CallResult(outcome=Outcome.COMPLETED, detail="\ud800")


class EndsWithNul(EndsWith):
    result = CallResult(outcome=Outcome.COMPLETED, carrier_call_id="a\x00b")


class EndsWithANovel(EndsWith):
    result = CallResult(outcome=Outcome.COMPLETED, detail="la" * 1_000)


class ExitsTheProcess(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        raise SystemExit(1)


class RaisesCancelledOfAsyncio(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        raise asyncio.CancelledError


class RefusesAfterRinging(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        report(Progress.RINGING)
        raise CarrierUnavailable


class RefusesLastingCallAfterRinging(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        if call.phone_number == LASTS.phone_number:
            await trio.sleep(0.1)
            report(Progress.RINGING)
            raise CarrierThrottled
        await super().dial(call, report)


class ReportsWords(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        report("on hold")  # type: ignore[arg-type] # the fault
        await super().dial(call, report)


class ReportsTooLate(Honest):
    def __init__(self, nursery: trio.Nursery) -> None:
        super().__init__()
        self.nursery = nursery

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        self.nursery.start_soon(self.report_later, report)
        return await super().place_call(call, report)

    async def report_later(self, report: Report) -> None:
        await trio.sleep(5.4)
        report(Progress.ANSWERED)


class ReturnsAtOnce(Honest):
    """Fires and forgets: the phone is still ringing when ``place_call`` returns."""

    async def dial(self, call: OutboundCall, report: Report) -> None:
        await trio.sleep(0.2)


class SwallowsCancel(Honest):
    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        with trio.CancelScope() as scope:
            try:
                return await super().place_call(call, report)
            except trio.Cancelled:
                scope.cancel()
        return CallResult(outcome=Outcome.CANCELED)


class TranslatesCancel(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        try:
            await super().dial(call, report)
        except trio.Cancelled:
            raise CarrierError("hung up") from None


class HangsUpSlowly(Honest):
    async def dial(self, call: OutboundCall, report: Report) -> None:
        try:
            await super().dial(call, report)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(60 if call.phone_number == LASTS.phone_number else 0)


class HangsUpEverybody(Honest):
    """One scope for all calls: the first hang-up ends the others too."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: set[trio.CancelScope] = set()

    async def dial(self, call: OutboundCall, report: Report) -> None:
        with trio.CancelScope() as scope:
            self.scopes.add(scope)
            try:
                await super().dial(call, report)
            except trio.Cancelled:
                for other in self.scopes:
                    other.cancel()
                raise
            finally:
                self.scopes.discard(scope)


class KnowsTheNeverDialed(Honest):
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        found = await super().follow(attempt_id, report)
        return COMPLETED if isinstance(found, NotKnown) else found


class EndsWhatIsUp(Honest):
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        return COMPLETED if attempt_id in self.up else await super().follow(attempt_id, report)


class DisownsWhatIsUp(Honest):
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        await trio.lowlevel.checkpoint()
        return self.ended.get(attempt_id, NotKnown())


class HangsUpWhenNobodyFollows(Honest):
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        try:
            return await super().follow(attempt_id, report)
        except trio.Cancelled:
            self.up[attempt_id].cancel()
            raise


class NeverForgetsACall(Honest):
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        if attempt_id in self.ended:
            await trio.sleep_forever()
        return await super().follow(attempt_id, report)


class ForgetsEnds(Honest):
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        await super().follow(attempt_id, report)
        return NotKnown()


class FollowsToAnotherEnd(Honest):
    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        found = await super().follow(attempt_id, report)
        return found if isinstance(found, NotKnown) else CallResult(outcome=Outcome.BUSY)


class DialsAgain(Honest):
    """Nothing is known of an attempt once it is over."""

    def seize(self, call: OutboundCall) -> None:
        self.ended.pop(call.attempt_id, None)
        super().seize(call)


class DialsAgainWhileUp(Honest):
    def seize(self, call: OutboundCall) -> None:
        if call.attempt_id not in self.up:
            super().seize(call)

    def release(self, call: OutboundCall) -> None:
        if call.attempt_id in self.up:
            super().release(call)

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        if call.attempt_id in self.up:
            await self.dial(call, report)
        return await super().place_call(call, report)


class SaysDialAgain(Honest):
    """A repeat is refused by the words that promise that no phone rang."""

    def seize(self, call: OutboundCall) -> None:
        if call.attempt_id in self.ended:
            raise CarrierUnavailable
        super().seize(call)


class BarsNothing(Honest):
    def bar(self, attempt_id: str) -> None:
        """Think nothing of it: the fault."""


class RaisesWhenHungUpTwice(Honest):
    async def hang_up(self, attempt_id: str) -> None:
        if attempt_id in self.ended:
            raise CarrierError("no such call")
        await super().hang_up(attempt_id)


class HangsUpNothing(Honest):
    async def hang_up(self, attempt_id: str) -> None:
        await trio.lowlevel.checkpoint()


class RewritesTheEnd(Honest):
    async def hang_up(self, attempt_id: str) -> None:
        if attempt_id in self.ended:
            self.remember(attempt_id, COMPLETED)
        await super().hang_up(attempt_id)


class NeverStarts(Honest):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await trio.sleep_forever()


class RunsShortly(Honest):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        await trio.sleep(1)


class ClosesLoudly(Honest):
    async def close(self) -> None:
        raise trio.ClosedResourceError


class ClosesWhenAllIsOver(Honest):
    async def close(self) -> None:
        if self.up:
            with trio.CancelScope(shield=True):
                await trio.sleep(60)


class MakesUpAnEnd(Honest):
    """Closing ends every call, and ``place_call`` says that it completed."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: set[trio.CancelScope] = set()

    async def dial(self, call: OutboundCall, report: Report) -> None:
        with trio.CancelScope() as scope:
            self.scopes.add(scope)
            await super().dial(call, report)

    async def close(self) -> None:
        for scope in self.scopes:
            scope.cancel()


class LeaksOnHangUp(Honest):
    """The line of a call that was hung up stays taken."""

    def release(self, call: OutboundCall) -> None:
        self.over[call.attempt_id].set()
        if self.ended[call.attempt_id] is COMPLETED:
            del self.up[call.attempt_id]


class LeaksOnEnd(Honest):
    """The line of a call that ended by itself stays taken."""

    def release(self, call: OutboundCall) -> None:
        self.over[call.attempt_id].set()
        if self.ended[call.attempt_id] is not COMPLETED:
            del self.up[call.attempt_id]


class ThrottlesIntoThePast(Honest):
    def seize(self, call: OutboundCall) -> None:
        if self.lines and self.up:
            raise CarrierThrottled(retry_after_s=-1)
        super().seize(call)


class ThrottlesForNobodyKnowsHowLong(Honest):
    def seize(self, call: OutboundCall) -> None:
        if self.lines and self.up:
            raise CarrierThrottled(retry_after_s=math.nan)
        super().seize(call)


class BusyInsteadOfThrottled(Honest):
    def seize(self, call: OutboundCall) -> None:
        if self.lines and self.up:
            raise CarrierError("all circuits are busy")
        super().seize(call)
