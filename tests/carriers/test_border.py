"""The border believes nothing unchecked, and lets four exceptions through."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

import outcome
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
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.border import (
    MAX_CALL_ID,
    MAX_CODE,
    MAX_DETAIL,
    MAX_RETRY_AFTER_S,
    Border,
    CarrierFault,
    Report,
    clean,
    sane_delay_s,
)
from batchcalls.core.model import Outcome

DONE = CallResult(outcome=Outcome.COMPLETED)

CALL = OutboundCall(
    attempt_id="attempt_1_0_1",
    call_id="call_1_0",
    batch_id="batch_1",
    attempt_number=1,
    phone_number="+15550100000",
    script=("Hello",),
)

Deed = Callable[[Report], Awaitable[Any]]


class Doing(Carrier):
    """A carrier that does the same whatever it is asked."""

    def __init__(self, deed: Deed) -> None:
        self._deed = deed

    async def place_call(self, call: OutboundCall, report: Report) -> CallResult:
        return await self._deed(report)  # type: ignore[no-any-return]  # what it returns is the test

    async def follow(self, attempt_id: str, report: Report) -> CallResult | NotKnown:
        return await self._deed(report)  # type: ignore[no-any-return]  # what it returns is the test

    async def hang_up(self, attempt_id: str) -> None:
        await self._deed(ignore)


def ignore(progress: Progress) -> None:
    """For calls whose progress nobody asks about."""


def raising(error: BaseException, *told: Any) -> Deed:
    async def deed(report: Report) -> CallResult:
        for progress in told:
            report(progress)
        await trio.lowlevel.checkpoint()
        raise error

    return deed


async def asked(carrier: Carrier, report: Report = ignore) -> CallResult:
    """What becomes of a call at ``carrier``, behind a border that is open."""
    border = Border("some", carrier)
    async with trio.open_nursery() as nursery:
        await nursery.start(border.run)
        answer = await outcome.acapture(border.place_call, CALL, report)
        nursery.cancel_scope.cancel()
    return answer.unwrap()


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret"),
        asyncio.CancelledError("secret"),
        SystemExit("secret"),
        KeyboardInterrupt("secret"),
        GeneratorExit("secret"),
        CarrierError("secret"),
        ExceptionGroup("secret", [CarrierThrottled("secret")]),
        BaseExceptionGroup("secret", [SystemExit("secret"), OSError("secret")]),
    ],
    ids=repr,
)
async def test_what_a_carrier_raises_is_a_fault_that_tells_nothing(
    error: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text is in the log, under the id that is all that others see."""
    with pytest.raises(CarrierFault) as caught:
        await asked(Doing(raising(error)))
    assert "secret" not in str(caught.value)
    error_id = str(caught.value).rpartition(" ")[2]
    logged = capsys.readouterr().out
    assert error_id in logged
    assert "secret" in logged


async def test_a_cancellation_of_somebody_else_is_no_cancellation() -> None:
    """A carrier that kept one and raises it again ends its own attempt."""
    kept: list[trio.Cancelled] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep_forever()
        except trio.Cancelled as cancelled:
            kept.append(cancelled)
            raise
    with pytest.raises(BaseException) as caught:  # a Cancelled would pass for a test that ended
        await asked(Doing(raising(kept[0])))
    assert isinstance(caught.value, CarrierFault)


async def test_our_cancellation_goes_through_whatever_is_beside_it() -> None:
    """An error of the clean-up is the log's business; the call was hung up all the same."""

    async def trip() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise OSError("gone")

    async def deed(report: Report) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trip)
            await trio.sleep_forever()

    border = Border("some", Doing(deed))
    async with trio.open_nursery() as nursery:
        await nursery.start(border.run)
        with trio.CancelScope() as scope:
            nursery.start_soon(cancel_soon, scope)
            await border.place_call(CALL, ignore)
        assert scope.cancelled_caught
        nursery.cancel_scope.cancel()


async def cancel_soon(scope: trio.CancelScope) -> None:
    await trio.testing.wait_all_tasks_blocked()
    scope.cancel()


@pytest.mark.parametrize("error", [CarrierThrottled("full"), CarrierUnavailable("down")], ids=repr)
async def test_own_evidence_outweighs_a_promise(error: CarrierError) -> None:
    """Nothing told: the promise is kept. Ringing told: a phone rang, whatever is said after."""
    with pytest.raises(type(error), match=str(error)):
        await asked(Doing(raising(error)))
    with pytest.raises(type(error)):
        await asked(Doing(raising(error, "on hold", None)))
    for told in Progress:
        with pytest.raises(CarrierFault):
            await asked(Doing(raising(error, told)))


async def test_reports_that_are_none_are_dropped() -> None:
    """Only progress gets through, and a call isn't worse off for a bad report."""
    heard: list[object] = []

    async def deed(report: Any) -> CallResult:
        await trio.lowlevel.checkpoint()
        for progress in ("ringing", None, Progress.RINGING, 7, Progress.ANSWERED):
            report(progress)
        return DONE

    assert await asked(Doing(deed), heard.append) == DONE
    assert heard == [Progress.RINGING, Progress.ANSWERED]


