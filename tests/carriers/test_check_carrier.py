"""Every rule that ``check_carrier`` knows refuses a carrier that breaks it, by name."""

import pytest
import trio
from trio.testing import MockClock

from batchcalls.testing import BrokenContract, check_carrier
from tests.carriers.broken_carriers import (
    COMPLETES,
    LASTS,
    BarsNothing,
    BusyInsteadOfThrottled,
    ClosesLoudly,
    ClosesWhenAllIsOver,
    DialsAgain,
    DialsAgainWhileUp,
    DisownsWhatIsUp,
    EndsOtherwise,
    EndsThrottled,
    EndsWhatIsUp,
    EndsWithANovel,
    EndsWithANumber,
    EndsWithAnUnknownOutcome,
    EndsWithAWord,
    EndsWithHalfACharacter,
    EndsWithNul,
    ExitsTheProcess,
    FollowsToAnotherEnd,
    ForgetsEnds,
    HangsUpEverybody,
    HangsUpNothing,
    HangsUpSlowly,
    HangsUpWhenNobodyFollows,
    Honest,
    KnowsTheNeverDialed,
    LeaksOnEnd,
    LeaksOnHangUp,
    LimitsOfAnotherKind,
    MakesUpAnEnd,
    NegativeLimits,
    NeverForgetsACall,
    NeverReturns,
    NeverStarts,
    NoRingTimeout,
    RaisesCancelledOfAsyncio,
    RaisesWhatIsAResult,
    RaisesWhenHungUpTwice,
    RefusesAfterRinging,
    RefusesLastingCallAfterRinging,
    ReportsTooLate,
    ReportsWords,
    ReturnsAtOnce,
    ReturnsNothing,
    RewritesTheEnd,
    RunsShortly,
    SaysDialAgain,
    SwallowsCancel,
    ThrottlesForNobodyKnowsHowLong,
    ThrottlesIntoThePast,
    TranslatesCancel,
)


async def test_a_carrier_that_keeps_the_contract_passes(autojump_clock: MockClock) -> None:
    """The checks ask for nothing beyond the contract, and close every carrier they made."""
    made: list[Honest] = []

    def factory() -> Honest:
        made.append(Honest())
        return made[-1]

    await check_carrier(factory, completes=COMPLETES, lasts=LASTS, one_line=lambda: Honest(lines=1))
    assert all(carrier.closed for carrier in made)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (NegativeLimits, "limits must be 0, which is none, or more"),
        (NoRingTimeout, "ring_timeout_s must be more than 0"),
        (LimitsOfAnotherKind, "limits must be CarrierLimits"),
        (NeverReturns, "must return when the call is over: still running after 30 s"),
        (ReturnsNothing, "must end with a CallResult, not NoneType"),
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
        (EndsWithAWord, "must end with a CallResult, not str"),
        (EndsWithAnUnknownOutcome, "an outcome must be an Outcome, not 'voicemail-ish'"),
        (EndsThrottled, "THROTTLED isn't how a call ends"),
        (EndsWithANumber, "carrier_code must be a text, not 200"),
        (EndsWithHalfACharacter, "texts must be UTF-8"),
        (EndsWithNul, "texts must be UTF-8 without control characters"),
        (EndsWithANovel, "a detail of 1000"),
        (ExitsTheProcess, "must return a CallResult: it raised SystemExit"),
        (RaisesCancelledOfAsyncio, "must return a CallResult: it raised CancelledError"),
        (KnowsTheNeverDialed, "that was never dialed must be NotKnown"),
        (EndsWhatIsUp, "follow must last as long as the call"),
        (DisownsWhatIsUp, "follow must last as long as the call: .* NotKnown"),
        (HangsUpWhenNobodyFollows, "must last as long as the call"),
        (NeverForgetsACall, "follow must return at once when a call is over"),
        (ForgetsEnds, "follow must tell how a call ended"),
        (FollowsToAnotherEnd, "follow must tell the same end as place_call"),
        (DialsAgain, "an attempt id is dialed once: place_call reported"),
        (DialsAgainWhileUp, "an attempt id is dialed once, also while its call is up"),
        (SaysDialAgain, "must raise CarrierError or return how the first ended"),
        (BarsNothing, "hang_up must bar an attempt that isn't known"),
        (RaisesWhenHungUpTwice, "hang_up must not raise while all is well"),
        (HangsUpNothing, "must return when the call is over"),
        (RewritesTheEnd, "follow must tell the same end as place_call"),
        (NeverStarts, "run must say that it has started within 30 s"),
        (RunsShortly, "run must go on until it is cancelled"),
        (ClosesLoudly, "run must end quietly"),
        (ClosesWhenAllIsOver, "run must end within 30 s .* it took 60 s"),
        (MakesUpAnEnd, "the end of run must not make up the end"),
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
        (ThrottlesIntoThePast, "retry_after_s must be 0 or more, an hour at most, not -1"),
        (ThrottlesForNobodyKnowsHowLong, "retry_after_s must be .* not nan"),
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
