"""Checks a carrier against the contract in ``batchcalls.carriers.base``.

It sees a carrier from outside only, as the engine does: it runs it, dials, cancels, follows, hangs
up and closes, and refuses what the engine's border refuses. It can't see whether a phone really
rang, nor what the carrier knows after a crash.
It runs under a virtual clock, where the carrier does, or in real time.

A carrier that shields a call from cancellation for ever hangs the check, as it would hang
the engine.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import trio
import trio.testing

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierThrottled,
    NotKnown,
    OutboundCall,
    Progress,
)
from batchcalls.carriers.border import Unbelievable, believed_limits, sane_delay_s
from batchcalls.core.model import Outcome
from batchcalls.testing.breach import BrokenContract
from batchcalls.testing.run import Run
from batchcalls.testing.watched_call import WatchedCall, new_attempt_id, require_believable

CarrierFactory = Callable[[], Carrier | Awaitable[Carrier]]


async def check_carrier(
    factory: CarrierFactory,
    *,
    completes: OutboundCall,
    lasts: OutboundCall,
    one_line: CarrierFactory | None = None,
    patience_s: float = 30.0,
    settle_s: float = 0.5,
) -> None:
    """Prove what can be proven of a carrier from outside; end silently when all is well.

    Args:
      factory: makes a fresh carrier, or an awaitable of one, each time it is called. Every
        carrier made is closed again.
      completes: a call that is answered and ends by itself, completed. Each dial of it, and
        of ``lasts``, gets an attempt id that was never used before.
      lasts: a call that stays up, ringing or answered, until it is hung up.
      one_line: the same as ``factory``, for a carrier with room for one call at a time, which
        throttles the second. Without it, throttling and the freeing of lines go unchecked.
      patience_s: the most seconds that a start, a completing call, a hang-up or a close may take.
      settle_s: how many seconds a call gets to be under way, and reports to come too late.

    Raises:
      BrokenContract: the carrier broke a rule.
    """
    bench = _Bench(factory, completes, lasts, patience_s, settle_s)
    try:
        await _check_every_carrier(bench)
        if one_line is not None:
            await _check_single_line(replace(bench, factory=one_line))
    except BaseExceptionGroup as group:
        breach = _sole_breach(group)
        if breach is None:
            raise
        raise breach from breach.__cause__


@dataclass(frozen=True, slots=True)
class _Bench:
    """What every check needs."""

    factory: CarrierFactory
    completes: OutboundCall
    lasts: OutboundCall
    patience_s: float
    settle_s: float

    @asynccontextmanager
    async def carrier(self) -> AsyncIterator[Carrier]:
        """A fresh carrier that runs, and is closed in the end whatever happens."""
        made = self.factory()
        carrier = await made if inspect.isawaitable(made) else made
        if not isinstance(carrier, Carrier):
            raise BrokenContract(f"the factory must make a Carrier, not {carrier!r}")
        run = Run(carrier)
        async with trio.open_nursery() as nursery:
            await run.start(nursery, within_s=self.patience_s)
            try:
                yield carrier
            finally:
                await run.close(within_s=self.patience_s)

    async def let_run(self) -> None:
        """Give the calls that were started the time to get under way."""
        await trio.sleep(self.settle_s)


async def _check_every_carrier(bench: _Bench) -> None:
    await _check_limits(bench)
    await _check_a_call_that_completes(bench)
    await _check_hanging_up_at_once(bench)
    await _check_hanging_up_later(bench)
    await _check_hanging_up_by_id(bench)
    await _check_calls_side_by_side(bench)
    await _check_a_repeat_while_up(bench)
    await _check_the_unknown(bench)
    await _check_closing(bench)


async def _check_limits(bench: _Bench) -> None:
    async with bench.carrier() as carrier:
        try:
            believed_limits(carrier.limits)
        except Unbelievable as error:
            raise BrokenContract(str(error)) from None


async def _check_a_call_that_completes(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = WatchedCall(carrier, bench.completes)
        nursery.start_soon(dial.run)
        result = await dial.finish(within_s=bench.patience_s)
        if result.outcome is not Outcome.COMPLETED:
            raise BrokenContract(f"a call that completes must end as completed, not {result!r}")
        await _require_remembered(bench, carrier, dial)
        await dial.require_orderly_reports(silence_s=bench.settle_s)
        await _require_no_second_dial(bench, carrier, dial)


async def _require_no_second_dial(bench: _Bench, carrier: Carrier, first: WatchedCall) -> None:
    """Refused with an error that doesn't say "dial again", or told how the first ended."""
    again = WatchedCall(carrier, bench.completes, attempt_id=first.call.attempt_id)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(again.run)
        await again.wait_over(within_s=bench.patience_s)
    again.require_silence("an attempt id is dialed once")
    if again.is_refused or again.result not in (None, first.result):
        raise BrokenContract(
            "an attempt id is dialed once: place_call with one that is known must raise "
            f"CarrierError or return how the first ended: it {again.ending}"
        )


