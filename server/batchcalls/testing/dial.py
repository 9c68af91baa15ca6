"""One call under watch: what the carrier reports of it, when and how it ends.

It knows the rules that hold for any single call; which calls to place is the checks' business.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from uuid import uuid4

import trio

from batchcalls.carriers.base import (
    CallResult,
    Carrier,
    CarrierThrottled,
    CarrierUnavailable,
    OutboundCall,
    Progress,
)


class BrokenContract(AssertionError):
    """The carrier broke a rule of the contract; the text says which, and how."""


def _make_attempt_ids() -> Iterator[str]:
    run = uuid4().hex
    for number in count(1):
        yield f"attempt_check{run}_0_{number}"


_attempt_ids = _make_attempt_ids()


def new_attempt_id() -> str:
    """An attempt id that no carrier has seen, in this process or an earlier one."""
    return next(_attempt_ids)


class Dial:
    """One ``place_call`` of ``call``, under an attempt id of its own."""

    def __init__(self, carrier: Carrier, call: OutboundCall) -> None:
        self.call = replace(call, attempt_id=new_attempt_id())
        self.result: CallResult | None = None
        self.error: Exception | None = None
        self.over = trio.Event()
        self._carrier = carrier
        self._scope = trio.CancelScope()
        self._progress: list[object] = []
        self._complaint = ""

    def __repr__(self) -> str:
        return f"<Dial {self.ending if self.over.is_set() else 'running'}>"

    @property
    def ending(self) -> str:
        """How ``place_call`` ended, for a message."""
        return f"raised {self.error!r}" if self.error else f"returned {self.result!r}"

    async def run(self) -> None:
        """Place the call and keep how it ended; nothing but an outer cancellation escapes."""
        try:
            with self._scope:
                self.result = await self._carrier.place_call(self.call, self._report)
        except Exception as error:  # noqa: BLE001 - whatever a carrier raises is what we check
            self.error = error
        finally:
            self.over.set()

    async def wait_over(self, *, within_s: float) -> None:
        """Wait for the end of the call, which must come in time."""
        with trio.move_on_after(within_s):
            await self.over.wait()
        if not self.over.is_set():
            raise BrokenContract(
                f"place_call must return when the call is over: still running after {within_s:g} s"
            )
        self._require_honest_refusal()

    async def finish(self, *, within_s: float) -> CallResult:
        """Wait for the end of the call, which must be a result."""
        await self.wait_over(within_s=within_s)
        if not isinstance(self.result, CallResult):
            raise BrokenContract(f"place_call must return a CallResult: it {self.ending}")
        return self.result

    async def hang_up(self, *, within_s: float) -> None:
        """Cancel the call, which must be up, and must end by that and in time."""
        self.require_up()
        cancelled_at = trio.current_time()
        self._scope.cancel()
        await self.over.wait()
        took_s = trio.current_time() - cancelled_at
        if took_s > within_s:
            raise BrokenContract(
                f"cancelling place_call must hang up within {within_s:g} s: it took {took_s:g} s"
            )
        if not self._scope.cancelled_caught:
            raise BrokenContract(
                f"a cancelled place_call must let the cancellation through: it {self.ending}"
            )

    def require_up(self) -> None:
        """The call isn't over yet."""
        if self.over.is_set():
            self._require_honest_refusal()
            raise BrokenContract(
                f"place_call must last as long as the call: while it was up, it {self.ending}"
            )

    async def require_orderly_reports(self, *, silence_s: float) -> None:
        """Every report was a ``Progress``, and none comes within ``silence_s`` of the end."""
        await trio.sleep(silence_s)
        if self._complaint:
            raise BrokenContract(self._complaint)

    def _require_honest_refusal(self) -> None:
        refused = isinstance(self.error, CarrierThrottled | CarrierUnavailable)
        if refused and self._progress:
            raise BrokenContract(
                "throttled and unavailable promise that the phone did not ring: after reporting "
                f"{self._progress[0]!r}, place_call {self.ending}"
            )

    def _report(self, progress: object) -> None:
        self._progress.append(progress)
        if self.over.is_set():
            self._complaint = f"report is for while place_call runs: {progress!r} came after it"
        elif not isinstance(progress, Progress):
            self._complaint = f"report takes a Progress, not {progress!r}"
