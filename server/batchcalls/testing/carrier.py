"""Checks a carrier against the contract in ``batchcalls.carriers.base``.

It sees a carrier from outside only, as the engine does: it dials, cancels, looks up and
closes. It can't see whether a phone really rang, nor what the carrier knows after a crash.
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
    Carrier,
    CarrierLimits,
    CarrierThrottled,
    Ended,
    NotKnown,
    OutboundCall,
    StillUp,
)
from batchcalls.core.model import Outcome
from batchcalls.testing.dial import BrokenContract, Dial, new_attempt_id

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
      patience_s: the most seconds that a completing call, a hang-up or a close may take.
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
        """A fresh carrier, closed in the end whatever happens."""
        made = self.factory()
        carrier = await made if inspect.isawaitable(made) else made
        if not isinstance(carrier, Carrier):
            raise BrokenContract(f"the factory must make a Carrier, not {carrier!r}")
        try:
            yield carrier
        finally:
            await _close(carrier, within_s=self.patience_s)

    async def let_run(self) -> None:
        """Give the calls that were started the time to get under way."""
        await trio.sleep(self.settle_s)


async def _check_every_carrier(bench: _Bench) -> None:
    await _check_limits(bench)
    await _check_a_call_that_completes(bench)
    await _check_hanging_up_at_once(bench)
    await _check_hanging_up_later(bench)
    await _check_calls_side_by_side(bench)
    await _check_lookup_of_the_unknown(bench)
    await _check_closing(bench)


async def _check_limits(bench: _Bench) -> None:
    async with bench.carrier() as carrier:
        limits = carrier.limits
    if not isinstance(limits, CarrierLimits):
        raise BrokenContract(f"limits must be CarrierLimits, not {limits!r}")
    if limits.max_concurrent_calls < 0 or limits.calls_per_second < 0:
        raise BrokenContract(f"limits must be 0, which is none, or more: {limits!r}")
    if not limits.ring_timeout_s > 0:
        raise BrokenContract(f"ring_timeout_s must be more than 0: {limits!r}")


async def _check_a_call_that_completes(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = Dial(carrier, bench.completes)
        nursery.start_soon(dial.run)
        result = await dial.finish(within_s=bench.patience_s)
        if result.outcome is not Outcome.COMPLETED:
            raise BrokenContract(f"a call that completes must end as completed, not {result!r}")
        await _require_known_as_over(carrier, dial)
        await dial.require_orderly_reports(silence_s=bench.settle_s)


async def _check_hanging_up_at_once(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = Dial(carrier, bench.lasts)
        nursery.start_soon(dial.run)
        await trio.testing.wait_all_tasks_blocked()
        await dial.hang_up(within_s=bench.patience_s)
        await _require_known_as_over(carrier, dial)
        await dial.require_orderly_reports(silence_s=bench.settle_s)


async def _check_hanging_up_later(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = Dial(carrier, bench.lasts)
        nursery.start_soon(dial.run)
        await bench.let_run()
        dial.require_up()
        await _require_known_as_up(carrier, dial)
        await dial.hang_up(within_s=bench.patience_s)
        await _require_known_as_over(carrier, dial)
        await dial.require_orderly_reports(silence_s=bench.settle_s)


async def _check_calls_side_by_side(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        lasting, other = Dial(carrier, bench.lasts), Dial(carrier, bench.lasts)
        completing = Dial(carrier, bench.completes)
        for dial in (lasting, other, completing):
            nursery.start_soon(dial.run)
        await bench.let_run()
        await other.hang_up(within_s=bench.patience_s)
        await completing.finish(within_s=bench.patience_s)
        await lasting.hang_up(within_s=bench.patience_s)


async def _check_lookup_of_the_unknown(bench: _Bench) -> None:
    async with bench.carrier() as carrier:
        found = await carrier.lookup(new_attempt_id())
    if not isinstance(found, NotKnown):
        raise BrokenContract(
            f"lookup of an attempt that was never dialed must be NotKnown, not {found!r}"
        )


async def _check_closing(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        dial = Dial(carrier, bench.lasts)
        nursery.start_soon(dial.run)
        await bench.let_run()
        dial.require_up()
        await _close(carrier, within_s=bench.patience_s)
        await _close(carrier, within_s=bench.patience_s)
        await bench.let_run()
        if dial.result is not None:
            raise BrokenContract(
                f"aclose must not make up the end of a call that is up: it {dial.ending}"
            )
        nursery.cancel_scope.cancel()


async def _check_single_line(bench: _Bench) -> None:
    async with bench.carrier() as carrier, trio.open_nursery() as nursery:
        first, second = Dial(carrier, bench.lasts), Dial(carrier, bench.completes)
        nursery.start_soon(first.run)
        await bench.let_run()
        first.require_up()
        nursery.start_soon(second.run)
        await _require_throttled(second, within_s=bench.patience_s)
        await first.hang_up(within_s=bench.patience_s)
        await _require_free_line(bench, carrier, freed_by="a hang-up")
        await _require_free_line(bench, carrier, freed_by="the end of a call")


async def _require_throttled(dial: Dial, *, within_s: float) -> None:
    await dial.wait_over(within_s=within_s)
    if not isinstance(dial.error, CarrierThrottled):
        raise BrokenContract(
            f"a second call on a single line must raise CarrierThrottled: it {dial.ending}"
        )
    if not dial.error.retry_after_s >= 0:
        raise BrokenContract(f"retry_after_s must be 0 or more, not {dial.error.retry_after_s}")


async def _require_free_line(bench: _Bench, carrier: Carrier, *, freed_by: str) -> None:
    dial = Dial(carrier, bench.completes)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dial.run)
        await dial.wait_over(within_s=bench.patience_s)
    if dial.error is not None:
        raise BrokenContract(f"the line must be free after {freed_by}: the next call {dial.ending}")


async def _require_known_as_up(carrier: Carrier, dial: Dial) -> None:
    found = await carrier.lookup(dial.call.attempt_id)
    if not isinstance(found, StillUp | NotKnown):
        raise BrokenContract(
            f"lookup of a call that is up must be StillUp or NotKnown, not {found!r}"
        )


async def _require_known_as_over(carrier: Carrier, dial: Dial) -> None:
    found = await carrier.lookup(dial.call.attempt_id)
    if not isinstance(found, Ended | NotKnown):
        raise BrokenContract(
            f"lookup of a call that is over must be Ended or NotKnown, not {found!r}"
        )
    if isinstance(found, Ended) and dial.result not in (None, found.result):
        raise BrokenContract(
            f"lookup must tell the same end as place_call: {found.result!r} where it {dial.ending}"
        )


async def _close(carrier: Carrier, *, within_s: float) -> None:
    with trio.move_on_after(within_s, shield=True) as scope:
        try:
            await carrier.aclose()
        except Exception as error:
            raise BrokenContract(f"aclose must be idempotent and not raise {error!r}") from error
    if scope.cancelled_caught:
        raise BrokenContract(
            f"aclose must not wait for calls that are up: still closing after {within_s:g} s"
        )


def _sole_breach(group: BaseExceptionGroup[BaseException]) -> BrokenContract | None:
    """The broken rule that nurseries wrapped, where there is one and nothing beside it."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup) and len(inner.exceptions) == 1:
        inner = inner.exceptions[0]
    return inner if isinstance(inner, BrokenContract) else None
