"""Checks a carrier in a process of its own against the contract of ``carrier_service.proto``.

It dials, breaks off, looks up and hangs up, over the wire, as a dialing server does that crashes
and comes back. It can't see whether a phone rang, nor what the carrier knows after a crash of
its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from batchcalls.carriers.base import CallResult, NotKnown
from batchcalls.carriers.process.messages import StillUp
from batchcalls.core.model import Outcome
from batchcalls.testing.breach import BrokenContract
from batchcalls.testing.watched_call import new_attempt_id
from batchcalls.testing.wire import CarrierWire, Numbers, Placed, require_up


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule, and how it was ``broken``; empty if it was kept."""

    rule: str
    broken: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What every rule needs."""

    wire: CarrierWire
    numbers: Numbers
    settle_s: float
    lines: int

    def let_run(self) -> None:
        """Give the carrier the time to do what it mustn't."""
        time.sleep(self.settle_s)

    def lasting(self) -> Placed:
        """A call that is up."""
        placed = self.wire.place(self.numbers.lasts)
        placed.require_taken()
        return placed


def check_carrier_process(
    address: str,
    *,
    numbers: Numbers,
    lines: int = 0,
    patience_s: float = 60.0,
    settle_s: float = 0.5,
) -> Iterator[Finding]:
    """Try one rule after the other, and tell of each as soon as it is known.

    Args:
      address: where the carrier listens, ``HOST:PORT`` or ``unix:PATH``.
      numbers: what to dial. Attempt ids are new in every run.
      lines: how many calls the carrier takes at once; that one more is refused goes unchecked
        where it is 0.
      patience_s: the most seconds that a connection, a completing call or an answer may take.
      settle_s: how long the carrier gets to do what it mustn't.

    Raises:
      Unreachable: nobody is at the address.
    """
    with CarrierWire(address, patience_s=patience_s) as wire:
        wire.connect()
        bench = _Bench(wire=wire, numbers=numbers, settle_s=settle_s, lines=lines)
        for rule, check in _RULES.items():
            if check is not _refuses_when_full or lines:
                yield Finding(rule=rule, broken=_breach(check, bench))


def _breach(check: Callable[[_Bench], None], bench: _Bench) -> str:
    try:
        check(bench)
    except BrokenContract as broken:
        return str(broken)
    return ""


def _tells_to_the_end(bench: _Bench) -> None:
    result = bench.wire.place(bench.numbers.completes).finish()
    if result.outcome is not Outcome.COMPLETED:
        raise BrokenContract(f"a call that completes must end as completed, not {result!r}")


def _remembers_ends(bench: _Bench) -> None:
    placed = bench.wire.place(bench.numbers.completes)
    result = placed.finish()
    found = bench.wire.look_up(placed.attempt_id)
    if found != result:
        raise BrokenContract(f"LookUp must tell the end that was told, {result!r}, not {found!r}")


def _dials_an_attempt_once(bench: _Bench) -> None:
    placed = bench.wire.place(bench.numbers.completes)
    result = placed.finish()
    bench.wire.place(bench.numbers.completes, attempt_id=placed.attempt_id).require_known()
    found = bench.wire.look_up(placed.attempt_id)
    if found != result:
        raise BrokenContract(f"a repeat must not change how the first ended: it is {found!r}")


def _dials_an_attempt_once_while_up(bench: _Bench) -> None:
    placed = bench.lasting()
    try:
        bench.wire.place(bench.numbers.lasts, attempt_id=placed.attempt_id).require_known()
        require_up(bench.wire, placed.attempt_id, why="a repeat must not end the first call")
    finally:
        bench.wire.hang_up(placed.attempt_id)


def _goes_on_when_the_telling_breaks(bench: _Bench) -> None:
    placed = bench.lasting()
    placed.break_off()
    try:
        bench.let_run()
        require_up(bench.wire, placed.attempt_id, why="a broken stream must not end its call")
    finally:
        bench.wire.hang_up(placed.attempt_id)
    _require_over(bench, placed.attempt_id)


def _tells_the_end_of_a_call_hung_up(bench: _Bench) -> None:
    placed = bench.lasting()
    bench.wire.hang_up(placed.attempt_id)
    result = placed.finish()
    found = bench.wire.look_up(placed.attempt_id)
    if found != result:
        raise BrokenContract(f"LookUp must tell the end that was told, {result!r}, not {found!r}")


def _hangs_up_twice(bench: _Bench) -> None:
    placed = bench.wire.place(bench.numbers.completes)
    result = placed.finish()
    for _ in range(2):
        bench.wire.hang_up(placed.attempt_id)
    found = bench.wire.look_up(placed.attempt_id)
    if found != result:
        raise BrokenContract(f"HangUp of a call that is over must not change its end to {found!r}")


def _bars_the_unknown(bench: _Bench) -> None:
    attempt_id = new_attempt_id()
    bench.wire.hang_up(attempt_id)
    late = bench.wire.place(bench.numbers.lasts, attempt_id=attempt_id)
    try:
        late.require_known()
    finally:
        late.break_off()
        bench.wire.hang_up(attempt_id)


def _knows_nothing_of_the_unknown(bench: _Bench) -> None:
    found = bench.wire.look_up(new_attempt_id())
    if not isinstance(found, NotKnown):
        raise BrokenContract(f"an attempt that was never dialed must be not_known, not {found!r}")


def _refuses_when_full(bench: _Bench) -> None:
    up = [bench.lasting() for _ in range(bench.lines)]
    try:
        refused = bench.wire.place(bench.numbers.completes)
        refused.require_refused()
        if isinstance(bench.wire.look_up(refused.attempt_id), CallResult | StillUp):
            raise BrokenContract("a call that was refused must not be known as dialed")
    finally:
        for placed in up:
            bench.wire.hang_up(placed.attempt_id)
    bench.wire.place(bench.numbers.completes).finish()


def _require_over(bench: _Bench, attempt_id: str) -> None:
    found = bench.wire.look_up(attempt_id)
    if not isinstance(found, CallResult):
        raise BrokenContract(f"LookUp of a call that was hung up must tell its end, not {found!r}")


_RULES = {
    "a call is told to its end": _tells_to_the_end,
    "a call that is hung up is told to its end": _tells_the_end_of_a_call_hung_up,
    "ends are remembered": _remembers_ends,
    "an attempt id is dialed once": _dials_an_attempt_once,
    "an attempt id is dialed once, also while its call is up": _dials_an_attempt_once_while_up,
    "a call goes on when its stream breaks": _goes_on_when_the_telling_breaks,
    "hanging up what is over changes nothing": _hangs_up_twice,
    "hanging up an attempt that isn't known bars it": _bars_the_unknown,
    "an attempt that was never dialed isn't known": _knows_nothing_of_the_unknown,
    "a call too many is refused with its details": _refuses_when_full,
}