async def _check_hanging_up_at_once(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = WatchedCall(carrier, bench.lasts)
        nursery.start_soon(dial.run)
        await trio.testing.wait_all_tasks_blocked()
        await dial.hang_up(within_s=bench.patience_s)
        await _follow_to_end(bench, carrier, dial)
        await dial.require_orderly_reports(silence_s=bench.settle_s)


async def _check_hanging_up_later(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = WatchedCall(carrier, bench.lasts)
        nursery.start_soon(dial.run)
        await bench.let_run()
        dial.require_up()
        await _require_followed(bench, carrier, dial)
        await dial.hang_up(within_s=bench.patience_s)
        await _require_remembered(bench, carrier, dial)
        await dial.require_orderly_reports(silence_s=bench.settle_s)


async def _check_hanging_up_by_id(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = WatchedCall(carrier, bench.lasts)
        nursery.start_soon(dial.run)
        await bench.let_run()
        dial.require_up()
        await _hang_up(bench, carrier, dial.call.attempt_id)
        await dial.wait_over(within_s=bench.patience_s)
        await _require_remembered(bench, carrier, dial)
        await _hang_up(bench, carrier, dial.call.attempt_id)
        await _require_remembered(bench, carrier, dial)
        await dial.require_orderly_reports(silence_s=bench.settle_s)


async def _check_calls_side_by_side(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        lasting, other = WatchedCall(carrier, bench.lasts), WatchedCall(carrier, bench.lasts)
        completing = WatchedCall(carrier, bench.completes)
        for dial in (lasting, other, completing):
            nursery.start_soon(dial.run)
        await bench.let_run()
        await other.hang_up(within_s=bench.patience_s)
        await completing.finish(within_s=bench.patience_s)
        await lasting.hang_up(within_s=bench.patience_s)


async def _check_a_repeat_while_up(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        first = WatchedCall(carrier, bench.lasts)
        again = WatchedCall(carrier, bench.lasts, attempt_id=first.call.attempt_id)
        nursery.start_soon(first.run)
        await bench.let_run()
        nursery.start_soon(again.run)
        await bench.let_run()
        again.require_silence("an attempt id is dialed once, also while its call is up")
        await _hang_up(bench, carrier, first.call.attempt_id)
        await again.wait_over(within_s=bench.patience_s)
        again.require_silence("an attempt id is dialed once, also while its call is up")
        await first.wait_over(within_s=bench.patience_s)


async def _check_the_unknown(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        found = await _follow(bench, carrier, new_attempt_id())
        if not isinstance(found, NotKnown):
            raise BrokenContract(
                f"follow of an attempt that was never dialed must be NotKnown, not {found!r}"
            )
        barred = WatchedCall(carrier, bench.lasts)
        await _hang_up(bench, carrier, barred.call.attempt_id)
        nursery.start_soon(barred.run)
        await bench.let_run()
        barred.require_undialed("hang_up must bar an attempt that isn't known")


async def _check_closing(bench: _Bench) -> None:
    async with trio.open_nursery() as nursery:
        async with bench.carrier() as carrier:
            dial = WatchedCall(carrier, bench.lasts)
            nursery.start_soon(dial.run)
            await bench.let_run()
            dial.require_up()
        await bench.let_run()
        if dial.result is not None:
            raise BrokenContract(
                f"the end of run must not make up the end of a call that is up: it {dial.ending}"
            )
        nursery.cancel_scope.cancel()


async def _check_single_line(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        first, second = WatchedCall(carrier, bench.lasts), WatchedCall(carrier, bench.completes)
        nursery.start_soon(first.run)
        await bench.let_run()
        first.require_up()
        nursery.start_soon(second.run)
        await _require_throttled(second, within_s=bench.patience_s)
        await first.hang_up(within_s=bench.patience_s)
        await _require_free_line(bench, carrier, freed_by="a hang-up")
        await _require_free_line(bench, carrier, freed_by="the end of a call")


async def _require_throttled(dial: WatchedCall, *, within_s: float) -> None:
    await dial.wait_over(within_s=within_s)
    if not isinstance(dial.error, CarrierThrottled):
        raise BrokenContract(
            f"a second call on a single line must raise CarrierThrottled: it {dial.ending}"
        )
    retry_after_s: object = dial.error.retry_after_s
    if sane_delay_s(retry_after_s) != retry_after_s:
        raise BrokenContract(
            f"retry_after_s must be 0 or more, an hour at most, not {retry_after_s!r}"
        )


async def _require_free_line(bench: _Bench, carrier: Carrier, *, freed_by: str) -> None:
    dial = WatchedCall(carrier, bench.completes)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial.run)
        await dial.wait_over(within_s=bench.patience_s)
    if dial.error is not None:
        raise BrokenContract(f"the line must be free after {freed_by}: the next call {dial.ending}")


async def _require_followed(bench: _Bench, carrier: Carrier, dial: WatchedCall) -> None:
    """Following lasts as long as the call; to stop following it changes nothing."""
    found: object = None
    with trio.move_on_after(bench.settle_s) as patience:
        found = await carrier.follow(dial.call.attempt_id, _no_report)
    if not patience.cancelled_caught:
        raise BrokenContract(
            f"follow must last as long as the call: while it was up, it returned {found!r}"
        )
    await bench.let_run()
    dial.require_up()


async def _require_remembered(bench: _Bench, carrier: Carrier, dial: WatchedCall) -> CallResult:
    found = await _follow_to_end(bench, carrier, dial)
    if isinstance(found, NotKnown):
        raise BrokenContract("follow must tell how a call ended: after its end it was NotKnown")
    return found


async def _follow_to_end(
    bench: _Bench, carrier: Carrier, dial: WatchedCall
) -> CallResult | NotKnown:
    found = await _follow(bench, carrier, dial.call.attempt_id)
    if isinstance(found, NotKnown):
        return found
    if dial.result not in (None, found):
        raise BrokenContract(
            f"follow must tell the same end as place_call: {found!r} where it {dial.ending}"
        )
    return require_believable(found)


async def _follow(bench: _Bench, carrier: Carrier, attempt_id: str) -> CallResult | NotKnown:
    with trio.move_on_after(bench.patience_s):
        return await carrier.follow(attempt_id, _no_report)
    raise BrokenContract(
        "follow must return at once when a call is over or isn't known: "
        f"still running after {bench.patience_s:g} s"
    )


async def _hang_up(bench: _Bench, carrier: Carrier, attempt_id: str) -> None:
    with trio.move_on_after(bench.patience_s):
        try:
            await carrier.hang_up(attempt_id)
        except Exception as error:
            raise BrokenContract(f"hang_up must not raise while all is well: {error!r}") from error
        return
    raise BrokenContract(
        f"hang_up must return when the line is free: still running after {bench.patience_s:g} s"
    )


def _no_report(progress: Progress) -> None:
    """Nobody asks."""


def _sole_breach(group: BaseExceptionGroup[BaseException]) -> BrokenContract | None:
    """The broken rule that nurseries wrapped, where there is one and nothing beside it."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner if isinstance(inner, BrokenContract) else None
