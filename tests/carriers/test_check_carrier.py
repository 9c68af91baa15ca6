"""Every rule that ``check_carrier`` knows refuses a carrier that breaks it, by name."""

import math
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierError,
    CarrierLimits,
    CarrierThrottled,
    CarrierUnavailable,
    Ended,
    Lookup,
    NotKnown,
    OutboundCall,
    Progress,
    StillUp,
)
from batchcalls.core.model import Outcome
from batchcalls.testing import BrokenContract, check_carrier

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
        self.up: set[str] = set()
        self.ended: dict[str, CallResult] = {}
        self.closed = False

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        self.seize(call)
        try:
            await self.dial(call, report)
            self.ended[call.attempt_id] = COMPLETED
        finally:
            self.release(call)
        return COMPLETED

    def seize(self, call: OutboundCall) -> None:
        if self.lines and len(self.up) >= self.lines:
            raise CarrierThrottled
        self.up.add(call.attempt_id)

    def release(self, call: OutboundCall) -> None:
        self.up.remove(call.attempt_id)

    async def dial(self, call: OutboundCall, report: Report) -> None:
        await trio.sleep(0.1)
        report(Progress.RINGING)
        await trio.sleep(0.1)
        report(Progress.ANSWERED)
        await trio.sleep(math.inf if call.phone_number == LASTS.phone_number else 5)

    async def lookup(self, attempt_id: str) -> Lookup:
        await trio.lowlevel.checkpoint()
        if attempt_id in self.up:
            return StillUp()
        result = self.ended.get(attempt_id)
        return Ended(result) if result else NotKnown()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed = True


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
    def __init__(self) -> None:
        super().__init__()
        self.dialed: set[str] = set()

    def seize(self, call: OutboundCall) -> None:
        self.dialed.add(call.attempt_id)
        super().seize(call)

    async def lookup(self, attempt_id: str) -> Lookup:
        return await super().lookup(attempt_id) if attempt_id in self.dialed else StillUp()


class EndsWhatIsUp(Honest):
    async def lookup(self, attempt_id: str) -> Lookup:
        found = await super().lookup(attempt_id)
        return Ended(COMPLETED) if found == StillUp() else found


class NeverForgetsACall(Honest):
    def release(self, call: OutboundCall) -> None:
        """Leave it up: the fault."""


class LooksUpAnotherEnd(Honest):
    async def lookup(self, attempt_id: str) -> Lookup:
        found = await super().lookup(attempt_id)
        return Ended(CallResult(outcome=Outcome.BUSY)) if isinstance(found, Ended) else found