@pytest.mark.parametrize(
    ("asked_s", "sane_s"),
    [
        (30, 30.0),
        (0, 0.0),
        (1e9, MAX_RETRY_AFTER_S),
        pytest.param(10**400, MAX_RETRY_AFTER_S, id="huge"),
        *[(bad, 1.0) for bad in (math.nan, math.inf, -1, "30", None, True)],
    ],
)
def test_a_delay_is_a_sane_number(asked_s: object, sane_s: float) -> None:
    """What is no delay is the usual one; nobody asks for more than an hour."""
    assert sane_delay_s(asked_s) == sane_s


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("486", "486"),
        ("½ Zoë 電話", "½ Zoë 電話"),
        ("a\x00b\r\nc\x7f\x85", "a b  c  "),
        ("\ud83d", "?"),
        ("x" * 100, "x" * 64),
        ("", ""),
    ],
)
def test_a_text_can_be_kept_anywhere(text: str, cleaned: str) -> None:
    """Valid UTF-8, no control characters, and short; everything else stays."""
    assert clean(text, 64) == cleaned


async def test_texts_of_a_result_have_their_bounds() -> None:
    """Each is cut where its column ends."""

    async def deed(report: Report) -> CallResult:
        await trio.lowlevel.checkpoint()
        long = "x" * 10_000
        return CallResult(
            outcome=Outcome.BUSY, carrier_call_id=long, carrier_code=long, detail=long
        )

    result = await asked(Doing(deed))
    lengths = [len(text) for text in (result.carrier_call_id, result.carrier_code, result.detail)]
    assert lengths == [MAX_CALL_ID, MAX_CODE, MAX_DETAIL]


async def telling(result: CallResult) -> CallResult:
    """What gets through the border of that result."""

    async def deed(report: Report) -> CallResult:
        await trio.lowlevel.checkpoint()
        return result

    told: CallResult = await asked(Doing(deed))
    return told


@pytest.mark.parametrize("name", ["carrier_call_id", "carrier_code", "detail"])
async def test_one_text_that_must_be_cleaned_is(name: str) -> None:
    """However clean the others are."""
    texts = {"carrier_call_id": "1", "carrier_code": "486", "detail": "Busy Here"}
    result = await telling(CallResult(outcome=Outcome.BUSY, **{**texts, name: "a\x00b"}))
    assert result == CallResult(outcome=Outcome.BUSY, **{**texts, name: "a b"})


class Fickle(CallResult):
    """A result whose detail isn't the same whenever it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        return object.__getattribute__(self, name) if name != "detail" else f"{id(object())}"


async def test_a_result_of_another_kind_is_copied() -> None:
    """What it does when it is looked at, it does at the border for the last time."""
    result = await telling(Fickle(outcome=Outcome.BUSY))
    assert type(result) is CallResult


class Unsteady(Doing):
    """Its ``run`` fails a few times, each after some seconds, before it stays."""

    def __init__(self, *lives_s: float) -> None:
        super().__init__(raising(ValueError()))
        self.lives_s = list(lives_s)
        self.started_at: list[float] = []

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        self.started_at.append(trio.current_time())
        task_status.started()
        await trio.sleep(self.lives_s.pop(0) if self.lives_s else math.inf)
        raise asyncio.CancelledError


async def test_a_run_that_fails_is_started_again(autojump_clock: MockClock) -> None:
    """After a second, then ever later; meanwhile the carrier is down and asked nothing."""
    carrier = Unsteady(10, 0, 0)
    border = Border("some", carrier)
    async with trio.open_nursery() as nursery:
        await nursery.start(border.run)
        await trio.sleep(10.5)
        for ask in (border.place_call(CALL, ignore), border.follow("attempt", ignore)):
            with pytest.raises(CarrierUnavailable, match="isn't running"):
                await ask
        await trio.sleep(100)
        nursery.cancel_scope.cancel()
    assert carrier.started_at == [0, 11, 13, 17]


class NeverStarts(Doing):
    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await trio.sleep_forever()


async def test_a_carrier_that_does_not_start_keeps_no_server_from_starting(
    autojump_clock: MockClock,
) -> None:
    """It counts as down for as long as it takes."""
    border = Border("some", NeverStarts(raising(ValueError())))
    async with trio.open_nursery() as nursery:
        await nursery.start(border.run)
        assert trio.current_time() == pytest.approx(5)
        with pytest.raises(CarrierUnavailable, match="isn't running"):
            await border.hang_up("attempt_1")
        nursery.cancel_scope.cancel()


async def test_a_hang_up_that_takes_for_ever_is_tried_again(autojump_clock: MockClock) -> None:
    """The one who asks is told so in time."""

    async def deed(report: Report) -> None:
        await trio.sleep_forever()

    border = Border("some", Doing(deed))
    async with trio.open_nursery() as nursery:
        await nursery.start(border.run)
        with pytest.raises(CarrierUnavailable, match="in time"):
            await border.hang_up("attempt_1")
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "limits",
    [
        None,
        CarrierLimits(max_concurrent_calls=-1),
        CarrierLimits(calls_per_second=math.nan),
        CarrierLimits(calls_per_second="5"),  # type: ignore[arg-type]  # the fault
        CarrierLimits(ring_timeout_s=0),
    ],
    ids=repr,
)
def test_limits_that_cannot_be_kept_are_refused_at_the_start(limits: Any) -> None:
    """A server doesn't start on them: its operator can do something about it."""
    carrier = Doing(raising(ValueError()))
    carrier.limits = limits
    with pytest.raises(CarrierError, match="carrier 'some': "):
        Border("some", carrier)