class ClosesOnce(Honest):
    async def aclose(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError
        await super().aclose()


class ClosesWhenAllIsOver(Honest):
    async def aclose(self) -> None:
        if self.up:
            await trio.sleep_forever()


class MakesUpAnEnd(Honest):
    """Closing ends every call, and ``place_call`` says that it completed."""

    def __init__(self) -> None:
        super().__init__()
        self.scopes: set[trio.CancelScope] = set()

    async def dial(self, call: OutboundCall, report: Report) -> None:
        with trio.CancelScope() as scope:
            self.scopes.add(scope)
            await super().dial(call, report)

    async def aclose(self) -> None:
        for scope in self.scopes:
            scope.cancel()


class LeaksOnHangUp(Honest):
    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        self.seize(call)
        await self.dial(call, report)
        self.release(call)
        return COMPLETED

    async def lookup(self, attempt_id: str) -> Lookup:
        return NotKnown()


class LeaksOnEnd(LeaksOnHangUp):
    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        self.seize(call)
        try:
            await self.dial(call, report)
        except trio.Cancelled:
            self.release(call)
            raise
        return COMPLETED


class ThrottlesIntoThePast(Honest):
    def seize(self, call: OutboundCall) -> None:
        if self.lines and self.up:
            raise CarrierThrottled(retry_after_s=-1)
        super().seize(call)


class BusyInsteadOfThrottled(Honest):
    def seize(self, call: OutboundCall) -> None:
        if self.lines and self.up:
            raise CarrierError("all circuits are busy")
        super().seize(call)


async def test_a_carrier_that_keeps_the_contract_passes(autojump_clock: MockClock) -> None:
    """The checks ask for nothing beyond the contract, and close every carrier they made."""
    made: list[Honest] = []

    def factory() -> Honest:
        made.append(Honest())
        return made[-1]

    await check_carrier(factory, completes=COMPLETES, lasts=LASTS, one_line=lambda: Honest(lines=1))
    assert all(carrier.closed and not carrier.up for carrier in made)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (NegativeLimits, "limits must be 0, which is none, or more"),
        (NoRingTimeout, "ring_timeout_s must be more than 0"),
        (LimitsOfAnotherKind, "limits must be CarrierLimits"),
        (NeverReturns, "must return when the call is over: still running after 30 s"),
        (ReturnsNothing, "must return a CallResult: it returned None"),
        (RaisesWhatIsAResult, "must return a CallResult: it raised CarrierError"),
        (EndsOtherwise, "a call that completes must end as completed"),
        (RefusesAfterRinging, "promise that the phone did not ring"),
        (RefusesLastingCallAfterRinging, "promise that the phone did not ring"),
        (ReportsWords, "report takes a Progress, not 'on hold'"),
        (ReturnsAtOnce, "must last as long as the call"),
        (SwallowsCancel, "must let the cancellation through: it returned"),
        (TranslatesCancel, "must let the cancellation through: it raised"),
        (HangsUpSlowly, "must hang up within 30 s: it took 60 s"),
        (HangsUpEverybody, "must last as long as the call"),
        (KnowsTheNeverDialed, "that was never dialed must be NotKnown"),
        (EndsWhatIsUp, "of a call that is up must be StillUp or NotKnown"),
        (NeverForgetsACall, "of a call that is over must be Ended or NotKnown"),
        (LooksUpAnotherEnd, "lookup must tell the same end as place_call"),
        (ClosesOnce, "aclose must be idempotent"),
        (ClosesWhenAllIsOver, "aclose must not wait for calls that are up"),
        (MakesUpAnEnd, "aclose must not make up the end"),
    ],
)
async def test_a_carrier_that_breaks_a_rule_is_refused_by_that_rule(
    autojump_clock: MockClock, broken: type[Honest], rule: str
) -> None:
    """The failure is a sentence that names the rule."""
    with pytest.raises(BrokenContract, match=rule):
        await check_carrier(broken, completes=COMPLETES, lasts=LASTS)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (LeaksOnHangUp, "the line must be free after a hang-up"),
        (LeaksOnEnd, "the line must be free after the end of a call"),
        (ThrottlesIntoThePast, "retry_after_s must be 0 or more, not -1"),
        (BusyInsteadOfThrottled, "a second call on a single line must raise CarrierThrottled"),
    ],
)
async def test_a_single_line_that_breaks_a_rule_is_refused_by_that_rule(
    autojump_clock: MockClock, broken: type[Honest], rule: str
) -> None:
    """Throttling and freed lines are checked where there is one line to fight for."""
    with pytest.raises(BrokenContract, match=rule):
        await check_carrier(
            Honest, completes=COMPLETES, lasts=LASTS, one_line=lambda: broken(lines=1)
        )


async def test_a_report_after_the_end_is_refused(autojump_clock: MockClock) -> None:
    """``report`` is for while ``place_call`` runs; the checks wait a little for a late one."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(BrokenContract, match="came after it"):
            await check_carrier(lambda: ReportsTooLate(nursery), completes=COMPLETES, lasts=LASTS)


async def test_a_factory_of_something_else_is_refused(autojump_clock: MockClock) -> None:
    """What isn't a Carrier isn't checked as one."""
    with pytest.raises(BrokenContract, match="the factory must make a Carrier, not"):
        await check_carrier(
            object,  # type: ignore[arg-type] # the fault
            completes=COMPLETES,
            lasts=LASTS,
        )
